//! Bodies at random: whatever comes in, a check answers.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::{attendance_dataset, attendance_event, catalogue, school_dimension};
use crate::{check_dataset, check_dimension, check_event};

fn words() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 21] = [
        "type",
        "properties",
        "items",
        "required",
        "string",
        "integer",
        "number",
        "pattern",
        "enum",
        "minimum",
        "date",
        "format",
        "ingestion.x",
        "sum",
        "school_id",
        "grade",
        "column",
        "function",
        "group_by",
        "table",
        "key",
    ];
    prop_oneof![
        prop::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        any::<String>()
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((words(), inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Every pointer of a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| pointers(member, &format!("{at}/{name}"), found)),
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(i, item): (usize, _)| pointers(item, &format!("{at}/{i}"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_all(body: &Value) {
    let errors = [
        check_dimension(body).map(|_| ()),
        check_event(body).map(|_| ()),
        check_dataset(body, &catalogue()).map(|_| ()),
    ];
    for errors in errors.into_iter().filter_map(Result::err) {
        assert!(!errors.errors().is_empty());
    }
}

proptest! {
    #[test]
    fn any_value_is_answered(body in values()) {
        check_all(&body);
        check_all(&json!({"ingestion_type": "event", "event_name": "e", "input": {"properties": {"event": {"items": body}}}}));
    }

    #[test]
    fn a_good_body_with_one_member_spoilt_is_answered(which in 0_usize..3, place in any::<prop::sample::Index>(), value in values()) {
        let mut body = vec![school_dimension(), attendance_event(), attendance_dataset()].swap_remove(which);
        let mut places = Vec::new();
        pointers(&body, "", &mut places);
        *body.pointer_mut(&places[place.index(places.len())]).unwrap() = value;
        check_all(&body);
    }
}
