//! CloudFormation's protocol: requests as it sends them, answers as it takes them, over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use millrace_fn_migrate::config::Config;
use millrace_fn_migrate::custom_resource::{PHYSICAL_RESOURCE_ID, Request, RequestType};
use millrace_fn_migrate::handler::handle;
use millrace_tests::repository;
use serde_json::{Value, json};

fn sample(name: &str) -> Value {
    let path = repository().join(format!("events/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn request(name: &str) -> Request {
    serde_json::from_value(sample(name)).unwrap()
}

#[test]
fn answers_have_cloudformations_shape() {
    for (name, kind) in [
        ("migrate-create", RequestType::Create),
        ("migrate-update", RequestType::Update),
        ("migrate-delete", RequestType::Delete),
    ] {
        let (payload, request) = (sample(name), request(name));
        assert_eq!(request.request_type, kind);
        let good = serde_json::to_value(request.answer(Ok(json!({ "SchemaVersion": "5" })))).unwrap();
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
        let bad = serde_json::to_value(request.answer(Err("why".to_owned()))).unwrap();
        assert_eq!(
            (&bad["Status"], &bad["Reason"]),
            (&json!("FAILED"), &json!("why"))
        );
        assert!(bad.to_string().len() < 4096, "CloudFormation takes at most 4 KiB");
    }
}

#[test]
fn properties_are_texts() {
    let request = request("migrate-create");
    assert!(request.resource_properties.target_version.parse::<u32>().is_ok());
    assert_eq!(request.resource_properties.seed, "false");
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

#[tokio::test]
async fn a_delete_is_answered_without_a_database() {
    let (url, taker) = answer_taker();
    let mut payload = sample("migrate-delete");
    payload["ResponseURL"] = url.into();
    handle(&config("dev"), payload.clone(), u64::MAX).await.unwrap();
    let (head, body) = taker.join().unwrap();
    assert!(head.starts_with("put /answer?signature=x"), "{head}");
    assert_eq!(
        (&body["Status"], &body["RequestId"]),
        (&json!("SUCCESS"), &payload["RequestId"])
    );
}

#[tokio::test]
async fn seeding_production_is_refused_and_told() {
    let (url, taker) = answer_taker();
    let mut payload = sample("migrate-create");
    payload["ResponseURL"] = url.into();
    payload["ResourceProperties"]["Seed"] = "true".into();
    handle(&config("prod"), payload, u64::MAX).await.unwrap();
    let (_, body) = taker.join().unwrap();
    assert_eq!(body["Status"], "FAILED");
    assert!(body["Reason"].as_str().unwrap().contains("prod"), "{body}");
}
