"""Deploys template.yaml to the local stack by a CloudFormation change set, reads back what must hold, seeds tokens.

Reads one JSON request from standard input, writes one JSON object a line to standard output: `{"step": …}` while it
works, then `{"result": …}` or `{"error": …}`. The request:
  endpoint, stack, template, build (folder for packages), record (file that remembers the last deploy),
  code {logical id: binary}, parameters {name: value}, owner {secret name, username, password}, tokens [item]
A repeat changes nothing: the same template, code and parameters on a complete stack are recognised by their hash.
"""

import base64
import hashlib
import json
import os
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

import readback
from resolve import Resolver

COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
ERROR_CHARS_MAX = 4000
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class DeployFailed(Exception):
    """A deploy that did not come to its end; the text names each resource that failed."""


def emit(kind, value):
    print(json.dumps({kind: value}), flush=True)


class Clients:
    """One boto3 client a service, all at the emulator, with its local administrator's key."""

    def __init__(self, endpoint):
        self.session = boto3.session.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        self.config = Config(retries={"max_attempts": 2}, read_timeout=120, s3={"addressing_style": "path"})
        self.endpoint = endpoint
        self.made = {}

    def __call__(self, service):
        if service not in self.made:
            self.made[service] = self.session.client(service, endpoint_url=self.endpoint, config=self.config)
        return self.made[service]


def package(build, logical_id, binary):
    """Zips a binary as `bootstrap`: the same binary gives the same bytes. Returns (path, SHA-256 in hex)."""
    path = os.path.join(build, f"{logical_id}.zip")
    with open(binary, "rb") as file:
        content = file.read()
    entry = zipfile.ZipInfo("bootstrap", ZIP_TIME)
    entry.external_attr = 0o100755 << 16
    entry.create_system = 3
    # Stored, not deflated: the emulator unpacks it on the same disk a moment later.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, content)
    with open(path, "rb") as file:
        return path, hashlib.sha256(file.read()).hexdigest()


def put_code(clients, bucket, packages):
    s3 = clients("s3")
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        s3.create_bucket(Bucket=bucket)
    keys = {}
    for logical_id, (path, digest) in packages.items():
        keys[logical_id] = f"{logical_id}/{digest}.zip"
        try:
            s3.head_object(Bucket=bucket, Key=keys[logical_id])
        except ClientError:
            with open(path, "rb") as file:
                s3.put_object(Bucket=bucket, Key=keys[logical_id], Body=file)
    return keys


def put_owner_secret(clients, owner):
    """Creates the database owner's secret, or brings it to the known password. Returns its ARN."""
    secrets = clients("secretsmanager")
    value = json.dumps({"username": owner["username"], "password": owner["password"]})
    try:
        found = secrets.get_secret_value(SecretId=owner["secret"])
    except secrets.exceptions.ResourceNotFoundException:
        return secrets.create_secret(Name=owner["secret"], SecretString=value)["ARN"]
    if found["SecretString"] != value:
        secrets.put_secret_value(SecretId=owner["secret"], SecretString=value)
    return found["ARN"]


def read_template(path, bucket, keys):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for logical_id, key in keys.items():
        resource = template["Resources"].get(logical_id)
        if resource is None:
            emit("step", f"template.yaml has no {logical_id}: its binary is not deployed")
            continue
        resource["Properties"]["CodeUri"] = f"s3://{bucket}/{key}"
        resource.get("Metadata", {}).pop("BuildMethod", None)
    return template


def known_parameters(template, parameters):
    declared = template.get("Parameters", {})
    for name in sorted(set(parameters) - set(declared)):
        emit("step", f"template.yaml has no parameter {name}: it is left out")
    return {name: str(value) for name, value in parameters.items() if name in declared}


