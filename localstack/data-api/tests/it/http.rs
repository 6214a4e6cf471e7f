//! The wire: paths, headers, bodies, the request limit, the control routes. A client of a few lines, so that every byte
//! is ours.

use std::net::SocketAddr;

use millrace_data_api::{Limits, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Bench, CLUSTER, SECRET};

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

async fn listen(bench: &Bench) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, bench.engine.clone()));
    address
}

/// Sends a request; nothing comes back when the connection is cut.
async fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut bytes = Vec::new();
    // a cut connection may end in a reset
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some(Answer {
        status,
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap(),
    })
}

async fn post(address: SocketAddr, path: &str, body: &Value) -> Option<Answer> {
    send(address, "POST", path, body.to_string().as_bytes()).await
}

fn request(sql: &str) -> Value {
    json!({"resourceArn": CLUSTER, "secretArn": SECRET, "sql": sql})
}

#[tokio::test]
async fn the_five_operations_have_their_paths() {
    let Some(bench) = Bench::new() else { return };
    let address = listen(&bench).await;
    let answer = post(address, "/Execute", &request("select 1 as x, null as y"))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-amzn-requestid").is_some());
    assert_eq!(
        answer.body,
        json!({"records": [[{"longValue": 1}, {"isNull": true}]], "numberOfRecordsUpdated": 0})
    );
    post(address, "/Execute", &request("create table t (x int)"))
        .await
        .unwrap();
    let both = json!({"resourceArn": CLUSTER, "secretArn": SECRET});
    let id = post(address, "/BeginTransaction", &both).await.unwrap().body["transactionId"].clone();
    let mut batch = request("insert into t values (:x)");
    batch["transactionId"] = id.clone();
    batch["parameterSets"] =
        json!([[{"name": "x", "value": {"longValue": 1}}], [{"name": "x", "value": {"isNull": true}}]]);
    let answer = post(address, "/BatchExecute", &batch).await.unwrap();
    assert_eq!(
        answer.body,
        json!({"updateResults": [{"generatedFields": []}, {"generatedFields": []}]})
    );
    let ending = json!({"resourceArn": CLUSTER, "secretArn": SECRET, "transactionId": id});
    let answer = post(address, "/CommitTransaction", &ending).await.unwrap();
    assert_eq!(answer.body, json!({"transactionStatus": "Transaction Committed"}));
    let answer = post(address, "/RollbackTransaction", &ending).await.unwrap();
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (404, Some("TransactionNotFoundException"))
    );
    assert_eq!(post(address, "/ExecuteSql", &both).await.unwrap().status, 404);
    assert_eq!(send(address, "GET", "/Execute", b"").await.unwrap().status, 404);
}

#[tokio::test]
async fn members_are_read_as_the_service_reads_them() {
    let Some(bench) = Bench::new() else { return };
    let address = listen(&bench).await;
    let mut unknown = request("select :x");
    unknown["futureMember"] = json!({"a": 1});
    unknown["transactionId"] = json!(null);
    unknown["parameters"] =
        json!([{"name": "x", "value": {"stringValue": "a", "longValue": null}, "other": 1}]);
    assert_eq!(
        post(address, "/Execute", &unknown).await.unwrap().body["records"],
        json!([[{"stringValue": "a"}]])
    );
    for (parameter, kind) in [
        (
            json!({"name": "x", "value": {"stringValue": "a", "longValue": 1}}),
            "SerializationException",
        ),
        (json!({"name": "x", "value": {}}), "SerializationException"),
        (
            json!({"name": "x", "value": {"longValue": "1"}}),
            "SerializationException",
        ),
        (
            json!({"name": "x", "value": {"blobValue": "%"}}),
            "SerializationException",
        ),
        (
            json!({"name": "x", "value": {"stringValue": "a"}, "typeHint": "TEXT"}),
            "ValidationException",
        ),
        (
            json!({"name": "x", "value": {"arrayValue": {"longValues": [1]}}}),
            "ValidationException",
        ),
        (json!({"name": "x"}), "ValidationException"),
    ] {
        let mut refused = request("select :x");
        refused["parameters"] = json!([parameter]);
        let answer = post(address, "/Execute", &refused).await.unwrap();
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, Some(kind)),
            "{parameter}"
        );
    }
    let broken = send(address, "POST", "/Execute", b"{").await.unwrap();
    assert_eq!(broken.header("x-amzn-errortype"), Some("SerializationException"));
    let empty = send(address, "POST", "/Execute", b"").await.unwrap();
    assert_eq!(empty.header("x-amzn-errortype"), Some("ValidationException"));
}

