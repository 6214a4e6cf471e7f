//! With policies enforced: each function does its work with the role that the template gives it, and nothing else.
//!
//! The road itself under these policies is `stack::e2e`, run against the same stack.

use std::time::Duration;

use millrace_tests::stack::{
    Api, AttendanceSpecs, Credentials, Emulator, Stack, assert_through, csv, random_rows, unique, wait_until,
};
use millrace_tests::{Random, specs};
use serde_json::{Value, json};

const FUNCTIONS: [&str; 7] = [
    "api",
    "csv-ingest",
    "perf-worker",
    "pdf-generator",
    "status-updater",
    "nightly-fetcher",
    "migrate",
];

/// A call with its service, operation and arguments.
type Call = (&'static str, &'static str, Value);

/// Sends one file along the road, so that every function has a process.
async fn wake(stack: &Stack) {
    let api = stack.api();
    let attendance = AttendanceSpecs::create(&api, "iam").await;
    let file_id = attendance
        .send(&api, "a.csv", &random_rows(&mut Random::new(51), 20))
        .await;
    let file = api.settled(&file_id, Duration::from_secs(90)).await;
    assert_through(&file);
    let query = json!({"dataset": attendance.by_school, "group_by": []});
    let document_id = api.order_document("IAM", query).await;
    let document = api.settled_document(&document_id, Duration::from_secs(90)).await;
    assert_eq!(document["state"], "ready", "{document}");
    let source = unique("iam_source");
    let list = "https://data.example.org/none/";
    api.create_spec(&specs::source(&source, list, &attendance.attendance))
        .await;
    let begun = api.post(&format!("/api/sources/{source}/run"), &json!({})).await;
    let path = format!(
        "/api/sources/{source}/runs/{}",
        begun.expect(202)["run_id"].as_str().unwrap()
    );
    let is_over = || async { api.get(&path).await.body["state"] == "failed" };
    assert!(
        wait_until(Duration::from_secs(60), is_over).await,
        "the run is not over"
    );
}

fn credentials(stack: &Stack, name: &str) -> Credentials {
    let found = stack.function(name).credentials();
    found.unwrap_or_else(|| panic!("{name} has no process"))
}

/// Calls, by what they touch.
struct Calls<'a>(&'a Stack);

