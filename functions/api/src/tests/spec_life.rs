use axum::body::Body;
use http::StatusCode;
use millrace_core::failure::Failure;
use millrace_spec::{check_dimension, check_event};
use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use super::support::{Api, Read, api, api_without_database, json, nothing, request};

/// An event in its first form, and in others.
fn event(fields: &Value) -> Value {
    json!({"ingestion_type": "event", "event_name": "event_x", "input": {"properties": {"event": {"items": {
        "properties": fields}}}}})
}

pub(super) fn first() -> Value {
    event(&json!({"total": {"type": "integer", "maximum": 9}}))
}

fn wider() -> Value {
    event(&json!({"note": {"type": "string"}, "total": {"type": "integer", "maximum": 10}}))
}

fn other() -> Value {
    event(&json!({"total": {"type": "string"}}))
}

/// A database with one version of the event, or two.
pub(super) fn stored(
    versions: Vec<Value>,
    retired_at: Value,
) -> impl Fn(&Statement) -> Result<Rows, Failure> {
    move |statement| {
        let bound = |name: &str| {
            let mut parameters = statement.parameters.iter();
            parameters
                .find(|(bound, _)| bound == name)
                .map(|(_, value)| value.clone())
        };
        let version = match bound("version") {
            Some(SqlValue::Long(version)) => usize::try_from(version).unwrap(),
            _ => versions.len(),
        };
        let Some(body) = versions.get(version.wrapping_sub(1)) else {
            return nothing();
        };
        let text = &statement.text;
        if text.contains("spec.dependants") {
            return nothing();
        }
        if text.contains("spec.migrate_spec") {
            return json(&json!({"outcome": "created", "version": version + 1}));
        }
        if text.contains("'same'") {
            let same = bound("body") == Some(SqlValue::Text(versions[versions.len() - 1].to_string()));
            return json(&json!({"version": versions.len(), "same": same}));
        }
        if text.contains("definition::text") {
            return json(&serde_json::to_value(check_event(body).unwrap()).unwrap());
        }
        json(
            &json!({"kind": "event", "name": "event_x", "version": version, "created_by": "demo",
            "created_at": "2023-01-08T12:00:00Z", "body": body, "retired_at": retired_at}),
        )
    }
}

async fn put(api: &Api, path: &str, body: &Value) -> Read {
    let request = request("PUT", path).header("content-type", "application/json");
    api.send(request.body(Body::from(body.to_string())).unwrap())
        .await
}

