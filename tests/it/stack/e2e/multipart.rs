//! Uploads in parts, over HTTP and with real parts.

use std::collections::BTreeMap;

use millrace_tests::Random;
use millrace_tests::stack::{Api, AttendanceSpecs, Model, Row, Stack, csv, random_rows, unique};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{PATIENCE, assert_through};

/// Above two parts of 8 MiB; most of it is blank lines, which are no rows.
fn large(rows: &[Row]) -> Vec<u8> {
    let mut content = csv(rows).into_bytes();
    content.extend(b"\r\n".repeat(8 << 20));
    content.extend(b"2024-01-25,1000000001,one,1,2\n");
    content
}

fn order(specs: &AttendanceSpecs, name: &str, content: &[u8]) -> Value {
    let digest = Sha256::digest(content);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"ingestion_type": "event", "ingestion_name": specs.attendance, "file_name": name,
        "size_bytes": content.len(), "sha256": sha256})
}

/// Registers an upload; where it is.
async fn open(api: &Api, order: &Value) -> (String, String) {
    let answer = api.post("/ingestion/multipart-uploads", order).await;
    let opened = answer.expect(201);
    let file_id = opened["file_id"].as_str().unwrap().to_owned();
    let path = format!("/ingestion/multipart-uploads/{file_id}/{}", opened["version"]);
    (file_id, path)
}

async fn parts(api: &Api, path: &str) -> Vec<Value> {
    let answer = api.get(&format!("{path}/parts")).await;
    answer.expect(200)["items"].as_array().unwrap().clone()
}

/// Sends a part as its page says.
async fn send(api: &Api, part: &Value, content: &[u8]) -> u16 {
    let number = |name: &str| usize::try_from(part[name].as_u64().unwrap()).unwrap();
    let range = number("offset")..number("offset") + number("size_bytes");
    let headers: BTreeMap<String, String> =
        serde_json::from_value(part["upload"]["headers"].clone()).unwrap();
    let url = part["upload"]["url"].as_str().unwrap();
    api.put_to(url, &headers, content[range].to_vec()).await
}

async fn complete(api: &Api, path: &str) -> millrace_tests::stack::Answer {
    api.send(Method::POST, &format!("{path}/complete"), &[], Vec::new())
        .await
}

#[tokio::test]
async fn a_client_that_dies_between_parts_is_followed_by_one_that_goes_on() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let specs = AttendanceSpecs::create(&api, "parts").await;
    specs.send_schools(&api, 8).await;
    let rows = random_rows(&mut Random::new(61), 20_000);
    let content = large(&rows);
    let once = unique("parts");
    let key = [("idempotency-key", once.as_str())];
    let order = order(&specs, "large.csv", &content);
    let opened = api.post_with("/ingestion/multipart-uploads", &order, &key).await;
    let again = api.post_with("/ingestion/multipart-uploads", &order, &key).await;
    assert_eq!(opened.expect(201), again.expect(201));
    assert_eq!(opened.body["parts"], 3, "{}", opened.text);
    let file_id = opened.body["file_id"].as_str().unwrap().to_owned();
    let path = format!("/ingestion/multipart-uploads/{file_id}/1");

    let first = parts(&api, &path).await;
    assert_eq!(send(&api, &first[1], &content).await, 200);
    complete(&api, &path).await.assert_problem(409, "parts_missing");
    // Another client knows the file's id and version alone.
    for part in parts(&api, &path).await {
        assert_eq!(part["is_received"], part["number"] == 2, "{part}");
        if part["is_received"] == false {
            assert_eq!(send(&api, &part, &content).await, 200, "{part}");
        }
    }
    let _ = complete(&api, &path).await.expect(202);
    let _ = complete(&api, &path).await.expect(202);
    let file = api.settled(&file_id, PATIENCE).await;
    assert_through(&file);
    assert_eq!(
        (&file["kept"], &file["rejected"], &file["size_bytes"]),
        (&json!(rows.len()), &json!(1), &json!(content.len())),
        "{file}"
    );
    let mut model = Model::default();
    model.set("large.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
    let _ = complete(&api, &path).await.expect(202);
    api.delete(&path).await.assert_problem(409, "upload_completed");
}

#[tokio::test]
async fn an_upload_that_is_broken_off_leaves_nothing() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let specs = AttendanceSpecs::create(&api, "broken_off").await;
    let content = large(&random_rows(&mut Random::new(62), 10));
    let (file_id, path) = open(&api, &order(&specs, "large.csv", &content)).await;
    let listed = parts(&api, &path).await;
    assert_eq!(send(&api, &listed[0], &content).await, 200);
    for _ in 0..2 {
        let aborted = api.delete(&path).await;
        assert_eq!(aborted.expect(200)["status"], "Error", "{}", aborted.text);
    }
    assert_eq!(api.file(&file_id).await["error"]["rule"], "upload_aborted");
    complete(&api, &path).await.assert_problem(409, "upload_ended");
    assert_eq!(send(&api, &listed[1], &content).await, 404);
    let uploads = stack.emulator().call(
        "s3",
        "list_multipart_uploads",
        json!({"Bucket": stack.output("LandingBucketName"), "Prefix": format!("uploads/{file_id}/")}),
    );
    assert!(
        uploads["Uploads"].as_array().is_none_or(Vec::is_empty),
        "{uploads}"
    );
    // Its name is free again, also for one that is not as it was declared.
    let mut wrong = order(&specs, "large.csv", &content);
    wrong["size_bytes"] = json!(csv(&[]).len());
    let upload = api.open(&wrong).await;
    assert_eq!(
        api.put(&upload, csv(&random_rows(&mut Random::new(63), 3))).await,
        200
    );
    let file = api
        .settled_version(&upload.file_id, upload.version, PATIENCE)
        .await;
    assert_eq!(file["error"]["rule"], "not_as_declared", "{file}");
}
