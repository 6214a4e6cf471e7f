use serde_json::{Map, Value, json};

use super::{attendance_dataset, attendance_event, catalogue, found, one, school_dimension, with};
use crate::{MAX_ERRORS, check_dataset, check_dimension, check_event};

const FIELDS: &str = "/input/properties/event/items/properties";

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn deep_bodies_are_refused_before_they_are_walked() {
    let body = with(attendance_event(), "/input/properties/indexes", nested(100));
    assert_eq!(found(check_event(&body)), one("too_deep", ""));
    let body = with(attendance_event(), "/input/properties/indexes", nested(60));
    assert!(check_event(&body).is_ok());
}

#[test]
fn quotes_and_statements_in_names_are_refused_where_they_stand() {
    let names = [
        "a\"b",
        "a;drop table x",
        "a b",
        "1a",
        "é",
        "",
        "a.b",
        "a~b/c",
        &"a".repeat(64),
        "a\u{0}b",
    ];
    for name in names {
        let mut body = attendance_event();
        let fields = body.pointer_mut(FIELDS).unwrap().as_object_mut().unwrap();
        fields.insert(name.to_owned(), json!({"type": "string"}));
        let pointer = format!("{FIELDS}/{}", name.replace('~', "~0").replace('/', "~1"));
        assert_eq!(found(check_event(&body)), one("bad_name", &pointer), "{name:?}");
        let body = with(school_dimension(), "/dimension_name", json!(name));
        assert_eq!(
            found(check_dimension(&body)),
            one("bad_name", "/dimension_name"),
            "{name:?}"
        );
    }
}

#[test]
fn the_limit_of_fields_is_exact() {
    let of = |count: usize| {
        let fields: Map<String, Value> = (0..count)
            .map(|i| (format!("f{i}"), json!({"type": "string"})))
            .collect();
        with(
            attendance_event(),
            "/input/properties/event/items",
            json!({"properties": fields}),
        )
    };
    assert_eq!(check_event(&of(2_000)).unwrap().fields.len(), 2_000);
    assert_eq!(found(check_event(&of(2_001))), one("out_of_limits", FIELDS));
    let dimension = |count: usize| {
        let fields: Map<String, Value> = (0..count)
            .map(|i| (format!("f{i}"), json!({"type": "string", "shouldnotnull": true})))
            .collect();
        let items = "/input/properties/dimension/items";
        with(school_dimension(), items, json!({"properties": fields}))
    };
    assert_eq!(check_dimension(&dimension(300)).unwrap().fields.len(), 300);
    let at = "/input/properties/dimension/items/properties";
    assert_eq!(found(check_dimension(&dimension(301))), one("out_of_limits", at));
}

#[test]
fn regex_bombs_are_refused_in_bounded_time() {
    for pattern in [
        "(a{1000}){1000}",
        "((\\pL{200}){200})",
        "(((((a*)*)*)*)*){5000}",
        "(?:x{0,1000}){0,1000}",
        "[",
        "\\1",
        "(?<=a)b",
    ] {
        let body = with(
            attendance_event(),
            &format!("{FIELDS}/school_id/pattern"),
            json!(pattern),
        );
        assert_eq!(
            found(check_event(&body)),
            one("bad_pattern", &format!("{FIELDS}/school_id/pattern")),
            "{pattern}"
        );
    }
    let fields: Map<String, Value> = (0..300)
        .map(|i| (format!("f{i}"), json!({"type": "string", "pattern": "^a+$"})))
        .collect();
    let body = with(
        attendance_event(),
        "/input/properties/event/items",
        json!({"properties": fields}),
    );
    assert_eq!(
        found(check_event(&body)),
        one("out_of_limits", &format!("{FIELDS}/f200/pattern"))
    );
}

#[test]
fn many_errors_are_cut_and_said_to_be() {
    let fields: Map<String, Value> = (0..500)
        .map(|i| (format!("f{i}"), json!({"type": "x"})))
        .collect();
    let body = with(
        attendance_event(),
        "/input/properties/event/items",
        json!({"properties": fields}),
    );
    let errors = check_event(&body).unwrap_err().into_errors();
    assert_eq!(errors.len(), MAX_ERRORS + 1);
    assert_eq!(errors.last().unwrap().code, "too_many_errors");
    assert_eq!(errors.last().unwrap().message, "400 more errors are not listed");
}

#[test]
fn a_long_text_is_cut_in_the_message() {
    let body = with(attendance_dataset(), "/event_name", json!("x".repeat(60_000)));
    let errors = check_dataset(&body, &catalogue()).unwrap_err().into_errors();
    assert!(errors[0].message.len() < 200);
}
