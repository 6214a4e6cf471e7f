//! Golden bodies of the seed, each error with its pointer, hostile bodies, and bodies at random.

mod bodies;
mod dataset;
mod derived;
mod entity;
mod files;
mod hostile;
mod pipeline;
mod ready_rows;
mod schedule;
mod schemas;
mod source;
mod transformer;

use serde_json::Value;

use crate::{Catalogue, SpecErrors, check_dimension, check_event};

pub(crate) fn school_dimension() -> Value {
    parse(include_str!("../testdata/school_attendance/dimension.json"))
}

pub(crate) fn attendance_event() -> Value {
    parse(include_str!("../testdata/school_attendance/event.json"))
}

pub(crate) fn attendance_dataset() -> Value {
    parse(include_str!("../testdata/school_attendance/dataset.json"))
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue {
        events: vec![check_event(&attendance_event()).unwrap()],
        dimensions: vec![check_dimension(&school_dimension()).unwrap()],
        transformers: Vec::new(),
        datasets: Vec::new(),
        other_events: Vec::new(),
    }
}

/// A body with one member set; `null` takes it away.
pub(crate) fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(members), Value::Null) => drop(members.shift_remove(member)),
        (Value::Object(members), value) => drop(members.insert(member.to_owned(), value)),
        (Value::Array(items), value) => items.insert(member.parse().unwrap(), value),
        (other, _) => panic!("{other} holds no member"),
    }
    body
}

/// Code and pointer of each error.
fn found<T: std::fmt::Debug>(checked: Result<T, SpecErrors>) -> Vec<(String, String)> {
    let errors = checked.unwrap_err().into_errors();
    errors
        .into_iter()
        .map(|error| (error.code, error.pointer))
        .collect()
}

fn one(code: &str, pointer: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), pointer.to_owned())]
}