impl Calls<'_> {
    fn put(&self, bucket: &str, key: &str) -> Call {
        let asked = json!({"Bucket": self.0.output(bucket), "Key": key, "Body": "x"});
        ("s3", "put_object", asked)
    }

    fn get(&self, bucket: &str, key: &str) -> Call {
        let asked = json!({"Bucket": self.0.output(bucket), "Key": key});
        ("s3", "get_object", asked)
    }

    /// The parts of an upload that has never been.
    fn parts(&self, bucket: &str, key: &str) -> Call {
        let asked = json!({"Bucket": self.0.output(bucket), "Key": key, "UploadId": "x"});
        ("s3", "list_parts", asked)
    }

    fn delete(&self, bucket: &str, key: &str) -> Call {
        let asked = json!({"Bucket": self.0.output(bucket), "Key": key});
        ("s3", "delete_object", asked)
    }

    fn queue(&self, operation: &'static str, queue: &str) -> Call {
        let mut asked = json!({"QueueUrl": self.0.output(queue)});
        match operation {
            "send_message" => asked["MessageBody"] = json!("x"),
            "get_queue_attributes" => asked["AttributeNames"] = json!(["QueueArn"]),
            _ => {}
        }
        ("sqs", operation, asked)
    }

    fn item(&self, operation: &'static str, table: &str, key: &str) -> Call {
        let asked = json!({"TableName": self.0.output(table), "Key": {key: {"S": "x"}}});
        ("dynamodb", operation, asked)
    }

    fn client(&self, operation: &'static str) -> Call {
        self.item(operation, "ClientsTableName", "client_id")
    }

    fn owner_secret(&self) -> Call {
        let asked = json!({"SecretId": self.0.output("OwnerSecretArn")});
        ("secretsmanager", "get_secret_value", asked)
    }

    /// One that the function's policy grants.
    fn allowed(&self, name: &str) -> Call {
        let measure = |queue| self.queue("get_queue_attributes", queue);
        match name {
            "api" => measure("IngestQueueUrl"),
            "csv-ingest" => measure("ChunkQueueUrl"),
            "perf-worker" => measure("PerfQueueUrl"),
            "pdf-generator" => measure("PdfQueueUrl"),
            "status-updater" => measure("StatusQueueUrl"),
            "nightly-fetcher" => measure("FetchQueueUrl"),
            _ => self.owner_secret(),
        }
    }

    /// Some that no policy of the function grants, and that another function's does.
    #[expect(clippy::too_many_lines, reason = "a table of calls")]
    fn forbidden(&self, name: &str) -> Vec<Call> {
        let receive = |queue| self.queue("receive_message", queue);
        let send = |queue| self.queue("send_message", queue);
        let (landing, collections) = ("LandingBucketName", "CollectionsBucketName");
        match name {
            "api" => vec![
                self.delete(landing, "uploads/x"),
                self.parts(landing, "sources/x"),
                self.parts(collections, "parts/x"),
                receive("IngestQueueUrl"),
                send("ChunkQueueUrl"),
                self.put(landing, "sources/x"),
                self.put(collections, "parts/x"),
                self.put(collections, "partials/x"),
                self.put("DocumentsBucketName", "x.pdf"),
                receive("PdfQueueUrl"),
                self.client("delete_item"),
            ],
            "csv-ingest" => vec![
                self.delete(landing, "uploads/x"),
                self.put(landing, "uploads/x"),
                self.put(landing, "sources/x"),
                self.parts(landing, "uploads/x"),
                send("IngestQueueUrl"),
                receive("PerfQueueUrl"),
                self.owner_secret(),
                self.get(collections, "partials/x"),
                self.client("get_item"),
            ],
            "perf-worker" => vec![
                self.put(landing, "uploads/x"),
                self.delete(collections, "parts/x"),
                self.put(collections, "parts/x"),
                send("IngestQueueUrl"),
                self.owner_secret(),
                self.client("get_item"),
            ],
            "pdf-generator" => vec![
                self.get("DocumentsBucketName", "x.pdf"),
                self.put(collections, "parts/x"),
                self.get(collections, "parts/x"),
                self.get(landing, "uploads/x"),
                send("PdfQueueUrl"),
                receive("PerfQueueUrl"),
                self.owner_secret(),
                self.client("get_item"),
                self.item("get_item", "SettingsTableName", "setting_id"),
            ],
            "nightly-fetcher" => vec![
                self.put(landing, "uploads/x"),
                self.get(landing, "sources/x"),
                self.put(collections, "parts/x"),
                send("PerfQueueUrl"),
                receive("IngestQueueUrl"),
                self.owner_secret(),
                self.client("get_item"),
            ],
            "status-updater" => vec![
                self.delete(landing, "uploads/x"),
                self.put(collections, "parts/x"),
                send("ChunkQueueUrl"),
                self.get(landing, "uploads/x"),
                receive("PerfQueueUrl"),
                self.owner_secret(),
                self.client("get_item"),
            ],
            _ => vec![
                self.item("get_item", "LocksTableName", "lock_id"),
                self.item("delete_item", "LocksTableName", "lock_id"),
                send("IngestQueueUrl"),
                send("PerfQueueUrl"),
                self.get(landing, "uploads/x"),
                self.client("get_item"),
            ],
        }
    }
}

#[tokio::test]
async fn iam_each_function_is_held_to_its_policy() {
    let Some(stack) = Stack::find_enforcing() else {
        return;
    };
    wake(&stack).await;
    let emulator = stack.emulator();
    for name in FUNCTIONS {
        let session = credentials(&stack, name);
        let (service, operation, arguments) = Calls(&stack).allowed(name);
        let answer = emulator.call_as(&session, service, operation, arguments);
        assert!(
            answer.is_ok(),
            "{name} may call {service}.{operation}: {answer:?}"
        );
        for call in Calls(&stack).forbidden(name) {
            let what = format!("{name}: {}.{} {}", call.0, call.1, call.2);
            assert_refused(&emulator, &session, &what, call);
        }
    }
}

fn assert_refused(emulator: &Emulator, who: &Credentials, what: &str, call: Call) {
    let (service, operation, arguments) = call;
    let answer = emulator.call_as(who, service, operation, arguments);
    let error = answer.err().unwrap_or_else(|| panic!("{what} is allowed"));
    assert!(
        error.code.contains("AccessDenied") || error.code == "403",
        "{what}: {error:?}"
    );
}