#[tokio::test]
async fn any_version_is_read_and_all_are_listed() {
    let api = api(stored(vec![first(), wider()], Value::Null));
    for (path, version, body) in [
        ("/spec/event/event_x", 2, wider()),
        ("/spec/event/event_x?version=1", 1, first()),
    ] {
        let read = api.get(path).await;
        assert_eq!(
            (&read.body["version"], &read.body["body"]),
            (&json!(version), &body),
            "{path}"
        );
        assert_eq!(read.body.get("retired_at"), None);
    }
    assert_eq!(
        api.get("/spec/event/event_x?version=3").await.status,
        StatusCode::NOT_FOUND
    );
    for bad in [
        "version=0",
        "version=x",
        "version=-1",
        "version=99999999999",
        "version=1&version=2",
        "newest=1",
    ] {
        let read = api_without_database()
            .get(&format!("/spec/event/event_x?{bad}"))
            .await;
        assert_eq!(
            (read.status, read.code()),
            (StatusCode::BAD_REQUEST, "bad_query"),
            "{bad}"
        );
    }
    let page = api.get("/spec/event/event_x/versions?limit=1").await;
    assert_eq!(
        (&page.body["items"][0]["version"], &page.body["next"]),
        (&json!(2), &json!("2"))
    );
    assert_eq!(api.bound("after_version"), [SqlValue::Long(0)]);
    api.get("/spec/event/event_x/versions?cursor=2").await;
    assert_eq!(api.bound("after_version")[1], SqlValue::Long(2));
    let read = api.get("/spec/event/event_x/versions?cursor=x").await;
    assert_eq!((read.status, read.code()), (StatusCode::BAD_REQUEST, "bad_query"));
    let nobody = super::support::api(|_| nothing());
    assert_eq!(
        nobody.get("/spec/event/nobody/versions").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn versions_and_bodies_are_compared() {
    let api = api(stored(vec![first(), wider()], Value::Null));
    let fields = "/input/properties/event/items/properties";
    let read = api.get("/spec/event/event_x/compare?from=1&to=2").await;
    let expected = json!({"kind": "event", "name": "event_x", "from": 1, "to": 2, "additive": true, "differences": [
        {"pointer": format!("{fields}/note"), "code": "field_added", "additive": true,
            "message": "note is new, and empty in rows that are there"},
        {"pointer": format!("{fields}/total/maximum"), "code": "rule_loosened", "additive": true,
            "message": "the rule on the greatest value of total is looser"}]});
    assert_eq!((read.status, read.body), (StatusCode::OK, expected));
    let read = api.get("/spec/event/event_x/compare?from=2&to=3").await;
    assert_eq!(read.status, StatusCode::NOT_FOUND);
    let read = api.get("/spec/event/event_x/compare?from=2").await;
    assert_eq!(
        (read.status, read.errors()),
        (StatusCode::BAD_REQUEST, vec![("/query/to", "bad_query")])
    );

    let read = api.post("/spec/event/compare", &other()).await;
    assert_eq!(
        (&read.body["from"], &read.body["to"], &read.body["additive"]),
        (&json!(2), &Value::Null, &json!(false))
    );
    let codes: Vec<&Value> = read.body["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"])
        .collect();
    assert_eq!(codes, ["type_changed", "field_removed"]);
    let read = api.post("/spec/event/compare", &wider()).await;
    assert_eq!(
        (&read.body["additive"], &read.body["differences"]),
        (&json!(true), &json!([]))
    );
    assert!(!api.texts().iter().any(|text| text.contains("migrate_spec")));
    let nobody = super::support::api(|_| nothing());
    assert_eq!(
        nobody.post("/spec/event/compare", &first()).await.status,
        StatusCode::NOT_FOUND
    );
    let mut bad = first();
    bad["event_name"] = json!("1x");
    let read = nobody.post("/spec/event/compare", &bad).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_spec")
    );
}

#[tokio::test]
async fn a_further_version_is_made_where_it_adds() {
    let one = || api(stored(vec![first()], Value::Null));
    let read = put(&one(), "/spec/event/event_x?version=1", &wider()).await;
    let expected =
        json!({"kind": "event", "name": "event_x", "version": 2, "message": "the spec has a new version"});
    assert_eq!((read.status, read.body), (StatusCode::CREATED, expected));
    let api_of_one = one();
    let read = put(&api_of_one, "/spec/event/event_x?version=1", &first()).await;
    assert_eq!((read.status, &read.body["version"]), (StatusCode::OK, &json!(1)));
    // A repeat with the version that was known then.
    let two = api(stored(vec![first(), wider()], Value::Null));
    let read = put(&two, "/spec/event/event_x?version=1", &wider()).await;
    assert_eq!((read.status, &read.body["version"]), (StatusCode::OK, &json!(2)));
    let read = put(&two, "/spec/event/event_x?version=1", &other()).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::CONFLICT, "stale_version")
    );

    let fields = "/input/properties/event/items/properties";
    let changed = event(&json!({"total": {"type": "string"}, "more": {"type": "string"}}));
    let read = put(&api_of_one, "/spec/event/event_x?version=1", &changed).await;
    assert_eq!((read.status, read.code()), (StatusCode::CONFLICT, "not_additive"));
    assert_eq!(
        read.errors(),
        [(format!("{fields}/total/type").as_str(), "type_changed")]
    );
    let mut renamed = first();
    renamed["event_name"] = json!("event_y");
    let read = put(&api_of_one, "/spec/event/event_x?version=1", &renamed).await;
    assert_eq!(
        (read.status, read.errors()),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            vec![("/event_name", "wrong_name")]
        )
    );
    let read = put(&api_of_one, "/spec/event/event_x", &wider()).await;
    assert_eq!(
        (read.status, read.errors()),
        (StatusCode::BAD_REQUEST, vec![("/query/version", "bad_query")])
    );
    for api in [two, api_of_one] {
        assert!(!api.texts().iter().any(|text| text.contains("migrate_spec")));
        assert!(api.messages.lock().unwrap().is_empty());
    }
    let retired = api(stored(vec![first()], json!("2023-02-01T12:00:00Z")));
    let read = put(&retired, "/spec/event/event_x?version=1", &wider()).await;
    assert_eq!((read.status, read.code()), (StatusCode::CONFLICT, "spec_retired"));
    let nobody = api(|_| nothing());
    let read = put(&nobody, "/spec/event/event_x?version=1", &wider()).await;
    assert_eq!(read.status, StatusCode::NOT_FOUND);
}

