"""After a deploy: what the template declares and the emulator drops is put back by API, and read back.

Each check names a property, how to read it and how to put it. A property that already reads back as declared is
held; one that is put and then reads back is put back; one that still does not is "not held locally" and listed.
When the emulator learns to keep a property, its check finds it held and does nothing.
"""

from dataclasses import dataclass
from typing import Any, Callable

from botocore.exceptions import ClientError, ParamValidationError

from resolve import has_unknown

HELD, PUT_BACK, NOT_HELD = "held", "put back", "not held locally"


@dataclass
class Check:
    """One property of a resource type."""

    type: str
    property: str
    read: Callable[[Any, str], Any]
    put: Callable[[Any, str, Any], Any]
    wanted: Callable[[Any], Any] = lambda declared: declared


def covers(found, wanted):
    """Whether everything that is wanted is found; more may be found."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(covers(found.get(key), item) for key, item in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(covers, found, wanted))
    if isinstance(wanted, bool) or isinstance(found, bool):
        return str(found).lower() == str(wanted).lower()
    return found is not None and str(found) == str(wanted)


def flag(value):
    return str(value).lower() == "true"


def lifecycle_rules(declared):
    return [lifecycle_rule(rule) for rule in declared["Rules"]]


def lifecycle_rule(rule):
    result = {"ID": rule.get("Id", "rule"), "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        result["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if flag(rule.get("ExpiredObjectDeleteMarker")):
        result["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "NoncurrentVersionExpiration" in rule:
        noncurrent = rule["NoncurrentVersionExpiration"]
        result["NoncurrentVersionExpiration"] = {key: int(value) for key, value in noncurrent.items()}
    if "NoncurrentVersionExpirationInDays" in rule:
        result["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(rule["NoncurrentVersionExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        result["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(days)}
    if "Transitions" in rule:
        result["Transitions"] = [
            {"Days": int(item["TransitionInDays"]), "StorageClass": item["StorageClass"]} for item in rule["Transitions"]
        ]
    return result


def encryption_rules(declared):
    rules = []
    for rule in declared["ServerSideEncryptionConfiguration"]:
        default = rule["ServerSideEncryptionByDefault"]
        result = {"ApplyServerSideEncryptionByDefault": default}
        if "BucketKeyEnabled" in rule:
            result["BucketKeyEnabled"] = flag(rule["BucketKeyEnabled"])
        rules.append(result)
    return rules


def public_access(declared):
    return {key: flag(value) for key, value in declared.items()}


def route_settings(declared):
    numbers = {"ThrottlingBurstLimit": int, "ThrottlingRateLimit": float, "DetailedMetricsEnabled": flag}
    return {key: numbers.get(key, str)(value) for key, value in declared.items()}


def table_encryption(declared):
    wanted = {"Enabled": flag(declared["SSEEnabled"])}
    return wanted | {key: declared[key] for key in ("SSEType", "KMSMasterKeyId") if key in declared}


def read_table_encryption(clients, name):
    found = clients("dynamodb").describe_table(TableName=name)["Table"].get("SSEDescription", {})
    return {
        "Enabled": found.get("Status") in ("ENABLED", "UPDATING"),
        "SSEType": found.get("SSEType"),
        "KMSMasterKeyId": found.get("KMSMasterKeyArn"),
    }


def read_point_in_time(clients, name):
    found = clients("dynamodb").describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    status = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    return {"PointInTimeRecoveryEnabled": status == "ENABLED"}


def read_time_to_live(clients, name):
    found = clients("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return {"AttributeName": found.get("AttributeName"), "Enabled": found["TimeToLiveStatus"].startswith("ENABL")}


SCHEDULE_PARTS = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "State", "Target")


def schedule_check(part):
    def put(clients, name, wanted):
        found = clients("scheduler").get_schedule(Name=name)
        parts = {key: found[key] for key in SCHEDULE_PARTS if key in found}
        clients("scheduler").update_schedule(Name=name, **(parts | {part: wanted}))

    return Check(
        "AWS::Scheduler::Schedule", part, lambda clients, name: clients("scheduler").get_schedule(Name=name).get(part), put)


def stage_key(physical_id, declared_api):
    return {"ApiId": declared_api, "StageName": physical_id}


def checks(api_id):
    """All checks. `api_id` is the stack's HTTP API: a stage's own physical id does not name it."""
    return [
        Check(
            "AWS::DynamoDB::Table", "TimeToLiveSpecification", read_time_to_live,
            lambda clients, name, wanted: clients("dynamodb").update_time_to_live(
                TableName=name, TimeToLiveSpecification=wanted),
            lambda declared: {"AttributeName": declared["AttributeName"], "Enabled": flag(declared["Enabled"])},
        ),
        Check(
            "AWS::DynamoDB::Table", "PointInTimeRecoverySpecification", read_point_in_time,
            lambda clients, name, wanted: clients("dynamodb").update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification=wanted),
            lambda declared: {"PointInTimeRecoveryEnabled": flag(declared["PointInTimeRecoveryEnabled"])},
        ),
        Check(
            "AWS::DynamoDB::Table", "SSESpecification", read_table_encryption,
            lambda clients, name, wanted: clients("dynamodb").update_table(TableName=name, SSESpecification=wanted),
            table_encryption,
        ),
        Check(
            "AWS::S3::Bucket", "LifecycleConfiguration",
            lambda clients, name: clients("s3").get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
            lambda clients, name, wanted: clients("s3").put_bucket_lifecycle_configuration(
                Bucket=name, LifecycleConfiguration={"Rules": wanted}),
            lifecycle_rules,
        ),
        Check(
            "AWS::S3::Bucket", "BucketEncryption",
            lambda clients, name: clients("s3").get_bucket_encryption(Bucket=name)[
                "ServerSideEncryptionConfiguration"]["Rules"],
            lambda clients, name, wanted: clients("s3").put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration={"Rules": wanted}),
            encryption_rules,
        ),
        Check(
            "AWS::S3::Bucket", "PublicAccessBlockConfiguration",
            lambda clients, name: clients("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
            lambda clients, name, wanted: clients("s3").put_public_access_block(
                Bucket=name, PublicAccessBlockConfiguration=wanted),
            public_access,
        ),
        Check(
            "AWS::S3::Bucket", "VersioningConfiguration",
            lambda clients, name: {"Status": clients("s3").get_bucket_versioning(Bucket=name).get("Status")},
            lambda clients, name, wanted: clients("s3").put_bucket_versioning(
                Bucket=name, VersioningConfiguration=wanted),
        ),
        Check(
            "AWS::Lambda::Function", "KmsKeyArn",
            lambda clients, name: clients("lambda").get_function_configuration(FunctionName=name).get("KMSKeyArn"),
            lambda clients, name, wanted: clients("lambda").update_function_configuration(
                FunctionName=name, KMSKeyArn=wanted),
        ),
        Check(
            "AWS::Lambda::Function", "ReservedConcurrentExecutions",
            lambda clients, name: clients("lambda").get_function_concurrency(FunctionName=name).get(
                "ReservedConcurrentExecutions"),
            lambda clients, name, wanted: clients("lambda").put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=wanted),
            int,
        ),
        Check(
            "AWS::ApiGatewayV2::Stage", "DefaultRouteSettings",
            lambda clients, name: clients("apigatewayv2").get_stage(**stage_key(name, api_id)).get(
                "DefaultRouteSettings"),
            lambda clients, name, wanted: clients("apigatewayv2").update_stage(
                **stage_key(name, api_id), DefaultRouteSettings=wanted),
            route_settings,
        ),
        Check(
            "AWS::Logs::LogGroup", "RetentionInDays",
            lambda clients, name: clients("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0].get(
                "retentionInDays"),
            lambda clients, name, wanted: clients("logs").put_retention_policy(
                logGroupName=name, retentionInDays=wanted),
            int,
        ),
        *map(schedule_check, SCHEDULE_PARTS),
    ]


def read_quietly(check, clients, physical_id):
    try:
        return check.read(clients, physical_id)
    except ClientError:
        return None


def settle(check, clients, physical_id, declared):
    """Applies one check and says how it ended."""
    wanted = check.wanted(declared)
    if covers(read_quietly(check, clients, physical_id), wanted):
        return HELD, ""
    try:
        check.put(clients, physical_id, wanted)
    except (ClientError, ParamValidationError) as error:
        return NOT_HELD, str(error)
    found = read_quietly(check, clients, physical_id)
    return (PUT_BACK, "") if covers(found, wanted) else (NOT_HELD, f"reads back as {found}")


def apply(clients, template, resolver, physical_ids, api_id):
    """Settles every declared property that has a check; yields (resource, property, outcome, detail)."""
    for logical_id, resource in template["Resources"].items():
        physical_id = physical_ids.get(logical_id)
        if physical_id is None or not resolver.exists(resource):
            continue
        for check in checks(api_id):
            if check.type != resource["Type"]:
                continue
            declared = resolver.value(resource.get("Properties", {}).get(check.property))
            if declared is None:
                continue
            if has_unknown(declared):
                yield logical_id, check.property, NOT_HELD, "its value cannot be told from outside"
                continue
            yield logical_id, check.property, *settle(check, clients, physical_id, declared)