def stack_status(clients, stack):
    try:
        return clients("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def wait_for(read, is_done, what, seconds=600):
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        if is_done(found):
            return found
        if time.monotonic() > deadline:
            raise DeployFailed(f"{what} did not end within {seconds} s (last seen: {found})")
        time.sleep(0.2)


def failed_events(clients, stack, seen):
    pages = clients("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"] if event["EventId"] not in seen]
    lines = []
    for event in sorted(events, key=lambda item: item["Timestamp"]):
        if event["ResourceStatus"].endswith("FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            lines.append(f'{event["LogicalResourceId"]} ({event.get("ResourceType", "")}): {reason}')
    return lines


def event_ids(clients, stack):
    try:
        pages = clients("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        return {event["EventId"] for page in pages for event in page["StackEvents"]}
    except ClientError:
        return set()


def clear_unusable(clients, stack):
    """Deletes a stack that no update can reach: one whose creation failed or was cut short."""
    status = stack_status(clients, stack)
    if status is None or status in COMPLETE or status == "REVIEW_IN_PROGRESS":
        return status
    emit("step", f"the stack is {status}: it is deleted and made again, over the objects it left")
    clients("cloudformation").delete_stack(StackName=stack)
    wait_for(lambda: stack_status(clients, stack), lambda found: found in (None, "DELETE_COMPLETE"), "the deletion")
    return None


def put_template(clients, bucket, template):
    """Puts the template where CloudFormation can read it (as a parameter it may have 51,200 bytes only)."""
    key = "template.json"
    clients("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    return f"{clients.endpoint}/{bucket}/{key}"


def run_change_set(clients, stack, template_url, parameters):
    cloudformation = clients("cloudformation")
    status = clear_unusable(clients, stack)
    creates = status in (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
    seen = event_ids(clients, stack)
    name = f"change-{time.time_ns()}"
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType="CREATE" if creates else "UPDATE",
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    described = wait_for(
        lambda: cloudformation.describe_change_set(StackName=stack, ChangeSetName=name),
        lambda found: found["Status"] in ("CREATE_COMPLETE", "FAILED"),
        "the change set",
    )
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "")
        if "didn't contain changes" in reason or "No updates" in reason:
            return "unchanged"
        raise DeployFailed(f"the change set was refused: {reason}")
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=name)
    emit("step", f"change set with {len(described['Changes'])} changes is carried out")
    final = wait_for(
        lambda: stack_status(clients, stack),
        lambda found: found is None or (not found.endswith("IN_PROGRESS") and found != "REVIEW_IN_PROGRESS"),
        "the deploy",
    )
    if final not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        lines = failed_events(clients, stack, seen)
        raise DeployFailed(f"the stack ended as {final}:\n  " + "\n  ".join(lines or ["no event tells why"]))
    return "created" if creates else "updated"


def read_record(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def write_record(path, record):
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
    os.replace(path + ".tmp", path)


def physical_ids(clients, stack):
    pages = clients("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        item["LogicalResourceId"]: item["PhysicalResourceId"]
        for page in pages for item in page["StackResourceSummaries"] if item.get("PhysicalResourceId")
    }


def attribute_reader(clients):
    def read(kind, physical_id, attribute):
        from resolve import UNKNOWN

        try:
            if kind == "AWS::KMS::Key" and attribute == "Arn":
                return clients("kms").describe_key(KeyId=physical_id)["KeyMetadata"]["Arn"]
            if kind == "AWS::SQS::Queue" and attribute == "Arn":
                found = clients("sqs").get_queue_attributes(QueueUrl=physical_id, AttributeNames=["QueueArn"])
                return found["Attributes"]["QueueArn"]
            if kind == "AWS::IAM::Role" and attribute == "Arn":
                return clients("iam").get_role(RoleName=physical_id)["Role"]["Arn"]
        except ClientError:
            pass
        return UNKNOWN

    return read


def functions_hold_code(clients, ids, packages):
    """Whether each deployed function runs the bytes of its package (a lost code folder shows here)."""
    for logical_id, (_, digest) in packages.items():
        if logical_id not in ids:
            continue
        try:
            found = clients("lambda").get_function_configuration(FunctionName=ids[logical_id])
        except ClientError:
            return False
        if found.get("CodeSha256") != base64.b64encode(bytes.fromhex(digest)).decode():
            return False
    return True


def processed_template(clients, stack, template):
    body = clients("cloudformation").get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    parsed = yaml_parse(body) if isinstance(body, str) else body
    return json.loads(json.dumps(parsed)) if parsed.get("Resources") else template


def effective_parameters(template, parameters):
    defaults = {
        name: declared["Default"] for name, declared in template.get("Parameters", {}).items() if "Default" in declared
    }
    return defaults | parameters


def read_back(clients, stack, template, parameters, ids):
    processed = processed_template(clients, stack, template)
    resolver = Resolver(processed, effective_parameters(processed, parameters), ids, attribute_reader(clients))
    api_id = next((ids.get(name) for name, resource in processed["Resources"].items()
                   if resource["Type"] == "AWS::ApiGatewayV2::Api"), None)
    outcomes = readback.apply(clients, processed, resolver, ids, api_id)
    return [{"resource": a, "property": b, "outcome": c, "detail": d} for a, b, c, d in outcomes]


def seed_tokens(clients, table, tokens):
    """Writes each token that the table does not hold. Returns the names of those that were written."""
    dynamodb = clients("dynamodb")
    written = []
    for token in tokens:
        key = {"client_id": {"S": token["client_id"]}}
        found = dynamodb.get_item(TableName=table, Key=key).get("Item", {})
        if found.get("token_hash", {}).get("S") == token["token_hash"]:
            continue
        item = key | {
            "token_hash": {"S": token["token_hash"]},
            "name": {"S": token["name"]},
            "scopes": {"SS": token["scopes"]},
            "created_at": {"S": token["created_at"]},
            "expires_at": {"N": str(token["expires_at"])},
        }
        dynamodb.put_item(TableName=table, Item=item)
        written.append(token["name"])
    return written


def deploy(request):
    clients = Clients(request["endpoint"])
    stack = request["stack"]
    record = read_record(request["record"])
    os.makedirs(request["build"], exist_ok=True)
    packages = {name: package(request["build"], name, path) for name, path in request["code"].items()}
    secret_arn = put_owner_secret(clients, request["owner"])
    bucket = f"{stack}-code"
    template = read_template(request["template"], bucket, put_code(clients, bucket, packages))
    parameters = known_parameters(template, request["parameters"] | {"DatabaseOwnerSecretArn": secret_arn})
    text = json.dumps([template, parameters], sort_keys=True, default=str)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()

    before = stack_status(clients, stack)
    ids = physical_ids(clients, stack) if before in COMPLETE else {}
    same = record.get("fingerprint") == fingerprint and before in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    if same and functions_hold_code(clients, ids, packages):
        outcome = "unchanged"
    else:
        outcome = run_change_set(clients, stack, put_template(clients, bucket, template), parameters)
        ids = physical_ids(clients, stack)
    described = clients("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}
    emit("step", "what the emulator drops is put back and read back")
    settled = read_back(clients, stack, template, parameters, ids)
    table = outputs.get("ClientsTableName")
    seeded = seed_tokens(clients, table, request["tokens"]) if table else []
    write_record(request["record"], {
        "fingerprint": fingerprint,
        "functions": {name: {"name": ids.get(name), "code": digest} for name, (_, digest) in packages.items()},
        "outputs": outputs,
        "resources": ids,
    })
    return {
        "outcome": outcome, "stack_was": before, "outputs": outputs, "resources": ids, "settled": settled,
        "tokens_seeded": seeded, "owner_secret": secret_arn,
    }


def main():
    try:
        emit("result", deploy(json.load(sys.stdin)))
    except (DeployFailed, ClientError, OSError) as error:
        emit("error", str(error)[:ERROR_CHARS_MAX])
        sys.exit(1)


if __name__ == "__main__":
    main()
