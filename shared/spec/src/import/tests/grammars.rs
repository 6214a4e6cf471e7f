use millrace_core::field::{DateFormat, FieldType};

use super::{Format, body, checked, notes, order, plan, planned, summary, told};
use crate::{check_dimension, check_event};

const GRADE: (&str, &str) = (
    "dimensions/grade-dimension.grammar.csv",
    "PK,Index,\nstring,string,string\ngrade_id,grade_state,note\n",
);
const SCHOOL: (&str, &str) = (
    "dimensions/school-dimension.grammar.csv",
    "PK,Index,,\r\nstring,string,string,number\r\nschool_id,school_name,district_id,latitude\r\n",
);
const PRESENT: (&str, &str) = (
    "programs/att/present-event.grammar.csv",
    ",school,grade,\n,school_id,grade_state,\ndate,string,string,integer\n\
     date,school_id,grade,students_present\ntimeDimension,dimension,dimension,metric\n",
);
const CONFIG: (&str, &str) = (
    "config.json",
    r#"{"globals": {"onlyCreateWhitelisted": true}, "programs": [{"name": "Attendance", "namespace": "sch_att",
    "input": {"files": "./ingest/programs/att"},
    "dimensions": {"whitelisted": ["school,grade", "grade,medium"], "blacklisted": []}}]}"#,
);

#[test]
fn a_program_becomes_dimensions_events_and_datasets() {
    let plan = planned(&order(Format::Grammar, &[PRESENT, CONFIG, GRADE, SCHOOL]));
    assert_eq!(
        summary(&plan),
        [
            "dimension dimension_grade",
            "dimension dimension_school",
            "dimension dimension_grade_by_grade_state",
            "event event_sch_att_present",
            "dataset sch_att_present_by_school",
            "dataset sch_att_present_by_grade",
            "dataset sch_att_present_by_school_grade",
        ]
    );
    assert_eq!(
        notes(&plan),
        ["not_used config.json#/programs/0/dimensions/whitelisted/1"]
    );
    let event = check_event(body(&plan, "event_sch_att_present")).unwrap();
    let fields: Vec<(&str, FieldType, bool)> = event
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.field_type, field.required))
        .collect();
    assert_eq!(
        fields,
        [
            ("date", FieldType::Date, true),
            ("school_id", FieldType::Text, false),
            // Called as the dimension's column, read from the event's own.
            ("grade_state", FieldType::Text, false),
            ("students_present", FieldType::Decimal, true),
        ]
    );
    assert_eq!(event.fields[0].date_format, DateFormat::DayMonthShortYearSlash);
    assert_eq!(event.fields[2].header.as_ref().unwrap().text, "grade");
    let again = check_dimension(body(&plan, "dimension_grade_by_grade_state")).unwrap();
    assert_eq!(again.key[0].as_str(), "grade_state");
    assert!(again.fields[1].required);
    let first = check_dimension(body(&plan, "dimension_grade")).unwrap();
    assert_eq!(
        (first.key[0].as_str(), first.fields[1].required),
        ("grade_id", false)
    );
}

#[test]
fn datasets_compile_with_what_was_made_beside_them() {
    let plan = planned(&order(Format::Grammar, &[PRESENT, CONFIG, GRADE, SCHOOL]));
    for (name, dimension, keys) in [
        (
            "sch_att_present_by_school",
            "dimension_school",
            vec!["date", "school_id"],
        ),
        (
            "sch_att_present_by_grade",
            "dimension_grade_by_grade_state",
            vec!["date", "grade_state"],
        ),
        // Attributes are looked up in the dimension that has most of them.
        (
            "sch_att_present_by_school_grade",
            "dimension_school",
            vec!["date", "school_id", "grade_state"],
        ),
    ] {
        let dataset = checked(&plan, name).unwrap();
        assert_eq!(dataset.join.unwrap().dimension.as_str(), dimension);
        let found: Vec<&str> = dataset.group_by.iter().map(|key| key.as_str()).collect();
        assert_eq!(found, keys);
        let outputs: Vec<&str> = dataset
            .outputs
            .iter()
            .map(|output| output.name.as_str())
            .collect();
        assert_eq!(
            outputs,
            [
                "sum_students_present",
                "count_students_present",
                "avg_students_present"
            ]
        );
    }
}

