"""AWS calls for tests, one JSON object a line: {service, operation, arguments, credentials} in, {ok} or {error} out.

Bytes travel as {"$base64": "..."}. `presign_put` and `presign_get` answer an address. Standard library and boto3 only.
"""

import base64
import datetime
import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ENDPOINT = sys.argv[1]
CLIENTS = {}


def client(service, credentials):
    key = (service, json.dumps(credentials, sort_keys=True))
    if key not in CLIENTS:
        unsigned = credentials == "unsigned"
        config = Config(
            retries={"max_attempts": 1}, read_timeout=60, s3={"addressing_style": "path"},
            signature_version=UNSIGNED if unsigned else ("s3v4" if service == "s3" else None))
        own = {} if unsigned else {
            "aws_access_key_id": (credentials or {}).get("access_key", "test"),
            "aws_secret_access_key": (credentials or {}).get("secret_key", "test"),
            "aws_session_token": (credentials or {}).get("session_token"),
        }
        CLIENTS[key] = boto3.session.Session(region_name="us-east-1").client(
            service, endpoint_url=ENDPOINT, config=config, **own)
    return CLIENTS[key]


def decoded(value):
    if isinstance(value, dict):
        if set(value) == {"$base64"}:
            return base64.b64decode(value["$base64"])
        return {name: decoded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def encoded(value):
    if isinstance(value, dict):
        return {name: encoded(item) for name, item in value.items() if name != "ResponseMetadata"}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    return value


def call(request):
    target = client(request["service"], request.get("credentials"))
    arguments = decoded(request["arguments"])
    operation = request["operation"]
    if operation.startswith("presign_"):
        expires = arguments.pop("ExpiresIn")
        method = {"presign_put": "put_object", "presign_get": "get_object"}[operation]
        return target.generate_presigned_url(method, Params=arguments, ExpiresIn=expires)
    return encoded(getattr(target, operation)(**arguments))


def main():
    for line in sys.stdin:
        try:
            answer = {"ok": call(json.loads(line))}
        except ClientError as error:
            answer = {"error": error.response["Error"].get("Code", ""), "message": str(error),
                      "status": error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)}
        except BotoCoreError as error:
            answer = {"error": type(error).__name__, "message": str(error), "status": 0}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
