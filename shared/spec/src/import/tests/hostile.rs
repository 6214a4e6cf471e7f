use millrace_core::Name;
use millrace_core::definition::SpecKind;
use proptest::prelude::{prop, prop_assert, proptest};
use serde_json::{Value, json};

use super::{Format, body, checked, findings, order, place, plan, planned, summary};
use crate::{check_dimension, check_event};

const HOSTILE: [&str; 8] = [
    "x\"; drop table spec.spec; --",
    "'; delete from spec.spec; --",
    "../../etc/passwd",
    "विद्यालय",
    "🏫",
    "$1 :name {x}",
    "\\",
    "\u{202e}di_loohcs",
];

fn csv(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// A dimension and an event of a grammar whose names, columns and all are hostile.
fn hostile_grammar(name: &str) -> super::Order {
    let cell = csv(name);
    let dimension = format!(
        "PK,Index\nstring,string\n{cell},\"{}2\"\n",
        name.replace('"', "\"\"")
    );
    let event = format!(
        ",{cell},\n,{cell},\ndate,string,integer\ndate,{cell},{}\ntimeDimension,dimension,metric\n",
        csv(&format!("n {name}"))
    );
    let base = name.replace(['/', '\\'], "_");
    // The entity's name is the file's.
    order(
        Format::Grammar,
        &[
            (&format!("{base}-dimension.grammar.csv"), &dimension),
            (
                &format!("{base}-event.grammar.csv"),
                &event.replacen(&cell, &csv(&base), 1),
            ),
        ],
    )
}

#[test]
fn hostile_names_become_plain_ones_and_keep_their_headers() {
    let long = "x".repeat(200);
    for name in HOSTILE.into_iter().chain([long.as_str()]) {
        let plan = planned(&hostile_grammar(name));
        assert_eq!(plan.specs.len(), 3, "{:?}", summary(&plan));
        for spec in &plan.specs {
            assert!(Name::parse(&spec.name).is_ok(), "{}", spec.name);
        }
        let dimension = check_dimension(body(&plan, &plan.specs[0].name)).unwrap();
        let header = dimension.fields[0].header.as_ref().unwrap();
        assert_eq!(header.text, name.trim());
        let event = check_event(body(&plan, &plan.specs[1].name)).unwrap();
        assert_eq!(event.fields[1].header.as_ref().unwrap().text, name.trim());
        let dataset = checked(&plan, &plan.specs[2].name).unwrap();
        assert_eq!(dataset.join.unwrap().field, dimension.fields[0].name);
    }
}

/// No table takes it, in whatever place it came.
#[test]
fn a_nul_is_refused_where_it_stands() {
    let plan = planned(&order(
        Format::Grammar,
        &[("x-dimension.grammar.csv", "PK,\nstring,string\nid,a\u{0}b")],
    ));
    assert_eq!(
        summary(&plan),
        ["dimension dimension_x: nul_character x-dimension.grammar.csv:3:2"]
    );
    let schema =
        r#"{"program": "p", "input": {"properties": {"a": {"type": "string", "enum": ["x", "\u0000"]}}}}"#;
    let plan = planned(&order(Format::Body, &[("p-event.json", schema)]));
    assert_eq!(
        summary(&plan),
        ["event event_p: nul_character p-event.json#/input/properties/a/enum/1"]
    );
}

#[test]
fn long_names_are_told_apart_by_what_was_cut() {
    let schema = |program: String| {
        json!({"program": program, "input": {"properties": {"a": {"type": "string"}}}}).to_string()
    };
    let (one, two) = (schema("p".repeat(200)), schema(format!("{}q", "p".repeat(199))));
    let mut both = order(Format::Body, &[("one.json", &one), ("two.json", &two)]);
    both.kind = Some(SpecKind::Event);
    let plan = planned(&both);
    assert!(
        plan.specs
            .iter()
            .all(|spec| spec.made.is_ok() && spec.name.len() == 63)
    );
    assert_ne!(plan.specs[0].name, plan.specs[1].name);
}

#[test]
fn of_two_sources_with_one_name_the_second_is_refused() {
    let schema = |program: &str, column: &str| {
        let mut properties = json!({});
        properties[column] = json!({"type": "string"});
        json!({"program": program, "input": {"properties": properties}}).to_string()
    };
    let first = schema("a-b", "x");
    for (second, is_refused) in [
        (schema("a_b", "y"), true),
        (schema("A-B", "x"), true),
        (schema("a b", "x"), false),
        (schema("a-c", "x"), false),
    ] {
        let mut both = order(Format::Body, &[("one.json", &first), ("two.json", &second)]);
        both.kind = Some(SpecKind::Event);
        let plan = planned(&both);
        let refused: Vec<String> = plan
            .specs
            .iter()
            .filter(|spec| spec.made.is_err())
            .flat_map(findings)
            .collect();
        match is_refused {
            true => assert_eq!(refused, ["duplicate_name two.json#"], "{second}"),
            false => assert!(refused.is_empty(), "{second}: {refused:?}"),
        }
    }
    // A dataset may not be called like a dimension either: both are views.
    let dimension = "PK\nstring\nid";
    let event = "x,\nid,\nstring,integer\nid,n\ndimension,metric";
    let files = [
        ("x-dimension.grammar.csv", dimension),
        ("d_by_x-dimension.grammar.csv", dimension),
        ("dimension_d-event.grammar.csv", event),
    ];
    let plan = planned(&order(Format::Grammar, &files));
    assert_eq!(
        summary(&plan)[3],
        "dataset dimension_d_by_x: duplicate_name dimension_d-event.grammar.csv:1:1"
    );
    assert_eq!(place(&plan.specs[3].place), "dimension_d-event.grammar.csv:1:1");
}

#[test]
fn one_file_twice_and_too_many_are_refused() {
    let refused = |order: &super::Order| {
        let findings = plan(order, &[]).unwrap_err();
        findings.iter().map(super::told).collect::<Vec<_>>()
    };
    let files = [("a.json", "{}"), ("a.json", "{}")];
    assert_eq!(
        refused(&order(Format::Body, &files)),
        ["duplicate_name #/files/1"]
    );
    assert_eq!(refused(&order(Format::Body, &[])), ["no_files #/files"]);
    let names: Vec<String> = (0..501).map(|i| format!("{i}.json")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "{}")).collect();
    assert_eq!(refused(&order(Format::Body, &many)), ["out_of_limits #/files"]);
    let mut keys = order(Format::Keys, &[("event_keys.csv", "x")]);
    keys.bodies = vec![super::SourceBody {
        file: None,
        body: Ok(json!({})),
    }];
    assert_eq!(refused(&keys), ["rule_not_applicable #/body"]);
    let rows: String = (0..2_001).map(|i| format!("p,event_{i},a,string\n")).collect();
    let text = format!("program,event_name,event_col,event_datatype\n{rows}");
    assert_eq!(
        refused(&order(Format::Keys, &[("event_keys.csv", &text)])),
        ["too_many_specs #/files"]
    );
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "[a-zA-Z0-9_,\"{}\\[\\]:\n\r éPK]{0,200}", which in 0_usize..8) {
        let names = ["x-dimension.grammar.csv", "x-event.grammar.csv", "config.json", "event_keys.csv",
            "dimension_keys.csv", "dataset_keys.csv", "transformer_dataset_mapping.csv", "x-event.json"];
        for format in [Format::Body, Format::Grammar, Format::Keys] {
            if let Ok(plan) = plan(&order(format, &[(names[which], &text)]), &[]) {
                prop_assert!(plan.specs.iter().all(|spec| spec.made.as_ref().err().is_none_or(|found| !found.is_empty())));
            }
        }
    }

    #[test]
    fn any_cells_of_a_grammar_are_answered(cells in prop::collection::vec("(|PK|Index|string|date|integer|metric|dimension|timeDimension|x|é)", 15)) {
        let rows: Vec<String> = cells.chunks(3).map(|row| row.join(",")).collect();
        let files = [("x-event.grammar.csv", rows.join("\n")), ("x-dimension.grammar.csv", rows[..3].join("\n"))];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let plan = planned(&order(Format::Grammar, &files));
        for spec in plan.specs.iter().filter(|spec| spec.kind == Some(SpecKind::Dataset) && spec.made.is_ok()) {
            let made: &Value = body(&plan, &spec.name);
            prop_assert!(crate::references(made).is_some());
        }
    }
}
