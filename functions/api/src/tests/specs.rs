use http::StatusCode;
use millrace_core::failure::FailureKind;
use millrace_core::message::Queue;
use millrace_core::principal::Scope;
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{api, api_for, api_without_database, failure, json, nothing};

fn event() -> Value {
    let field = json!({"type": "integer"});
    let date = json!({"type": "string", "format": "date"});
    json!({"ingestion_type": "event", "event_name": "event_x", "input": {"properties": {"event": {"items": {
        "required": ["date"], "properties": {"date": date, "total": field}}}}}})
}

fn dimension() -> Value {
    json!({"ingestion_type": "dimension", "dimension_name": "dimension_x", "input": {"properties": {"dimension": {
        "items": {"required": ["school_id"], "properties": {"school_id": {"type": "string"}}}}}}})
}

fn dataset() -> Value {
    json!({"ingestion_type": "dataset", "dataset_name": "totals", "input": {"properties": {"dataset": {"properties": {
        "items": {"items": {"properties": {"date": {"type": "string"}, "sum_total": {"type": "integer"}}}},
        "group_by": ["date"],
        "aggregate": {"properties": {"function": ["sum"], "columns": {"items": {"properties": {"column": ["total"]}}}}},
    }}}}})
}

fn is(statement: &Statement, part: &str) -> bool {
    statement.text.contains(part)
}

fn numbers(statement: &Statement) -> Option<Rows> {
    is(statement, "next_table_no").then(|| Rows {
        rows: vec![vec![SqlValue::Long(1)]],
    })
}

#[tokio::test]
async fn a_new_spec_is_created() {
    let api = api(|_| nothing());
    let read = api.post("/spec/event", &event()).await;
    assert_eq!(read.status, StatusCode::CREATED);
    let expected =
        json!({"kind": "event", "name": "event_x", "version": 1, "message": "the spec was created"});
    assert_eq!(read.body, expected);
    assert!(api.bound("client_id").contains(&SqlValue::from("tester")));
}

#[tokio::test]
async fn only_an_admin_creates_a_transformer() {
    let transformer = json!({"ingestion_type": "transformer", "transformer_name": "doubled", "event_name": "event_x",
        "steps": [{"derive": {"column": "twice", "product": [{"column": "total"}, {"value": "2"}]}}]});
    let definition = json!({"name": "event_x", "fields": [
        {"name": "date", "type": "date", "required": true}, {"name": "total", "type": "integer", "required": false}]});
    let script = move |statement: &Statement| match statement {
        events if is(events, "s.definition::text") => json(&definition),
        _ => nothing(),
    };
    let refused = api_for(&[Scope::SpecsWrite, Scope::SpecsRead], script.clone());
    let read = refused.post("/spec/transformer", &transformer).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::FORBIDDEN, "missing_scope")
    );
    let read = refused.post("/spec/transformer/validate", &transformer).await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.body);
    let read = api(script).post("/spec/transformer", &transformer).await;
    assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
    assert_eq!(read.body["kind"], "transformer");
}