#[test]
fn without_a_config_the_order_or_nothing_names_the_program() {
    let mut alone = order(Format::Grammar, &[PRESENT, SCHOOL, GRADE]);
    assert!(summary(&planned(&alone)).contains(&"event event_present".to_owned()));
    alone.program = Some("p".to_owned());
    let plan = planned(&alone);
    assert!(summary(&plan).contains(&"event event_p_present".to_owned()));
    assert!(summary(&plan).contains(&"dataset p_present_by_school".to_owned()));
    // A folder that is no program's, and more than one program to choose from.
    let two = r#"{"programs": [{"namespace": "a", "input": {"files": "x/a"}}, {"namespace": "b", "input": {"files": "x/b"}}]}"#;
    let elsewhere = order(Format::Grammar, &[("config.json", two), PRESENT]);
    assert_eq!(
        summary(&planned(&elsewhere)),
        [
            "file programs/att/present-event.grammar.csv: unknown_program programs/att/present-event.grammar.csv"
        ]
    );
}

#[test]
fn joins_that_would_count_twice_or_meet_nothing_are_refused() {
    let event = |dimension: &str, key: &str| {
        format!("{dimension},\n{key},\nstring,integer\n{key},n\ndimension,metric")
    };
    for (dimension, key, expected) in [
        ("school", "district_id", "not_unique e-event.grammar.csv:2:1"),
        ("school", "nope", "unknown_column e-event.grammar.csv:2:1"),
        ("block", "block_id", "unknown_dimension e-event.grammar.csv:1:1"),
    ] {
        let text = event(dimension, key);
        let plan = planned(&order(Format::Grammar, &[SCHOOL, ("e-event.grammar.csv", &text)]));
        // The event itself is good.
        let expected = format!("dataset e_by_{dimension}: {expected}");
        assert_eq!(summary(&plan)[1..], ["event event_e".to_owned(), expected]);
    }
}

#[test]
fn dimensions_that_are_there_already_are_joined_with() {
    let school = planned(&order(Format::Grammar, &[SCHOOL, GRADE, PRESENT]));
    let known = super::catalogue(&school).dimensions;
    let alone = order(Format::Grammar, &[PRESENT]);
    assert_eq!(
        super::super::wanted_dimensions(&alone),
        [
            "dimension_grade",
            "dimension_grade_by_grade_state",
            "dimension_school",
            "dimension_school_by_school_id"
        ]
    );
    let later = plan(&alone, &known).unwrap();
    assert_eq!(
        summary(&later),
        [
            "event event_present",
            "dataset present_by_school",
            "dataset present_by_grade"
        ]
    );
    for name in ["event_present", "present_by_school", "present_by_grade"] {
        assert_eq!(body(&later, name), body(&school, name));
    }
    // Only the one that is keyed by its PK is there.
    let known: Vec<_> = known
        .into_iter()
        .filter(|one| one.name.as_str() == "dimension_grade")
        .collect();
    let later = plan(&alone, &known).unwrap();
    let told = summary(&later);
    assert_eq!(
        told[1],
        "dataset present_by_school: unknown_dimension programs/att/present-event.grammar.csv:1:2"
    );
    assert_eq!(
        told[2],
        "dataset present_by_grade: not_the_key programs/att/present-event.grammar.csv:2:3"
    );
}

#[test]
fn dimensions_that_break_their_rules_are_refused_at_the_cell() {
    let dimension = |text: &str| {
        let plan = planned(&order(Format::Grammar, &[("x-dimension.grammar.csv", text)]));
        summary(&plan)[0]
            .replace("dimension dimension_x: ", "")
            .replace("x-dimension.grammar.csv", "")
    };
    for (text, expected) in [
        ("PK\nstring\n", "wrong_row_count "),
        ("PK\nstring\nid\nmore\n", "wrong_row_count "),
        ("PK,\nstring\nid,x", "ragged :2"),
        ("Index\nstring\nid", "no_key :1"),
        ("PK,PK\nstring,string\na,b", "several_keys :1:2"),
        ("pk\nstring\nid", "unknown_key :1:1, no_key :1"),
        ("PK,\nstring,text\na,b", "unknown_type :2:2"),
        ("PK,\nstring,string\na,", "no_name :3:2"),
        ("PK,\nstring,string\na,A", "duplicate_name :3:2"),
        ("PK\nstring\n\"a", "bad_quoting :3"),
        ("\n\nPK", "unknown_type :2:1, no_key :1"),
    ] {
        assert_eq!(dimension(text), expected, "{text}");
    }
    // A cell may have several lines.
    assert_eq!(
        dimension("PK,\nstring,string\nid,\"a\nb\"\n"),
        "dimension dimension_x"
    );
    assert_eq!(dimension("\"PK\n\"\nstring\nid\n"), "dimension dimension_x");
    // Lines without anything behind the last row are nothing.
    assert_eq!(dimension("PK\nstring\nid\n\n\n"), "dimension dimension_x");
}

