//! The declared programme: every kind of dataset, and what is declared later.

use millrace_tests::specs;
use serde_json::{Value, json};

use crate::flow::kpis::{SCHOOLS, VISITS, bodies};
use crate::flow::transformed;

const SERVED: &str = "/input/properties/dataset/properties/items/items";
const UPDATED: &str = "/input/properties/dataset/properties/aggregate/properties/update_cols";
const GROUPED: &str = "/input/properties/dataset/properties/group_by";
/// A dataset that is retired and restored.
pub(super) const RETIRED: &str = "of_one_note";
/// What its second version serves, of what the cells keep from the beginning.
const LATER_OUTPUT: &str = "avg_marked";

/// What is there from the beginning.
pub(super) fn first() -> Vec<Value> {
    let mut bodies = bodies::all();
    bodies.extend(transformed::bodies());
    bodies.push(without(marks_by_cluster(), LATER_OUTPUT));
    bodies
}

/// Second versions: an event and a dimension with a field more, a dataset with an output more.
pub(super) fn second() -> [Value; 3] {
    let mut event = first().remove(0);
    assert_eq!(event["event_name"], VISITS.1);
    event["input"]["properties"]["event"]["items"]["properties"]["shift"] = json!({"type": "string"});
    let fields = [
        ("school", "string!"),
        ("cluster", "string"),
        ("district", "string"),
    ];
    [
        event,
        specs::dimension(SCHOOLS.1, &["school"], &fields),
        marks_by_cluster(),
    ]
}

/// A dataset that comes when there are files, over a field that most of them lack.
pub(super) fn later() -> Value {
    specs::dataset(&specs::Dataset {
        name: "by_shift",
        event: VISITS.1,
        group_by: &["shift", "day"],
        functions: &["sum", "max", "distinct_count"],
        columns: &["marked", "grade"],
        ..specs::Dataset::default()
    })
}

fn marks_by_cluster() -> Value {
    specs::dataset(&specs::Dataset {
        name: "marks_by_cluster",
        event: VISITS.1,
        group_by: &["day", "cluster"],
        functions: &["sum", "count", "min", "max", "avg", "distinct_count"],
        columns: &["marked"],
        dimension: Some((SCHOOLS.1, "school")),
        ..specs::Dataset::default()
    })
}

/// The same without an output.
fn without(mut body: Value, output: &str) -> Value {
    let items = body.pointer_mut(SERVED).unwrap();
    items["properties"].as_object_mut().unwrap().shift_remove(output);
    remove(&mut items["required"], output);
    remove(body.pointer_mut(UPDATED).unwrap(), output);
    body
}

fn remove(list: &mut Value, name: &str) {
    list.as_array_mut().unwrap().retain(|listed| listed != name);
}

/// The columns of a dataset's view: what it is grouped by, and its outputs.
pub(super) fn columns(dataset: &Value) -> Vec<&str> {
    [names(dataset, GROUPED), outputs(dataset)].concat()
}

/// The figures that a dataset declares.
pub(super) fn outputs(dataset: &Value) -> Vec<&str> {
    names(dataset, UPDATED)
}

fn names<'a>(dataset: &'a Value, pointer: &str) -> Vec<&'a str> {
    let listed = dataset.pointer(pointer).unwrap().as_array().unwrap();
    listed.iter().map(|name| name.as_str().unwrap()).collect()
}
