//! Which functions are measured, on which events, in which environment: data.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::goal::Goal;

/// An event that a function is measured on.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// What the function gets.
    pub event: Value,
    /// Calls to AWS that handling it makes; it is an error when it makes others.
    pub calls: u64,
    /// What the answer has to contain.
    pub answer: &'static str,
    /// For spawn → first response, as a ratio to hello-world.
    pub cold_goal: Option<Goal>,
    /// For the warm median, as a ratio to hello-world.
    pub warm_goal: Option<Goal>,
}

/// A function and its events.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its binary's name.
    pub name: &'static str,
    /// Its events.
    pub cases: Vec<Case>,
}

const COLD_API: Goal = Goal::AtMost(1.5);
const WARM_API: Goal = Goal::AtMost(1.5);
const COLD_WORKER: Goal = Goal::AtMost(3.0);
/// A token of the right form that nobody has.
const TOKEN: &str = "mr_bench_0123456789012345678901234567890123456789abc";
const FILE: &str = "0195833e-7a52-7d04-9f0c-3f6f0c1d2e4b";
/// A message that no function can decode.
const POISON: &str = "{\"v\":1,";

/// The yardstick of all others.
#[must_use]
pub fn hello() -> Subject {
    let case = request("GET /hello", "/hello", None, "\\\"hello\\\"");
    Subject {
        name: "bench-hello",
        cases: vec![without_goals(case)],
    }
}

/// The product's functions. One that is not built is left out of the run, and said so.
#[must_use]
pub fn product() -> Vec<Subject> {
    let file = json!({ "v": 1, "file_id": FILE, "version": 1 });
    let message = |kind: &str, more: Value| {
        let mut message = json!({ "v": 1, "kind": kind });
        if let (Some(message), Value::Object(more)) = (message.as_object_mut(), more) {
            message.extend(more);
        }
        message.to_string()
    };
    let test_event = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"landing"}"#;
    let aggregate = json!({ "file_id": FILE, "version": 1, "dataset": "none" });
    let fetch = json!({ "source": "none", "run_id": FILE });
    vec![
        Subject {
            name: "api",
            cases: vec![
                request("no token: 401", "/spec/event", None, "401"),
                calling(request("unknown token: 401", "/spec/event", Some(TOKEN), "401")),
                // Over 100 kB: what it costs is the document, which hello-world has nothing to set against.
                without_goals(request("GET /openapi.json", "/openapi.json", None, "openapi")),
            ],
        },
        Subject {
            name: "csv-ingest",
            cases: vec![
                worker("S3's test event", test_event, "\"batchItemFailures\":[]"),
                calling(worker(
                    "unknown file",
                    &message("ingest_file", file.clone()),
                    "[]",
                )),
            ],
        },
        queue_worker("perf-worker", "unknown dataset", &message("aggregate", aggregate)),
        queue_worker("status-updater", "unknown file", &message("facts_changed", file)),
        refused_worker(
            "pdf-generator",
            "database answers nothing",
            &message("render_document", json!({ "document_id": FILE })),
        ),
        refused_worker("nightly-fetcher", "lock refused", &message("fetch_source", fetch)),
        Subject {
            name: "migrate",
            cases: vec![Case {
                name: "seeding refused",
                event: json!({ "seed": true }),
                calls: 0,
                answer: "errorMessage",
                cold_goal: Some(COLD_WORKER),
                warm_goal: None,
            }],
        },
    ]
}

/// A worker on a queue: a message that it cannot decode, and one of something that is not there.
fn queue_worker(name: &'static str, unknown: &'static str, message: &str) -> Subject {
    Subject {
        name,
        cases: vec![
            worker("undecodable message", POISON, "itemIdentifier"),
            calling(worker(unknown, message, "\"batchItemFailures\":[]")),
        ],
    }
}

/// A worker on a queue: a message that it cannot decode, and one whose first call tells it to try again later.
fn refused_worker(name: &'static str, refused: &'static str, message: &str) -> Subject {
    Subject {
        name,
        cases: vec![
            worker("undecodable message", POISON, "itemIdentifier"),
            calling(worker(refused, message, "itemIdentifier")),
        ],
    }
}

