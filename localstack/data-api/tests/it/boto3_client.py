"""Calls the endpoint as a product would, with boto3, and checks what boto3 makes of the answers."""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ParamValidationError

endpoint, cluster, secret = sys.argv[1:]
client = boto3.client(
    "rds-data",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"total_max_attempts": 1}, proxies={}),
)
who = {"resourceArn": cluster, "secretArn": secret}
checks = 0


def equal(found, wanted):
    global checks
    checks += 1
    assert found == wanted, f"{found!r} is not {wanted!r}"


def run(sql, **more):
    return client.execute_statement(sql=sql, **who, **more)


def value(sql, **more):
    return run(sql, **more)["records"][0][0]


def refused(name, status, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ClientError as error:
        equal(error.response["Error"]["Code"], name)
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        return error
    raise AssertionError(f"{name} was expected")


def control(path, body):
    request = urllib.request.Request(f"{endpoint}/_control/{path}", json.dumps(body).encode(), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.load(opener.open(request))


# values, both ways
equal(value("select 1"), {"longValue": 1})
equal(value("select 1.50"), {"stringValue": "1.50"})
equal(value("select null::int"), {"isNull": True})
equal(value("select true"), {"booleanValue": True})
equal(value("select 0.1::float8"), {"doubleValue": 0.1})
equal(value("select '\\x00ff'::bytea"), {"blobValue": b"\x00\xff"})
equal(value("select array['a', null]"), {"arrayValue": {"stringValues": ["a", None]}})
for field in [
    {"stringValue": "ಶಾಲೆ😀"}, {"longValue": -(2**63)}, {"doubleValue": 1e300}, {"booleanValue": False},
    {"blobValue": bytes(range(256))},
]:
    equal(value("select :p", parameters=[{"name": "p", "value": field}]), field)
equal(value("select pg_typeof(:p)::text", parameters=[{"name": "p", "value": {"stringValue": "1"}}]), {"stringValue": "text"})
uuid = "00000000-0000-0000-0000-00000000000a"
hinted = [{"name": "p", "value": {"stringValue": uuid}, "typeHint": "UUID"}]
equal(value("select :p", parameters=hinted), {"stringValue": uuid})

# metadata and JSON
answer = run("select 1::int2 as a, 'x' as b", includeResultMetadata=True)
equal([(c["label"], c["type"], c["typeName"], c["isSigned"]) for c in answer["columnMetadata"]],
      [("a", 5, "int2", True), ("b", 12, "text", False)])
equal(len(answer["columnMetadata"][0]), 14)
answer = run("select 1 as a, null as b", formatRecordsAs="JSON")
equal(json.loads(answer["formattedRecords"]), [{"a": 1, "b": None}])
equal("records" in answer, False)
options = {"decimalReturnType": "DOUBLE_OR_LONG", "longReturnType": "STRING"}
equal(run("select 1.5, 2", resultSetOptions=options)["records"][0], [{"doubleValue": 1.5}, {"stringValue": "2"}])

# changes, batches, transactions
equal(run("create table t (x int primary key, y text)")["numberOfRecordsUpdated"], 0)
equal(run("insert into t values (1, 'a')")["numberOfRecordsUpdated"], 1)
sets = [[{"name": "x", "value": {"longValue": x}}, {"name": "y", "value": {"isNull": True}}] for x in range(2, 12)]
equal(len(client.batch_execute_statement(sql="insert into t values (:x, :y)", parameterSets=sets, **who)["updateResults"]), 10)
transaction = client.begin_transaction(**who)["transactionId"]
run("delete from t", transactionId=transaction)
equal(value("select count(*) from t"), {"longValue": 11})
equal(client.rollback_transaction(transactionId=transaction, **who)["transactionStatus"], "Rollback Complete")
transaction = client.begin_transaction(**who)["transactionId"]
run("delete from t where x > 1", transactionId=transaction)
equal(client.commit_transaction(transactionId=transaction, **who)["transactionStatus"], "Transaction Committed")
equal(value("select count(*) from t"), {"longValue": 1})

# refusals
refused("TransactionNotFoundException", 404, run, "select 1", transactionId=transaction)
error = refused("DatabaseErrorException", 400, run, "insert into t values (1, 'a')")
equal(error.response["Error"]["Message"].rsplit("; SQLState: ")[1], "23505")
equal(isinstance(error, client.exceptions.DatabaseErrorException), True)
refused("ValidationException", 400, run, "select 1; select 2")
refused("ValidationException", 400, run, "select 1", schema="public")
refused("UnsupportedResultException", 400, run, "select 1::money")
refused("BadRequestException", 400, run, "select :missing")
error = refused("DatabaseErrorException", 400, run, "select repeat('x', 65537)")
equal(error.response["ResponseMetadata"]["RequestId"] != "", True)
large = [{"name": "p", "value": {"stringValue": "x" * (4 * 1024 * 1024)}}]
refused("BadRequestException", 400, run, "select length(:p)", parameters=large)
for fault, name, status in [
    ({"fault": "status", "status": 500}, "InternalServerErrorException", 500),
    ({"fault": "status", "status": 503}, "ServiceUnavailableError", 503),
    ({"fault": "status", "status": 504}, "DatabaseUnavailableException", 504),
    ({"fault": "resuming"}, "DatabaseResumingException", 400),
]:
    control("faults", {**fault, "count": 1})
    refused(name, status, run, "select 1")
control("faults", {"fault": "drop_reply", "match": "insert", "count": 1})
try:
    run("insert into t values (2, 'lost')")
    raise AssertionError("the reply was to be lost")
except ConnectionClosedError:
    equal(value("select y from t where x = 2"), {"stringValue": "lost"})

print(f"boto3 {boto3.__version__}: {checks} checks")