#[tokio::test]
async fn the_request_limit_counts_path_headers_and_body() {
    for (limits, limit) in [
        (
            Limits {
                request_bytes: 2_000,
                ..Limits::default()
            },
            2_000,
        ),
        (Limits::default(), 4 * 1024 * 1024),
    ] {
        let Some(bench) = Bench::with(limits) else { return };
        let address = listen(&bench).await;
        let of_size = |size: usize| {
            let mut body = request("select length(:x)");
            body["parameters"] = json!([{"name": "x", "value": {"stringValue": ""}}]);
            let length = body.to_string().len();
            // the path, and each header with its colon, blank and line end; the length's digits do not change here
            let head =
                "/Execute".len() + "host: x\r\nconnection: close\r\n".len() + "content-length: \r\n".len();
            let digits = (size - head).to_string().len();
            body["parameters"][0]["value"]["stringValue"] = "x".repeat(size - head - digits - length).into();
            body
        };
        assert_eq!(
            post(address, "/Execute", &of_size(limit)).await.unwrap().status,
            200,
            "{limit}"
        );
        let refused = post(address, "/Execute", &of_size(limit + 1)).await.unwrap();
        assert_eq!(
            (refused.status, refused.header("x-amzn-errortype")),
            (400, Some("BadRequestException")),
            "{limit}"
        );
    }
}

#[tokio::test]
async fn a_dropped_reply_cuts_the_connection_and_other_failures_have_no_message() {
    let Some(bench) = Bench::new() else { return };
    let address = listen(&bench).await;
    post(address, "/Execute", &request("create table t (x int)"))
        .await
        .unwrap();
    let fault = json!({"fault": "drop_reply", "match": "insert", "count": 1, "seed": 9});
    let added = post(address, "/_control/faults", &fault).await.unwrap();
    assert_eq!(added.body["seed"], 9);
    assert!(
        post(address, "/Execute", &request("insert into t values (1)"))
            .await
            .is_none()
    );
    let count = post(address, "/Execute", &request("select count(*) from t"))
        .await
        .unwrap();
    assert_eq!(count.body["records"][0][0]["longValue"], 1);
    let fault = json!({"fault": "status", "status": 503});
    post(address, "/_control/faults", &fault).await.unwrap();
    let answer = post(address, "/Execute", &request("select 1")).await.unwrap();
    assert_eq!((answer.status, answer.body), (503, json!({})));
    let listed = send(address, "GET", "/_control/faults", b"").await.unwrap();
    assert_eq!(listed.body["faults"][0]["hits"], 1);
    assert_eq!(listed.body["faults"][0]["count"], 0);
    send(address, "DELETE", "/_control/faults", b"").await.unwrap();
    assert_eq!(
        post(address, "/Execute", &request("select 1"))
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn a_caller_that_is_killed_while_held_is_not_undone() {
    let Some(bench) = Bench::new() else { return };
    let address = listen(&bench).await;
    post(address, "/Execute", &request("create table t (x int)"))
        .await
        .unwrap();
    for (discard, rows) in [(true, 0), (false, 1)] {
        let hold = json!({"match": "insert", "at": "before"});
        let id = post(address, "/_control/hold", &hold).await.unwrap().body["id"]
            .as_u64()
            .unwrap();
        let insert = request("insert into t values (1)");
        let caller = tokio::spawn(async move { post(address, "/Execute", &insert).await.is_some() });
        bench.engine.control().wait_until_held(id, 1).await;
        let holds = send(address, "GET", "/_control/holds", b"").await.unwrap();
        assert_eq!(holds.body["holds"][0]["waiting"], 1);
        caller.abort();
        let release = json!({"id": id, "discard": discard});
        assert_eq!(
            post(address, "/_control/release", &release).await.unwrap().body["released"],
            true
        );
        let finished = || async {
            bench
                .engine
                .control()
                .requests(0)
                .iter()
                .all(|entry| entry.duration_ms.is_some())
        };
        crate::bench::until(finished).await;
        let count = post(address, "/Execute", &request("select count(*) from t"))
            .await
            .unwrap();
        assert_eq!(count.body["records"][0][0]["longValue"], rows);
    }
    let log = send(address, "GET", "/_control/requests?after=1", b"")
        .await
        .unwrap();
    assert_eq!(log.body["requests"][0]["sql"], "insert into t values (1)");
    assert_eq!(
        send(address, "GET", "/_control/health", b"")
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        send(address, "GET", "/_control/nothing", b"")
            .await
            .unwrap()
            .status,
        404
    );
}
