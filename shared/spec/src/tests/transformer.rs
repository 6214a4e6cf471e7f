use millrace_core::field::FieldType;
use millrace_core::step::{Step, TransformerDefinition};
use serde_json::{Value, json};

use super::{attendance_dataset, attendance_event, catalogue, found, with};
use crate::{Catalogue, SpecError, SpecErrors, check_dataset, check_event, check_transformer, references};

fn body() -> Value {
    json!({"ingestion_type": "transformer", "transformer_name": "by_sex", "event_name": "event_students_attendance",
        "steps": [
            {"unpivot": {"columns": {"students_attendance_marked": "1", "total_students": "2"}, "label": "kind",
                "label_type": "integer", "value": "students"}},
            {"derive": {"column": "double", "type": "integer", "product": [{"column": "students"}, {"value": "2"}]}},
            {"derive": {"column": "word", "cases": {"of": "kind", "when": {"1": "marked", "2": null},
                "otherwise": "?"}}},
            {"derive": {"column": "on", "date": {"year": {"value": "2023"}, "month": {"value": "1"},
                "day": {"column": "grade"}}}},
            {"filter": [{"column": "double", "operator": ">", "value": "0"}]}]})
}

fn checked(body: &Value) -> Result<TransformerDefinition, SpecErrors> {
    check_transformer(body, Some(&check_event(&attendance_event()).unwrap()))
}

#[test]
fn a_plan_says_which_columns_its_rows_have() {
    let plan = checked(&body()).unwrap();
    let columns: Vec<(&str, FieldType)> = plan
        .columns
        .iter()
        .map(|(name, field_type)| (name.as_str(), *field_type))
        .collect();
    let made = [
        ("kind", FieldType::Integer),
        ("students", FieldType::Integer),
        ("double", FieldType::Integer),
        ("word", FieldType::Text),
        ("on", FieldType::Date),
    ];
    assert!(columns.ends_with(&made), "{columns:?}");
    assert!(
        !columns.iter().any(|(name, _)| *name == "total_students"),
        "it is unpivoted"
    );
    assert!(matches!(plan.steps[4], Step::Filter(_)));
    let read: TransformerDefinition = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    assert_eq!(read, plan);
}

#[test]
fn a_dataset_may_be_fed_by_its_rows() {
    let with_plan = Catalogue {
        transformers: vec![checked(&body()).unwrap()],
        ..catalogue()
    };
    let dataset = with(attendance_dataset(), "/transformer_name", json!("by_sex"));
    let errors = found(check_dataset(&dataset, &with_plan));
    assert!(
        errors.iter().all(|(code, _)| code != "unknown_transformer"),
        "{errors:?}"
    );
    assert!(
        errors.iter().any(|(code, _)| code == "unknown_column"),
        "what was unpivoted is gone: {errors:?}"
    );
    let aggregate = "/input/properties/dataset/properties/aggregate/properties";
    let items = "/input/properties/dataset/properties/items/items";
    let mut dataset = with(
        dataset,
        &format!("{aggregate}/columns/items/properties/column"),
        json!(["students"]),
    );
    for member in ["numerator_col", "denominator_col", "update_cols"] {
        dataset = with(dataset, &format!("{aggregate}/{member}"), Value::Null);
    }
    let dataset = with(dataset, &format!("{items}/required"), Value::Null);
    let dataset = with(
        dataset,
        &format!("{items}/properties"),
        json!({"on": {"type": "string"},
        "word": {"type": "string"}, "sum_students": {"type": "integer"}}),
    );
    let dataset = with(dataset, "/input/properties/dimensions", Value::Null);
    let dataset = with(
        dataset,
        "/input/properties/dataset/properties/group_by",
        json!(["on", "word"]),
    );
    assert_eq!(
        references(&dataset).unwrap().transformer.as_deref(),
        Some("by_sex")
    );
    let definition = check_dataset(&dataset, &with_plan).unwrap();
    assert_eq!(definition.steps.len(), 5);
    assert_eq!(definition.event().unwrap().as_str(), "event_students_attendance");
    assert_eq!(definition.keys[0].field_type, FieldType::Date);
    let unknown = found(check_dataset(&dataset, &catalogue()));
    assert_eq!(
        unknown[0],
        ("unknown_transformer".to_owned(), "/transformer_name".to_owned())
    );
}

