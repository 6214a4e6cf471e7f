use millrace_core::definition::SpecKind;
use millrace_core::field::{DateFormat, FieldType};
use serde_json::{Value, json};

use super::{Format, Order, SourceBody, body, findings, order, place, plan, planned, summary, told};
use crate::{check_dimension, check_event};

fn block() -> Value {
    json!({"program": "block", "input": {"type": "object", "properties": {
        "block_id": {"type": "string", "shouldNotNull": true, "unique": true},
        "block_name": {"type": "string", "shouldNotNull": true},
        "district_id": {"type": "string", "unique": true},
        "latitude": {"type": "number", "shouldNotNull": false}},
        "required": ["block_id", "block_name", "district_id", "latitude"]}})
}

fn inline(kind: SpecKind, body: Value) -> Order {
    Order {
        kind: Some(kind),
        bodies: vec![SourceBody {
            file: None,
            body: Ok(body),
        }],
        ..Order::new(Format::Body)
    }
}

#[test]
fn a_dimension_keeps_what_must_be_filled_and_is_keyed_by_its_first_column() {
    let plan = planned(&inline(SpecKind::Dimension, block()));
    assert_eq!(summary(&plan), ["dimension dimension_block"]);
    let definition = check_dimension(body(&plan, "dimension_block")).unwrap();
    // Their `unique` stands at two columns and looks at no other row: it is no key of two columns.
    assert_eq!(
        definition
            .key
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>(),
        ["block_id"]
    );
    let required: Vec<(&str, bool)> = definition
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.required))
        .collect();
    // An empty latitude passes there, although the column is listed as required.
    assert_eq!(
        required,
        [
            ("block_id", true),
            ("block_name", true),
            ("district_id", true),
            ("latitude", false)
        ]
    );
}

#[test]
fn a_key_may_be_named_and_has_to_be_there() {
    let mut named = inline(SpecKind::Dimension, block());
    named.keys.insert(
        "dimension_block".to_owned(),
        vec!["block_id".to_owned(), "district_id".to_owned()],
    );
    let made = planned(&named);
    let key = check_dimension(body(&made, "dimension_block")).unwrap().key;
    assert_eq!(key.len(), 2);
    named
        .keys
        .insert("dimension_block".to_owned(), vec!["nope".to_owned()]);
    assert_eq!(
        findings(&planned(&named).specs[0]),
        ["unknown_column #/keys/dimension_block/0"]
    );
    named.keys = [("dimension_other".to_owned(), vec!["x".to_owned()])].into();
    let refused: Vec<String> = plan(&named, &[]).unwrap_err().iter().map(told).collect();
    assert_eq!(refused, ["unknown_dimension #/keys/dimension_other"]);
    let mut without = block();
    without["input"]["required"] = json!([]);
    let made = planned(&inline(SpecKind::Dimension, without));
    assert_eq!(findings(&made.specs[0]), ["no_key #/body/input"]);
}

#[test]
fn columns_that_are_no_names_keep_their_header() {
    let schema = json!({"program": "udise-all dashboard", "input": {"type": "object", "properties": {
        "State Code": {"type": "string", "shouldnotnull": true},
        "%_schools": {"type": "number"},
        "total_live_TB": {"type": "number"},
        "विद्यालय": {"type": "string"},
        "share": {"type": "number", "format": "float", "minimum": 0, "maximum": 100},
        "at": {"type": "string", "format": "date-time"},
        "started": {"type": "number", "enum": [0, 1]}},
        "required": ["state_code", "%_schools", "total_live_tb"]}});
    let plan = planned(&inline(SpecKind::Event, schema));
    assert_eq!(summary(&plan), ["event event_udise_all_dashboard"]);
    let definition = check_event(body(&plan, "event_udise_all_dashboard")).unwrap();
    let headers: Vec<(&str, &str)> = definition
        .fields
        .iter()
        .map(|field| {
            let header = field.header.as_ref();
            (
                field.name.as_str(),
                header.map_or("", |header| header.text.as_str()),
            )
        })
        .collect();
    assert_eq!(
        headers,
        [
            // The spelling of `required` is the file's: rows without it are refused there.
            ("state_code", ""),
            ("percent_schools", "%_schools"),
            ("total_live_tb", ""),
            ("_0dc211c5", "विद्यालय"),
            ("share", ""),
            ("at", ""),
            ("started", ""),
        ]
    );
    assert_eq!(definition.fields[5].field_type, FieldType::Timestamp);
    assert_eq!(
        definition.fields[6].rules.one_of.as_deref(),
        Some(&["0".to_owned(), "1".to_owned()][..])
    );
}