/// What the database finds under its lock wins over what was read before.
#[tokio::test]
async fn whoever_comes_second_is_told() {
    for (outcome, status, code) in [
        (
            json!({"outcome": "stale", "version": 2}),
            StatusCode::CONFLICT,
            "stale_version",
        ),
        (json!({"outcome": "identical", "version": 2}), StatusCode::OK, ""),
        (
            json!({"outcome": "retired"}),
            StatusCode::CONFLICT,
            "spec_retired",
        ),
        (
            json!({"outcome": "in_use"}),
            StatusCode::SERVICE_UNAVAILABLE,
            "spec_in_use",
        ),
        (json!({"outcome": "no_spec"}), StatusCode::NOT_FOUND, "not_found"),
    ] {
        let before = stored(vec![first()], Value::Null);
        let api = api(
            move |statement| match statement.text.contains("spec.migrate_spec") {
                true => json(&outcome),
                false => before(statement),
            },
        );
        let read = put(&api, "/spec/event/event_x?version=1", &wider()).await;
        assert_eq!((read.status, read.code()), (status, code));
    }
}

/// Columns are added behind those that are there, by neutral names, and the view shows them.
#[tokio::test]
async fn a_dimensions_statements_name_no_value_of_the_body() {
    let body = |fields: Value| {
        json!({"ingestion_type": "dimension", "dimension_name": "dim", "input": {"properties": {"dimension": {
            "items": {"key": ["id"], "properties": fields}}}}})
    };
    let from = body(json!({"id": {"type": "string"}}));
    let to = body(json!({"select": {"type": "integer"}, "id": {"type": "string"}}));
    let definition = serde_json::to_value(check_dimension(&from).unwrap()).unwrap();
    let api = api(move |statement| {
        let text = &statement.text;
        if text.contains("spec.migrate_spec") {
            return json(&json!({"outcome": "created", "version": 2}));
        }
        if text.contains("'same'") {
            return json(&json!({"version": 1, "same": false}));
        }
        if text.contains("'table_no'") {
            return json(&json!({"table_no": 7, "definition": definition}));
        }
        if text.contains("definition::text") {
            return json(&definition);
        }
        json(
            &json!({"kind": "dimension", "name": "dim", "version": 1, "created_by": "demo", "created_at": "t",
            "body": from}),
        )
    });
    let read = put(&api, "/spec/dimension/dim?version=1", &to).await;
    assert_eq!(read.status, StatusCode::CREATED, "{}", read.body);
    let expected = json!([
        "alter table stored.dimension_7 add column c2 bigint",
        "create or replace view ingestion.\"dim\" as select c1 as \"id\", c2 as \"select\" from stored.dimension_7 \
         where is_visible"
    ]);
    let Some(SqlValue::Text(statements)) = api.bound("statements").pop() else {
        panic!("nothing was bound")
    };
    assert_eq!(serde_json::from_str::<Value>(&statements).unwrap(), expected);
    assert_eq!(
        api.bound("column_types"),
        [SqlValue::from(r#"["text","bigint"]"#)]
    );
}