#[test]
fn each_error_of_a_plan_has_its_pointer() {
    let cases: Vec<(String, Value, String, String)> =
        serde_json::from_str(include_str!("../../testdata/transformer_errors.json")).unwrap();
    for (pointer, value, code, at) in cases {
        let errors = found(checked(&with(body(), &pointer, value)));
        assert!(errors.contains(&(code, at)), "{pointer}: {errors:?}");
    }
    assert_eq!(found(check_transformer(&body(), None))[0].0, "unknown_event");
}

/// Pointer, code and message of each error of the plan with a step behind the others.
fn told(step: Value) -> Vec<[String; 3]> {
    let errors = checked(&with(body(), "/steps/5", step))
        .unwrap_err()
        .into_errors();
    let told = |error: SpecError| [error.pointer, error.code, error.message];
    errors.into_iter().map(told).collect()
}

#[test]
fn what_breaks_a_step_is_told_in_its_place() {
    let cases: Vec<(Value, Vec<[String; 3]>)> =
        serde_json::from_str(include_str!("../../testdata/transformer_steps.json")).unwrap();
    for (step, errors) in cases {
        assert_eq!(told(step.clone()), errors, "{step}");
    }
}

#[test]
fn a_day_that_is_in_no_calendar_is_refused() {
    let date = |[year, month, day]: [&str; 3]| {
        let part = |text: &str| match text {
            "kind" => json!({"column": "kind"}),
            text => json!({"value": text}),
        };
        json!({"derive": {"column": "day", "date": {"year": part(year), "month": part(month), "day": part(day)}}})
    };
    for parts in [
        ["2024", "2", "29"],
        ["kind", "2", "29"],
        ["2023", "kind", "31"],
        ["2023", "2", "kind"],
        ["kind", "kind", "kind"],
        ["1", "01", "1.0"],
        ["9999", "12", "31"],
    ] {
        let good = with(body(), "/steps/5", date(parts));
        assert!(checked(&good).is_ok(), "{parts:?}");
    }
    let cases: Vec<([String; 3], String, String, String)> =
        serde_json::from_str(include_str!("../../testdata/transformer_dates.json")).unwrap();
    for (parts, at, code, message) in cases {
        let parts = parts.each_ref().map(String::as_str);
        let at = format!("/steps/5/derive/date{at}");
        assert_eq!(told(date(parts)), [[at, code, message]], "{parts:?}");
    }
    let both = told(date(["0", "13", "kind"]));
    assert_eq!(both.len(), 2, "each part is told: {both:?}");
}

#[test]
fn a_row_does_not_become_rows_without_end() {
    let wide = |letter: char| (0..45).map(move |number| format!("{letter}{number}"));
    let properties = wide('a')
        .chain(wide('b'))
        .map(|name| (name, json!({"type": "integer"})));
    let properties: serde_json::Map<_, _> = properties.collect();
    let event = with(
        attendance_event(),
        "/input/properties/event/items/required",
        json!([]),
    );
    let event = with(
        event,
        "/input/properties/event/items/properties",
        json!(properties),
    );
    let event = check_event(&event).unwrap();
    let unpivot = |letter: char, count: usize| {
        let columns: serde_json::Map<_, _> =
            wide(letter).take(count).map(|name| (name, json!("x"))).collect();
        json!({"unpivot": {"columns": columns, "label": format!("{letter}_label"), "value": format!("{letter}_value")}})
    };
    let plan = |second: usize| {
        let body = json!({"ingestion_type": "transformer", "transformer_name": "tall",
            "event_name": "event_students_attendance",
            "steps": [unpivot('a', 45), unpivot('b', second)]});
        check_transformer(&body, Some(&event))
    };
    assert!(plan(44).is_ok());
    let errors = plan(45).unwrap_err().into_errors();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (&*error.code, &*error.pointer, &*error.message))
        .collect();
    assert_eq!(
        told,
        [(
            "out_of_limits",
            "/steps/1/unpivot/columns",
            "makes up to 2025 rows of one; at most 2000"
        )]
    );
}