#[tokio::test]
async fn iam_nobody_reads_without_a_signature() {
    let Some(stack) = Stack::find_enforcing() else {
        return;
    };
    let emulator = stack.emulator();
    for (output, prefix) in [
        ("LandingBucketName", "uploads/"),
        ("CollectionsBucketName", "parts/"),
        ("DocumentsBucketName", ""),
    ] {
        let bucket = stack.output(output);
        let key = emulator
            .keys(bucket, prefix)
            .pop()
            .unwrap_or_else(|| "uploads/none".to_owned());
        let get = json!({"Bucket": bucket, "Key": key});
        assert_refused(
            &emulator,
            &Credentials::Unsigned,
            &format!("{bucket}/{key}"),
            ("s3", "get_object", get),
        );
        let list = json!({"Bucket": bucket});
        assert_refused(
            &emulator,
            &Credentials::Unsigned,
            bucket,
            ("s3", "list_objects_v2", list),
        );
    }
}

/// The address of a part is good for that part, in its size.
async fn assert_part_is_signed(api: &Api, order: &Value) {
    let mut order = order.clone();
    order["size_bytes"] = json!(1_000);
    let opened = api.post("/ingestion/multipart-uploads", &order).await;
    let file_id = opened.expect(201)["file_id"].as_str().unwrap();
    let parts = api
        .get(&format!("/ingestion/multipart-uploads/{file_id}/1/parts"))
        .await;
    let url = parts.expect(200)["items"][0]["upload"]["url"].as_str().unwrap();
    let none = std::collections::BTreeMap::new();
    let other_part = url.replacen("partNumber=1", "partNumber=2", 1);
    assert_ne!(other_part, url);
    for (what, url, bytes) in [("another size", url, 999), ("another part", &other_part, 1_000)] {
        assert_eq!(api.put_to(url, &none, vec![b'x'; bytes]).await, 403, "{what}");
    }
    assert_eq!(api.put_to(url, &none, vec![b'x'; 1_000]).await, 200);
    let aborted = api
        .delete(&format!("/ingestion/multipart-uploads/{file_id}/1"))
        .await;
    assert_eq!(aborted.expect(200)["status"], "Error", "{}", aborted.text);
}

#[tokio::test]
async fn iam_an_address_is_good_for_its_object_alone() {
    let Some(stack) = Stack::find_enforcing() else {
        return;
    };
    let (api, emulator) = (stack.api(), stack.emulator());
    let specs = AttendanceSpecs::create(&api, "signed").await;
    let order = |name: &str| json!({"ingestion_type": "event", "ingestion_name": specs.attendance, "file_name": name});
    let (opened, other) = (api.open(&order("a.csv")).await, api.open(&order("b.csv")).await);
    let content = csv(&random_rows(&mut Random::new(52), 10));
    let elsewhere = opened.url.replacen(&opened.file_id, &other.file_id, 1);
    let signature = opened.url.find("X-Amz-Signature=").unwrap() + "X-Amz-Signature=".len();
    let mut forged = opened.url.clone();
    let digit = if forged[signature..].starts_with('0') {
        "1"
    } else {
        "0"
    };
    forged.replace_range(signature..=signature, digit);
    let longer = opened.url.replacen("X-Amz-Expires=900", "X-Amz-Expires=90000", 1);
    assert_ne!(longer, opened.url);
    for (what, url) in [
        ("another object", &elsewhere),
        ("a forged signature", &forged),
        ("a longer time", &longer),
    ] {
        assert_eq!(
            api.put_to(url, &opened.headers, content.clone().into()).await,
            403,
            "{what}"
        );
    }
    assert_eq!(api.put(&opened, content.clone()).await, 200);
    assert_eq!(api.put(&opened, content.clone()).await, 412);
    assert_part_is_signed(&api, &order("parts.csv")).await;

    let asked =
        json!({"Bucket": stack.output("LandingBucketName"), "Key": "uploads/expired", "ExpiresIn": 1});
    let expired = emulator.call("s3", "presign_put", asked);
    let (url, none) = (expired.as_str().unwrap(), std::collections::BTreeMap::new());
    // An address that has not ended yet stores a key that no upload was given; what comes of it is a rejected event.
    let has_ended = || async { api.put_to(url, &none, b"x".to_vec()).await == 403 };
    assert!(
        wait_until(Duration::from_secs(15), has_ended).await,
        "an address that ended is still good"
    );
}