#[test]
fn events_that_break_their_rules_are_refused_at_the_cell() {
    let event = |text: &str| {
        let plan = planned(&order(Format::Grammar, &[("x-event.grammar.csv", text)]));
        assert_eq!(plan.specs.len(), 1, "{text}");
        summary(&plan)[0]
            .replace("event event_x: ", "")
            .replace("x-event.grammar.csv", "")
    };
    for (text, expected) in [
        ("a,b\n", "wrong_row_count "),
        (
            ",\n,\ndate,date\nd,e\ntimeDimension,timeDimension",
            "not_the_first :5:2",
        ),
        (
            ",\n,\nstring,integer\nd,e\ntimeDimension,metric",
            "wrong_type :3:1",
        ),
        (",\n,\ndate,date\nd,e\ntimeDimension,metric", "wrong_type :3:2"),
        (
            ",\n,\ndate,string\nd,e\ntimeDimension,dimension",
            "wrong_dimension :1:2",
        ),
        (
            ",x\n,\ndate,string\nd,e\ntimeDimension,dimension",
            "wrong_dimension :2:2",
        ),
        (
            "x,\nx,\nstring,integer\nd,e\nmetric,metric",
            "wrong_dimension :1:1",
        ),
        (
            ",\n,\ndate,integer\nd,e\ntimeDimension,measure",
            "unknown_role :5:2",
        ),
        (
            ",x\n,x\ndate,string\nd,e\ntimeDimension,dimension",
            "no_metric :5",
        ),
        (
            "x,x,\nk,k,\nstring,string,integer\na,b,c\ndimension,dimension,metric",
            "duplicate_name :4:2",
        ),
    ] {
        assert_eq!(event(text), expected, "{text}");
    }
}

#[test]
fn files_that_are_no_grammars_are_told() {
    let files = [
        ("x-event.data.csv", "a\n1"),
        ("notes.txt", ""),
        ("-event.grammar.csv", ""),
    ];
    let plan = planned(&order(Format::Grammar, &files));
    assert_eq!(notes(&plan), ["not_a_grammar x-event.data.csv"]);
    assert_eq!(
        summary(&plan),
        [
            "file notes.txt: unknown_file notes.txt",
            "file -event.grammar.csv: unknown_file -event.grammar.csv"
        ]
    );
    let refused = |text: &str| -> Vec<String> {
        let order = order(Format::Grammar, &[("config.json", text)]);
        plan_errors(&order)
    };
    assert_eq!(refused("{"), ["bad_json config.json:1"]);
    assert_eq!(refused("{}"), ["wrong_type config.json#/programs"]);
    assert_eq!(
        refused(r#"{"programs": [{}]}"#),
        ["wrong_type config.json#/programs/0/namespace"]
    );
    let twice = order(
        Format::Grammar,
        &[("a/config.json", "{}"), ("b/config.json", "{}")],
    );
    assert_eq!(plan_errors(&twice), ["duplicate_name b/config.json"]);
}

fn plan_errors(order: &super::Order) -> Vec<String> {
    plan(order, &[]).unwrap_err().iter().map(told).collect()
}

#[test]
fn unwanted_and_repeated_compounds_make_nothing_more() {
    let config = r#"{"programs": [{"namespace": "p", "input": {"files": "x/att"}, "dimensions": {
        "whitelisted": ["school,grade", "school,grade", "grade,school"], "blacklisted": ["grade", "school,grade"]}}]}"#;
    let files = [("config.json", config), PRESENT, GRADE, SCHOOL];
    let made = summary(&planned(&order(Format::Grammar, &files)));
    let datasets: Vec<&String> = made.iter().filter(|line| line.starts_with("dataset")).collect();
    assert_eq!(datasets, ["dataset p_present_by_school"]);
    let config = config.replace(r#""grade", "school,grade""#, "");
    let files = [("config.json", config.as_str()), PRESENT, GRADE, SCHOOL];
    let made = summary(&planned(&order(Format::Grammar, &files)));
    assert_eq!(
        made.iter()
            .filter(|line| line.contains("by_school_grade"))
            .count(),
        1
    );
    assert_eq!(
        made.iter()
            .filter(|line| line.contains("by_grade_school"))
            .count(),
        1
    );
}
