//! CloudFormation's protocol: requests as it sends them, answers as it takes them, over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use millrace_fn_migrate::config::Config;
use millrace_fn_migrate::custom_resource::{Envelope, PHYSICAL_RESOURCE_ID};
use millrace_fn_migrate::handler::handle;
use millrace_tests::repository;
use serde_json::{Value, json};

fn sample(name: &str) -> Value {
    let path = repository().join(format!("events/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn envelope(payload: &Value) -> Envelope {
    Envelope::of(payload).unwrap()
}

#[test]
fn answers_have_cloudformations_shape() {
    for name in ["migrate-create", "migrate-update", "migrate-delete"] {
        let payload = sample(name);
        let envelope = envelope(&payload);
        let good = serde_json::to_value(envelope.answer(Ok(json!({ "SchemaVersion": "5" })))).unwrap();
        assert_eq!(
            good,
            json!({
                "Status": "SUCCESS", "Reason": "", "PhysicalResourceId": good["PhysicalResourceId"],
                "StackId": payload["StackId"], "RequestId": payload["RequestId"],
                "LogicalResourceId": payload["LogicalResourceId"], "Data": { "SchemaVersion": "5" },
            })
        );
        // The same name for ever, or an update would replace the resource and delete the old one.
        let name = payload["PhysicalResourceId"]
            .as_str()
            .unwrap_or(PHYSICAL_RESOURCE_ID);
        assert_eq!(good["PhysicalResourceId"], name);
        let bad = serde_json::to_value(envelope.answer(Err("why".to_owned()))).unwrap();
        assert_eq!(
            (&bad["Status"], &bad["Reason"]),
            (&json!("FAILED"), &json!("why"))
        );
    }
}

#[test]
fn reasons_are_cut_so_that_cloudformation_takes_them() {
    let envelope = envelope(&sample("migrate-update"));
    for (long, most) in [
        ("e", 1_001),
        ("\"", 1_001),
        ("é", 170),
        ("\u{1}", 170),
        ("𝄞", 170),
    ] {
        let answer = envelope.answer(Err(long.repeat(100_000)));
        let size = serde_json::to_vec(&answer).unwrap().len();
        assert!(size < 4_096, "{size} bytes of {long:?}");
        let characters = answer.reason.chars().count();
        assert!((160..=most).contains(&characters), "{characters} of {long:?}");
        assert!(answer.reason.starts_with(long) && answer.reason.ends_with('…'));
    }
    let whole = "e".repeat(1_000);
    assert_eq!(envelope.answer(Err(whole.clone())).reason, whole);
}

/// Takes one PUT and hands its head and body out.
fn answer_taker() -> (String, JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/answer?signature=x", listener.local_addr().unwrap());
    let taker = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let count = stream.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            if let Ok(body) = serde_json::from_str(body) {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .unwrap();
                return (head.to_lowercase(), body);
            }
            assert!(count > 0, "{text}");
        }
    });
    (url, taker)
}

fn config(stage: &str) -> Config {
    let lookup = |name: &str| {
        Some(if name == "MILLRACE_STAGE" {
            stage.to_owned()
        } else {
            format!("of {name}")
        })
    };
    Config::from_vars(&lookup).unwrap()
}

/// What a request is answered, sent as CloudFormation's and changed before.
async fn answered(name: &str, stage: &str, deadline_ms: u64, change: impl FnOnce(&mut Value)) -> Value {
    let (url, taker) = answer_taker();
    let mut payload = sample(name);
    change(&mut payload);
    payload["ResponseURL"] = url.into();
    handle(&config(stage), payload.clone(), deadline_ms)
        .await
        .unwrap();
    let (head, body) = taker.join().unwrap();
    assert!(head.starts_with("put /answer?signature=x"), "{head}");
    assert_eq!(body["RequestId"], payload["RequestId"]);
    body
}

#[tokio::test]
async fn a_delete_is_answered_without_a_database() {
    let body = answered("migrate-delete", "dev", u64::MAX, |_| {}).await;
    assert_eq!(body["Status"], "SUCCESS");
    let unreadable = |payload: &mut Value| payload["ResourceProperties"] = "gone".into();
    let body = answered("migrate-delete", "dev", u64::MAX, unreadable).await;
    assert_eq!(body["Status"], "SUCCESS", "or the stack could never be deleted");
}

#[tokio::test]
async fn seeding_production_is_refused_and_told() {
    let seeded = |payload: &mut Value| payload["ResourceProperties"]["Seed"] = "true".into();
    let body = answered("migrate-create", "prod", u64::MAX, seeded).await;
    assert_eq!(body["Status"], "FAILED");
    assert!(body["Reason"].as_str().unwrap().contains("prod"), "{body}");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_answered() {
    for (member, value, why) in [
        ("/RequestType", json!("Replace"), "unknown variant `Replace`"),
        ("/RequestType", json!(7), "cannot be read"),
        ("/ResourceProperties", json!({}), "TargetVersion"),
        ("/ResourceProperties", Value::Null, "cannot be read"),
        ("/ResourceProperties/TargetVersion", json!(1), "cannot be read"),
        (
            "/ResourceProperties/TargetVersion",
            json!("one"),
            "TargetVersion is no version",
        ),
        (
            "/ResourceProperties/TargetVersion",
            json!("-1"),
            "TargetVersion is no version",
        ),
    ] {
        let change = |payload: &mut Value| *payload.pointer_mut(member).unwrap() = value.clone();
        let body = answered("migrate-create", "dev", u64::MAX, change).await;
        assert_eq!(body["Status"], "FAILED", "{member} {value}");
        assert!(body["Reason"].as_str().unwrap().contains(why), "{body}");
    }
    let nameless = |payload: &mut Value| {
        payload.as_object_mut().unwrap().remove("RequestType");
    };
    let body = answered("migrate-create", "dev", u64::MAX, nameless).await;
    assert_eq!(body["Status"], "FAILED");
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_answered_before_the_function_ends() {
    let body = answered("migrate-create", "dev", 0, |_| {}).await;
    assert_eq!(
        (&body["Status"], &body["Reason"]),
        (&json!("FAILED"), &json!("the time was up"))
    );
}

#[tokio::test]
async fn a_call_by_hand_with_members_it_does_not_know_is_refused() {
    let mut payload = sample("migrate-create");
    payload.as_object_mut().unwrap().remove("ResponseURL");
    for payload in [
        payload,
        json!({ "target_version": -1 }),
        json!({ "targetVersion": 1 }),
    ] {
        assert!(handle(&config("dev"), payload, u64::MAX).await.is_err());
    }
}
