//! What is there already, and keys that make a repeat harmless.

use millrace_tests::stack::{AttendanceSpecs, Stack, csv, random_rows, unique};
use millrace_tests::{Random, specs};
use serde_json::{Value, json};

use super::{PATIENCE, assert_through};

#[tokio::test]
async fn specs_are_created_once() {
    let Some(stack) = Stack::find() else { return };
    let (api, name) = (stack.api(), unique("conflict_event"));
    let body = specs::event(&name, &[("date", "date!"), ("total", "integer!")]);
    let at_once = (0..6).map(|_| api.post("/spec/event", &body));
    let mut statuses: Vec<u16> = futures_util::future::join_all(at_once)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(
        statuses,
        [200, 200, 200, 200, 200, 201],
        "six at once make one spec"
    );
    let other = specs::event(&name, &[("date", "date!"), ("total", "number!")]);
    api.post("/spec/event", &other)
        .await
        .assert_problem(409, "spec_exists");
    let in_other_case = specs::event(&name.to_uppercase(), &[("date", "date!")]);
    api.post("/spec/event", &in_other_case)
        .await
        .assert_problem(409, "spec_exists");
    let read = api.get(&format!("/spec/event/{name}")).await;
    assert_eq!(read.expect(200)["body"], body, "{}", read.text);
}

#[tokio::test]
async fn specs_that_break_a_rule_say_where() {
    let Some(stack) = Stack::find() else { return };
    let (api, body) = (stack.api(), specs::event(&unique("told"), &[("date", "date!")]));
    let mut broken = specs::event(&unique("broken"), &[("date", "date!")]);
    broken["input"]["properties"]["event"]["items"]["properties"]["grade"] =
        json!({"type": "integer", "minimum": 9, "maximum": 1});
    broken["input"]["properties"]["event"]["items"]["properties"]["9bad"] = json!({"type": "integer"});
    let answer = api.post("/spec/event", &broken).await;
    answer.assert_problem(422, "invalid_spec");
    let pointers: Vec<&str> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert!(
        pointers
            .iter()
            .any(|pointer| pointer.starts_with("/input/properties/event/items/properties/9bad")),
        "{}",
        answer.text
    );
    let orphan = specs::dataset(&specs::Dataset {
        name: &unique("orphan"),
        event: "no_such_event",
        group_by: &["date"],
        functions: &["sum"],
        columns: &["total"],
        ..specs::Dataset::default()
    });
    api.post("/spec/dataset", &orphan)
        .await
        .assert_problem(422, "invalid_spec");
    api.post("/spec/planet", &body)
        .await
        .assert_problem(404, "not_found");
    api.get(&format!("/spec/event/{}", unique("none")))
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn files_are_registered_once() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let names = AttendanceSpecs::create(&api, "registered").await;
    let order = |mode: &str, file: &str| json!({"ingestion_type": "event", "ingestion_name": names.attendance, "file_name": file, "mode": mode});
    api.post("/ingestion/uploads", &order("replace", "a.csv"))
        .await
        .assert_problem(404, "not_found");
    // An upload whose bytes have not come does not stand in the way of another one: that is the file's next version.
    let given_up = api.open(&order("new", "a.csv")).await;
    let opened = api.open(&order("new", "a.csv")).await;
    assert_eq!(opened.file_id, given_up.file_id);
    assert_eq!(
        api.put(&opened, csv(&random_rows(&mut Random::new(41), 5))).await,
        200
    );
    assert_through(&api.settled(&opened.file_id, PATIENCE).await);
    api.post("/ingestion/uploads", &order("new", "a.csv"))
        .await
        .assert_problem(409, "file_exists");
    let unknown = json!({"ingestion_type": "event", "ingestion_name": unique("none"), "file_name": "a.csv"});
    api.post("/ingestion/uploads", &unknown)
        .await
        .assert_problem(422, "unknown_spec");
    for (name, value) in [
        ("ingestion_type", json!("planet")),
        ("ingestion_name", json!("not a name")),
        ("file_name", json!("../../etc/passwd")),
        ("file_name", json!("x".repeat(201))),
        ("file_name", json!("")),
        ("mode", json!("delete")),
        ("file_id", json!("7")),
    ] {
        let mut body = order("new", "b.csv");
        body[name] = value;
        let answer = api.post("/ingestion/uploads", &body).await;
        answer.assert_problem(422, "invalid_upload");
        assert_eq!(
            answer.body["errors"][0]["pointer"],
            format!("/{name}"),
            "{}",
            answer.text
        );
    }
    let mut with_more = order("new", "b.csv");
    with_more["surprise"] = json!(1);
    api.post("/ingestion/uploads", &with_more)
        .await
        .assert_problem(422, "invalid_body");
}

#[tokio::test]
async fn an_idempotency_key_has_one_effect() {
    let Some(stack) = Stack::find() else { return };
    let (api, key) = (stack.api(), unique("key"));
    let names = AttendanceSpecs::create(&api, "keyed").await;
    let order = |file: &str| json!({"ingestion_type": "event", "ingestion_name": names.attendance, "file_name": file});
    let headers = [("idempotency-key", key.as_str())];
    let body = order("a.csv");
    let at_once = (0..8).map(|_| api.post_with("/ingestion/uploads", &body, &headers));
    let answers = futures_util::future::join_all(at_once).await;
    for answer in &answers {
        let same = |name: &str| answer.expect(201)[name] == answers[0].body[name];
        assert!(
            same("file_id") && same("version"),
            "{} and {}",
            answer.text,
            answers[0].text
        );
    }
    api.post_with("/ingestion/uploads", &order("b.csv"), &headers)
        .await
        .assert_problem(422, "idempotency_key_reused");
    // Only what was done is remembered: a refused request leaves its key free.
    let (second, wrong) = (
        unique("key"),
        json!({"ingestion_type": "event", "ingestion_name": unique("none"), "file_name": "a"}),
    );
    let headers = [("idempotency-key", second.as_str())];
    api.post_with("/ingestion/uploads", &wrong, &headers)
        .await
        .assert_problem(422, "unknown_spec");
    let _ = api
        .post_with("/ingestion/uploads", &order("b.csv"), &headers)
        .await
        .expect(201);

    let upload = answers[0].body["upload"].clone();
    let (url, headers) = (upload["url"].as_str().unwrap(), texts(&upload["headers"]));
    let content = csv(&random_rows(&mut Random::new(42), 4));
    assert_eq!(api.put_to(url, &headers, content.into()).await, 200);
    let file_id = answers[0].body["file_id"].as_str().unwrap();
    assert_through(&api.settled(file_id, PATIENCE).await);
    let (path, third) = (format!("/ingestion/files/{file_id}"), unique("key"));
    for _ in 0..2 {
        let headers = [("idempotency-key", third.as_str())];
        let deleted = api
            .send(reqwest::Method::DELETE, &path, &headers, Vec::new())
            .await;
        assert_eq!(deleted.expect(202)["version"], 2, "{}", deleted.text);
    }
    for bad in ["", "with blank", &"x".repeat(256)] {
        api.post_with("/ingestion/uploads", &body, &[("idempotency-key", bad)])
            .await
            .assert_problem(400, "bad_idempotency_key");
    }
}

fn texts(headers: &Value) -> std::collections::BTreeMap<String, String> {
    let pairs = headers.as_object().unwrap().iter();
    pairs
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}
