use axum::body::Body;
use http::StatusCode;
use millrace_core::message::Queue;
use millrace_store::{Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{api, api_without_database, json as answer, nothing, request};

const RUN: &str = "01859000-0000-7000-8000-000000000000";

fn is_document(statement: &Statement) -> bool {
    statement.text.contains("pieces")
}

/// A stored spec of some kind.
fn spec(kind: &str, body: &Value) -> Value {
    json!({"kind": kind, "name": "p", "version": 1, "body": body, "created_by": "demo",
        "created_at": "2023-01-08T12:00:00Z"})
}

fn schedule_body(scheduled_at: &str) -> Value {
    json!({"pipeline_name": "p", "scheduled_at": scheduled_at})
}

#[tokio::test]
async fn a_run_is_begun_with_its_message_before_and_behind_the_commit() {
    let api = api(
        |statement| match statement.text.contains("operations.begin_pipeline_run") {
            true => answer(&json!({"outcome": "created", "run_id": RUN})),
            false => answer(&spec("pipeline", &json!({}))),
        },
    );
    let request = request("POST", "/ingestion/pipeline")
        .header("idempotency-key", "tonight")
        .header("content-type", "application/json");
    let body = json!({"pipeline_name": "p"}).to_string();
    let read = api.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(read.status, StatusCode::ACCEPTED, "{}", read.body);
    assert_eq!(
        read.body,
        json!({"message": "the pipeline is running", "run_id": RUN, "pipeline_name": "p"})
    );
    assert_eq!(api.bound("idempotency_key"), [SqlValue::from("tonight")]);
    let messages = api.messages.lock().unwrap();
    assert_eq!(messages.len(), 2);
    for (queue, message) in messages.iter() {
        let message: Value = serde_json::from_str(message).unwrap();
        assert_eq!(*queue, Queue::Status);
        assert_eq!(
            message,
            json!({"v": 1, "kind": "drive_pipeline", "pipeline": "p"})
        );
    }
    assert_eq!(*api.delays.lock().unwrap(), [60, 0]);
}

#[tokio::test]
async fn what_cannot_be_begun_is_told() {
    for (outcome, status, code) in [
        ("retired", StatusCode::CONFLICT, "spec_retired"),
        ("no_pipeline", StatusCode::NOT_FOUND, "not_found"),
        (
            "key_reused",
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
        ),
    ] {
        let api = api(
            move |statement| match statement.text.contains("operations.begin_pipeline_run") {
                true => answer(&json!({"outcome": outcome})),
                false => answer(&spec("pipeline", &json!({}))),
            },
        );
        let read = api
            .post("/ingestion/pipeline", &json!({"pipeline_name": "p"}))
            .await;
        assert_eq!((read.status, read.code()), (status, code));
    }
    let nobody = api(|_| nothing());
    let read = nobody
        .post("/ingestion/pipeline", &json!({"pipeline_name": "p"}))
        .await;
    assert_eq!((read.status, read.code()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(nobody.messages.lock().unwrap().len(), 0);
    let read = api_without_database()
        .post("/ingestion/pipeline", &json!({"pipeline_name": "p q"}))
        .await;
    assert_eq!(read.errors(), [("/pipeline_name", "bad_name")]);
}

#[tokio::test]
async fn runs_are_listed_and_read_with_what_they_found() {
    let api = api(|statement| match statement.text.contains("'step_no'") {
        true => answer(
            &json!({"step_no": 7, "file_id": RUN, "version": 2, "target": "", "was_held": false,
            "state": "waiting", "ended_at": null}),
        ),
        false => answer(
            &json!({"run_id": RUN, "sequence": 9, "pipeline": "p", "spec_version": 1,
            "begun_by": "schedule", "requested_by": "schedule p", "created_at": "2023-01-08T12:00:00Z",
            "finished_at": null, "counts": {"found": 1, "held": 0, "validated": 0, "applied": 0, "superseded": 0,
            "refused": 0, "waiting": 1}}),
        ),
    });
    let read = api.get("/ingestion/pipeline/p/runs?limit=1").await;
    assert_eq!(
        (&read.body["items"][0]["state"], &read.body["next"]),
        (&json!("running"), &json!("9"))
    );
    let read = api
        .get(&format!("/ingestion/pipeline/p/runs/{RUN}?limit=1"))
        .await;
    assert_eq!(read.body["steps"][0]["target"], Value::Null);
    assert_eq!(
        (&read.body["counts"]["waiting"], &read.body["next"]),
        (&json!(1), &json!("7"))
    );
    let nobody = super::support::api(|_| nothing());
    for path in [
        "/ingestion/pipeline/p/runs",
        &format!("/ingestion/pipeline/p/runs/{RUN}"),
    ] {
        assert_eq!(nobody.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_schedule_is_made_where_there_is_none() {
    for (path, body, name) in [
        ("/ingestion/scheduler", schedule_body("0 2 * * ? *"), "p"),
        (
            "/spec/s3",
            json!({"scheduled_at": "rate(1 day)", "scheduled_type": "Archive"}),
            "archive",
        ),
    ] {
        let api = api(|statement| {
            let is_pipeline = statement
                .parameters
                .iter()
                .any(|(name, value)| name == "kind" && *value == SqlValue::from("pipeline"));
            match (is_document(statement), is_pipeline) {
                (true, true) => answer(&spec("pipeline", &json!({}))),
                _ => nothing(),
            }
        });
        let read = api.post(path, &body).await;
        assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
        assert_eq!(
            (&read.body["schedule_name"], &read.body["version"]),
            (&json!(name), &json!(1))
        );
        assert_eq!(
            read.body["message"],
            format!("{name} has been successfully scheduled")
        );
        let messages = api.messages.lock().unwrap();
        let last: Value = serde_json::from_str(&messages[1].1).unwrap();
        assert_eq!(
            last,
            json!({"v": 1, "kind": "schedule_changed", "schedule": name})
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_told_with_its_place() {
    for (path, body, pointer, code) in [
        (
            "/ingestion/scheduler",
            schedule_body("0 0 2 * * ? *"),
            "/scheduled_at",
            "quartz_seconds",
        ),
        (
            "/spec/schedule",
            schedule_body("rate(1 days)"),
            "/scheduled_at",
            "bad_rate_unit",
        ),
        (
            "/spec/schedule/validate",
            schedule_body("cron(0 2 * * * *)"),
            "/scheduled_at",
            "both_days",
        ),
        (
            "/spec/s3",
            json!({"scheduled_at": "rate(1 day)", "scheduled_type": "Other"}),
            "/scheduled_type",
            "wrong_value",
        ),
        (
            "/spec/s3",
            schedule_body("rate(1 day)"),
            "/pipeline_name",
            "unknown_member",
        ),
    ] {
        let read = api_without_database().post(path, &body).await;
        assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(read.errors(), [(pointer, code)], "{path}");
    }
    let nobody = api(|_| nothing());
    let read = nobody.post("/spec/schedule", &schedule_body("rate(1 day)")).await;
    assert_eq!(read.errors(), [("/pipeline_name", "unknown_spec")]);
}

#[tokio::test]
async fn a_schedule_is_read_with_how_it_stands() {
    let definition = json!({"name": "p", "target": {"pipeline": "p"}, "expression": "cron(0 2 * * ? *)",
        "time_zone": "UTC", "state": "enabled"});
    let api = api(
        move |statement| match statement.text.contains("operations.schedule w") {
            true => answer(
                &json!({"change": 2, "version": 1, "is_wanted": true, "taken_change": 1,
            "taken_at": "2023-01-08T12:00:00Z", "error": {"rule": "refused_by_eventbridge", "message": "no"},
            "definition": definition}),
            ),
            false => answer(&spec("schedule", &schedule_body("0 2 * * ? *"))),
        },
    );
    let read = api.get("/spec/schedule/p").await;
    let status = &read.body["schedule"];
    assert_eq!(
        (
            &status["taken"],
            &status["expression"],
            &status["error"]["message"]
        ),
        (&json!(false), &json!("cron(0 2 * * ? *)"), &json!("no")),
        "{}",
        read.body
    );
    assert_eq!(status["next_runs"].as_array().unwrap().len(), 3);
    let read = api.get("/spec/schedule/p?version=1").await;
    assert_eq!(read.body.get("schedule"), None);
}

#[tokio::test]
async fn looks_at_the_whole_are_listed_and_read() {
    let api = api(|statement| match statement.text.contains("finding_no") {
        true => answer(
            &json!({"finding_no": 3, "rule": "cells_differ", "dataset": "d", "file_id": null,
            "version": null, "message": "m"}),
        ),
        false => answer(
            &json!({"run_id": RUN, "sequence": 4, "checked": 10, "findings": 1, "next": null,
            "started_at": "2023-01-08T12:00:00Z", "finished_at": "2023-01-08T12:00:01Z"}),
        ),
    });
    let read = api.get("/reconciliation/runs?limit=1").await;
    assert_eq!(
        (&read.body["items"][0]["findings"], &read.body["next"]),
        (&json!(1), &json!("4"))
    );
    let read = api.get(&format!("/reconciliation/runs/{RUN}")).await;
    assert_eq!(read.body["found"][0]["rule"], "cells_differ");
    let nobody = super::support::api(|_| nothing());
    let read = nobody.get(&format!("/reconciliation/runs/{RUN}")).await;
    assert_eq!(read.status, StatusCode::NOT_FOUND);
}