#[tokio::test]
async fn a_dimension_answers_its_key_and_a_dataset_its_outputs() {
    let answering = |statement: &Statement| numbers(statement).map_or_else(nothing, Ok);
    let read = api(answering).post("/spec/dimension", &dimension()).await;
    assert_eq!(
        (read.status, &read.body["key"]),
        (StatusCode::CREATED, &json!(["school_id"]))
    );
    let definition = json!({"name": "event_x", "fields": [
        {"name": "date", "type": "date", "required": true}, {"name": "total", "type": "integer", "required": false}]});
    let with_event = move |statement: &Statement| match statement {
        numbered if is(numbered, "next_table_no") => Ok(numbers(numbered).unwrap()),
        // The body names no event, so the only one that has its columns is looked for, and that one is loaded.
        search if is(search, "definition @>") => {
            assert_eq!(
                search.parameters[0].1,
                SqlValue::from(r#"{"fields":[{"name":"date"},{"name":"total"}]}"#)
            );
            json(&json!("event_x"))
        }
        listing if is(listing, "s.definition::text") => {
            let bound: Vec<&SqlValue> = listing.parameters.iter().map(|(_, value)| value).collect();
            assert_eq!(
                bound,
                [&SqlValue::from("event"), &SqlValue::from(r#"["event_x"]"#)]
            );
            json(&definition)
        }
        _ => nothing(),
    };
    let api = api(with_event);
    let read = api.post("/spec/dataset", &dataset()).await;
    assert_eq!(
        (read.status, &read.body["outputs"]),
        (StatusCode::CREATED, &json!(["sum_total"])),
        "{}",
        read.body
    );
    // The reminder before the commit, and the same message after it: no request sends what the files owe.
    let expected = (
        Queue::Status,
        r#"{"v":1,"kind":"drive_dataset","dataset":"totals"}"#.to_owned(),
    );
    assert_eq!(*api.messages.lock().unwrap(), [expected.clone(), expected]);
    assert_eq!(*api.delays.lock().unwrap(), [60, 0]);
}

#[tokio::test]
async fn the_same_spec_is_there_and_another_is_a_conflict() {
    for (same, status, code) in [
        (true, StatusCode::OK, ""),
        (false, StatusCode::CONFLICT, "spec_exists"),
    ] {
        let api = api(move |_| json(&json!({"version": 1, "same": same})));
        let read = api.post("/spec/event", &event()).await;
        assert_eq!((read.status, read.code()), (status, code));
    }
    let taken = api(|statement| match is(statement, "spec.create_spec") {
        true => Err(failure(FailureKind::Conflict, "42P07")),
        false => nothing(),
    });
    let read = taken.post("/spec/event", &event()).await;
    assert_eq!((read.status, read.code()), (StatusCode::CONFLICT, "name_taken"));
}

/// Nothing is written or sent, whatever is stored.
#[tokio::test]
async fn a_spec_is_checked_without_being_saved() {
    let mut other = event();
    other["input"]["properties"]["event"]["items"]["required"] = json!([]);
    for (stored, expected) in [
        (None, "absent"),
        (Some(event()), "identical"),
        (Some(other), "different"),
    ] {
        let api = api(move |statement| match is(statement, "spec.create_spec") {
            true => panic!("a spec is saved"),
            false => stored.as_ref().map_or_else(nothing, |body| {
                json(
                    &json!({"kind": "event", "name": "event_x", "version": 1, "created_by": "demo",
                    "created_at": "2023-01-08T12:00:00Z", "body": body}),
                )
            }),
        });
        let read = api.post("/spec/event/validate", &event()).await;
        assert_eq!(read.status, StatusCode::OK, "{}", read.body);
        assert_eq!(
            read.body,
            json!({"kind": "event", "name": "event_x", "stored": expected})
        );
        assert!(api.messages.lock().unwrap().is_empty());
    }
    let mut bad = event();
    bad["event_name"] = json!("1x");
    let read = api(|_| nothing()).post("/spec/event/validate", &bad).await;
    assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(read.body["errors"][0]["pointer"], "/event_name");
}

#[tokio::test]
async fn a_bad_spec_answers_every_problem_with_its_pointer() {
    let mut body = event();
    let items = body.pointer_mut("/input/properties/event/items").unwrap();
    items["properties"]["total"]["minimum"] = json!(2);
    items["properties"]["total"]["maximum"] = json!(1);
    items["required"] = json!(["nope"]);
    let read = api_without_database().post("/spec/event", &body).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_spec")
    );
    let items = "/input/properties/event/items";
    let expected = [
        (format!("{items}/properties/total/maximum"), "empty_range"),
        (format!("{items}/required/0"), "unknown_field"),
    ];
    let expected: Vec<(&str, &str)> = expected
        .iter()
        .map(|(pointer, code)| (pointer.as_str(), *code))
        .collect();
    assert_eq!(read.errors(), expected);
    let other_kind = api_without_database().post("/spec/dimension", &event()).await;
    assert_eq!(other_kind.code(), "invalid_spec");
    assert_eq!(
        api_without_database().post("/spec/policy", &event()).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn specs_are_listed_by_page_and_read_by_name() {
    let record = |name: &str| json!({"kind": "event", "name": name, "version": 1, "body": {"a": 1}, "created_by": "c", "created_at": "t"});
    let listing = api(move |_| json(&record("a")));
    let read = listing.get("/spec/event?limit=1").await;
    assert_eq!(read.body["next"], "a");
    assert_eq!(
        read.body["items"][0],
        json!({"kind": "event", "name": "a", "version": 1, "created_by": "c", "created_at": "t"})
    );
    assert_eq!(
        listing.get("/spec/event?limit=2&cursor=a").await.body["next"],
        Value::Null
    );
    assert!(listing.bound("after_name").contains(&SqlValue::from("a")));
    assert_eq!(listing.get("/spec/event/a").await.body["body"], json!({"a": 1}));
    for missing in [
        "/spec/event/b",
        "/spec/event/b%22c",
        "/spec/thing/b",
        "/spec/event/b/c",
    ] {
        assert_eq!(
            api(|_| nothing()).get(missing).await.status,
            StatusCode::NOT_FOUND,
            "{missing}"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_tried_again_and_a_defect_tells_nothing() {
    let away = api(|_| Err(failure(FailureKind::Transient, "DatabaseResumingException")));
    let read = away.get("/spec/event").await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
    );
    assert_eq!(read.headers["retry-after"], "5");
    let broken = api(|_| Err(failure(FailureKind::Invalid, "42601")));
    let read = broken.get("/spec/event").await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
    );
    assert!(!read.body.to_string().contains("42601"));
}

#[tokio::test]
async fn a_spec_with_very_many_fields_is_taken() {
    let mut body = event();
    let properties = body
        .pointer_mut("/input/properties/event/items/properties")
        .unwrap();
    for i in 0..1_900 {
        properties[format!("field_{i}")] = json!({"type": "string"});
    }
    let read = api(|_| nothing()).post("/spec/event", &body).await;
    assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
}