/// A batch of one message. It names no queue, so that no back-off is set for one that fails.
fn worker(name: &'static str, body: &str, answer: &'static str) -> Case {
    let record = json!({ "messageId": "059f36b4-87a3-44ab-83d2-661975830000", "receiptHandle": "AQEBwJnKyrHigUM",
        "body": body, "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1773119784123",
            "SenderId": "AIDAJXNJGGKNS7OSV23OI", "ApproximateFirstReceiveTimestamp": "1773119784131" },
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "", "awsRegion": "us-east-1" });
    Case {
        name,
        event: json!({ "Records": [record] }),
        calls: 0,
        answer,
        cold_goal: Some(COLD_WORKER),
        warm_goal: None,
    }
}

/// The case makes one call, and is reported without goals.
fn calling(case: Case) -> Case {
    Case {
        calls: 1,
        ..without_goals(case)
    }
}

/// The case is reported only.
fn without_goals(case: Case) -> Case {
    Case {
        cold_goal: None,
        warm_goal: None,
        ..case
    }
}

/// A request as API Gateway's HTTP API hands it over.
fn request(name: &'static str, path: &str, token: Option<&str>, answer: &'static str) -> Case {
    let mut event = json!({ "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": { "host": "x.execute-api.us-east-1.amazonaws.com", "accept": "*/*", "user-agent": "bench" },
        "requestContext": { "accountId": "123456789012", "apiId": "x", "stage": "$default", "requestId": "r",
            "domainName": "x.execute-api.us-east-1.amazonaws.com", "domainPrefix": "x", "routeKey": "$default",
            "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.17",
                "userAgent": "bench" },
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64 },
        "isBase64Encoded": false });
    if let Some(token) = token {
        event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    }
    Case {
        name,
        event,
        calls: 0,
        answer,
        cold_goal: Some(COLD_API),
        warm_goal: Some(WARM_API),
    }
}

/// Every variable that the template gives to any function, with a value that names nothing, and the stand-in as AWS.
///
/// # Errors
/// When the template gives none.
pub fn environment(template: &str, endpoint: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in template.lines() {
        let name = line.trim().split(':').next().unwrap_or_default();
        let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if name.starts_with("MILLRACE_") && is_name && !variables.iter().any(|(other, _)| other == name) {
            variables.push((name.to_owned(), value(name)));
        }
    }
    ensure!(
        !variables.is_empty(),
        "the template gives the functions no variables"
    );
    let ours = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_SESSION_TOKEN", "bench"),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    variables.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(variables)
}

/// `prod`, where seeding is refused; numbers where the name ends in a unit; otherwise something in the right form.
fn value(name: &str) -> String {
    let is_number = ["_SECONDS", "_MS", "_BYTES", "_COUNT"]
        .iter()
        .any(|unit| name.ends_with(unit));
    match name {
        "MILLRACE_STAGE" => "prod".to_owned(),
        _ if is_number => "900".to_owned(),
        _ if name.ends_with("_NETWORKS") => "192.0.2.0/24".to_owned(),
        _ if name.ends_with("_URL") => format!("https://sqs.us-east-1.amazonaws.com/123456789012/{name}"),
        _ if name.ends_with("_ARN") => format!("arn:aws:rds:us-east-1:123456789012:cluster:{name}"),
        _ => name.to_lowercase().replace('_', "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::{environment, hello, product};

    #[test]
    fn the_environment_is_all_that_the_template_gives() {
        let template = include_str!("../../../template.yaml");
        let variables = environment(template, "http://127.0.0.1:1").unwrap();
        let value = |wanted: &str| {
            let found = variables.iter().filter(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(value("MILLRACE_STAGE"), ["prod"]);
        assert_eq!(value("MILLRACE_CHUNK_BYTES"), ["900"]);
        assert_eq!(value("MILLRACE_LANDING_BUCKET"), ["millrace-landing-bucket"]);
        assert_eq!(value("AWS_ENDPOINT_URL"), ["http://127.0.0.1:1"]);
        assert_eq!(value("MILLRACE_DATABASE_SECRET_ARN").len(), 1);
        assert!(environment("", "http://127.0.0.1:1").is_err());
    }

    /// Every function has a goal, on an event that makes no call; the yardstick has none.
    #[test]
    fn goals_are_where_they_belong() {
        assert!(hello().cases.iter().all(|case| case.cold_goal.is_none()));
        for subject in product() {
            let is_held = subject.cases.iter().any(|case| case.cold_goal.is_some());
            assert!(is_held, "{}", subject.name);
            let calling = subject.cases.iter().filter(|case| case.calls > 0);
            for case in calling {
                assert!(
                    case.cold_goal.is_none() && case.warm_goal.is_none(),
                    "{}",
                    case.name
                );
            }
        }
    }
}
