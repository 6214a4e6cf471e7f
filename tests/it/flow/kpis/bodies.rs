//! Two events, a dimension, and a dataset of each kind.

use millrace_tests::specs;
use serde_json::{Value, json};

use super::{MEALS, NOTE, SCHOOLS, VISITS};

const PROPERTIES: &str = "/input/properties/dataset/properties";
const BY_CLUSTER: Option<(&str, &str)> = Some(("schools", "school"));

pub(crate) fn all() -> Vec<Value> {
    let mut bodies = vec![
        specs::event(
            VISITS.1,
            &[
                ("day", "date!"),
                ("school", "string"),
                ("grade", "integer"),
                ("marked", "number"),
                ("total", "integer"),
                ("note", "string"),
            ],
        ),
        specs::event(
            MEALS.1,
            &[("day", "date!"), ("school", "string"), ("served", "integer")],
        ),
        specs::dimension(
            SCHOOLS.1,
            &["school"],
            &[("school", "string!"), ("cluster", "string")],
        ),
        by_school(),
    ];
    bodies.extend([good_schools(), clusters_with_good_schools()]);
    bodies.extend([large_visits(), of_one_note(), meals_a_pupil()]);
    bodies
}

fn by_school() -> Value {
    specs::dataset(&specs::Dataset {
        name: "by_school",
        event: VISITS.1,
        group_by: &["day", "school"],
        functions: &["sum"],
        columns: &["marked", "total"],
        percentage: Some(("sum_marked", "sum_total")),
        dimension: None,
    })
}

/// Of a dataset: its groups counted, those of a condition above the line.
fn good_schools() -> Value {
    let wanted = specs::Dataset {
        name: "good_schools",
        group_by: &["day", "cluster"],
        functions: &["count"],
        columns: &["school"],
        dimension: BY_CLUSTER,
        ..specs::Dataset::default()
    };
    let members = json!({ "table": constant("ingestion.by_school"), "filters": filter("percentage", ">=", "50"),
        "numerator_col": constant("good"), "denominator_col": constant("all_schools") });
    dataset(&wanted, &members, &["good", "all_schools", "percentage"])
}

/// Of a dataset of a dataset.
fn clusters_with_good_schools() -> Value {
    let wanted = specs::Dataset {
        name: "clusters_with_good_schools",
        group_by: &["day"],
        functions: &["sum", "min", "max", "avg", "count"],
        columns: &["good"],
        ..specs::Dataset::default()
    };
    let members = json!({ "table": constant("ingestion.good_schools"), "filters": filter("good", ">", "0") });
    let served = ["sum_good", "min_good", "max_good", "avg_good", "count_good"];
    dataset(&wanted, &members, &served)
}

/// Of an event: texts counted, those of a condition above the line.
fn large_visits() -> Value {
    let wanted = specs::Dataset {
        name: "large_visits",
        event: VISITS.1,
        group_by: &["day"],
        functions: &["count"],
        columns: &["note"],
        ..specs::Dataset::default()
    };
    let members = json!({ "filters": filter("marked", ">=", "2.5"), "numerator_col": constant("large"),
        "denominator_col": constant("noted") });
    dataset(&wanted, &members, &["large", "noted", "percentage"])
}

/// Of the rows of two conditions: distinct values.
fn of_one_note() -> Value {
    let wanted = specs::Dataset {
        name: "of_one_note",
        event: VISITS.1,
        group_by: &["school"],
        functions: &["sum", "distinct_count"],
        columns: &["marked", "grade"],
        ..specs::Dataset::default()
    };
    let members = json!({ "filters": [filter("note", "=", NOTE), filter("day", "<", "2023-01-04")] });
    dataset(&wanted, &members, &["sum_marked", "distinct_count_grade"])
}

/// Of an event and a dataset.
fn meals_a_pupil() -> Value {
    let wanted = specs::Dataset {
        name: "meals_a_pupil",
        event: MEALS.1,
        group_by: &["day", "cluster"],
        functions: &["sum"],
        columns: &["served"],
        dimension: BY_CLUSTER,
        ..specs::Dataset::default()
    };
    let members = json!({ "table": constant("ingestion.by_school"), "numerator_col": constant("sum_served"),
        "denominator_col": constant("sum_total") });
    dataset(&wanted, &members, &["sum_served", "sum_total", "percentage"])
}

fn constant(value: &str) -> Value {
    json!({ "type": "string", "pattern": value })
}

fn filter(column: &str, operator: &str, value: &str) -> Value {
    json!({ "type": "object", "properties": { "filter_col": constant(column),
        "filter_type": constant(operator), "filter": constant(value) } })
}

/// A dataset's body with members of its aggregate and served columns set.
fn dataset(wanted: &specs::Dataset<'_>, members: &Value, served: &[&str]) -> Value {
    let mut body = specs::dataset(wanted);
    if wanted.event.is_empty() {
        body.as_object_mut().unwrap().shift_remove("event_name");
    }
    let items = body.pointer_mut(&format!("{PROPERTIES}/items/items")).unwrap();
    items["required"] = json!(wanted.group_by);
    for name in served {
        items["properties"][*name] = json!({ "type": "number" });
    }
    let aggregate = body
        .pointer_mut(&format!("{PROPERTIES}/aggregate/properties"))
        .unwrap();
    aggregate["update_cols"] = json!(served);
    for (member, value) in members.as_object().unwrap() {
        match member.as_str() {
            "table" => aggregate["columns"]["items"]["properties"]["table"] = value.clone(),
            _ => aggregate[member] = value.clone(),
        }
    }
    body
}