#[test]
fn dates_are_what_the_order_says() {
    let schema = json!({"program": "marked", "input": {"properties": {"date": {"type": "string"}, "n": {"type": "integer"}}}});
    let mut dated = inline(SpecKind::Event, schema.clone());
    dated
        .dates
        .insert("date".to_owned(), DateFormat::DayMonthYearDash);
    let definition = check_event(body(&planned(&dated), "event_marked")).unwrap();
    assert_eq!(
        (definition.fields[0].field_type, definition.fields[0].date_format),
        (FieldType::Date, DateFormat::DayMonthYearDash)
    );
    let text = check_event(body(&planned(&inline(SpecKind::Event, schema)), "event_marked")).unwrap();
    assert_eq!(text.fields[0].field_type, FieldType::Text);
    dated.dates = [("n".to_owned(), DateFormat::default())].into();
    assert_eq!(
        findings(&planned(&dated).specs[0]),
        ["rule_not_applicable #/body/input/properties/n"]
    );
    // A column that is misspelt would be a text for ever.
    dated.dates = [("dates".to_owned(), DateFormat::default())].into();
    let refused: Vec<String> = plan(&dated, &[]).unwrap_err().iter().map(told).collect();
    assert_eq!(refused, ["unknown_column #/dates/dates"]);
}

#[test]
fn files_are_written_as_the_order_says() {
    let mut written = inline(SpecKind::Event, block());
    written.csv = Some(json!({"delimiter": "|", "unknown_columns": "ignore"}));
    let definition = check_event(body(&planned(&written), "event_block")).unwrap();
    assert_eq!(definition.csv.delimiter, Some('|'));
    written.csv = Some(json!({"delimiter": "ab"}));
    assert_eq!(
        findings(&planned(&written).specs[0]),
        ["bad_delimiter #/csv/delimiter"]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_pointer() {
    let one = |change: &dyn Fn(&mut Value)| {
        let mut schema = block();
        change(&mut schema);
        findings(&planned(&inline(SpecKind::Event, schema)).specs[0])
    };
    let at = "#/body/input/properties";
    let found = one(&|schema| schema["input"]["properties"]["block_id"]["type"] = json!("uuid"));
    assert_eq!(found, [format!("unknown_type {at}/block_id")]);
    let found = one(&|schema| schema["input"]["properties"]["block_id"]["oneOf"] = json!([]));
    assert_eq!(found, [format!("unknown_member {at}/block_id/oneOf")]);
    let found = one(&|schema| schema["input"]["properties"]["latitude"]["format"] = json!("date"));
    assert_eq!(found, [format!("rule_not_applicable {at}/latitude/format")]);
    let found = one(&|schema| schema["input"]["properties"]["block_id"] = json!("string"));
    assert_eq!(found, [format!("wrong_type {at}/block_id")]);
    let found = one(&|schema| schema["input"]["required"] = json!(["block_id", "nope"]));
    assert_eq!(found, ["unknown_field #/body/input/required/1"]);
    // Found by the check of the body that was made, and told at the member that it was made from.
    let found = one(&|schema| schema["input"]["properties"]["block_id"]["pattern"] = json!("(?=x)"));
    assert_eq!(found, [format!("bad_pattern {at}/block_id/pattern")]);
    let found = one(&|schema| schema["input"]["properties"]["block_id"]["minimum"] = json!(1));
    assert_eq!(found, [format!("rule_not_applicable {at}/block_id/minimum")]);
    let found = one(&|schema| *schema = json!({"ingestion_type": "event", "event_name": "e", "input": 1}));
    assert_eq!(
        found,
        [
            "unknown_member #/body/ingestion_type",
            "unknown_member #/body/event_name",
            "wrong_type #/body/program",
            "wrong_type #/body/input",
            "wrong_type #/body/input/properties"
        ]
    );
    let found = one(&|schema| {
        schema["input"]["properties"]["Block-ID"] = json!({"type": "string"});
    });
    assert_eq!(found, [format!("duplicate_name {at}/Block-ID")]);
}

#[test]
fn files_say_their_kind_by_their_name_or_the_order_does() {
    let schema = block().to_string();
    let files = [
        ("s/block-dimension.json", schema.as_str()),
        ("block.json", &schema),
        ("x-event.json", "{\n]"),
    ];
    let plan = planned(&order(Format::Body, &files));
    assert_eq!(
        summary(&plan),
        [
            "file block.json: unknown_kind #/kind",
            "file x-event.json: malformed_json x-event.json",
            "dimension dimension_block"
        ]
    );
    assert_eq!(place(&plan.specs[2].place), "s/block-dimension.json#");
    let mut all = order(Format::Body, &files[1..2]);
    all.kind = Some(SpecKind::Event);
    assert_eq!(summary(&planned(&all)), ["event event_block"]);
    let without = Order {
        kind: Some(SpecKind::Dataset),
        ..inline(SpecKind::Event, block())
    };
    assert_eq!(summary(&planned(&without)), ["file body: unknown_kind #/kind"]);
}
