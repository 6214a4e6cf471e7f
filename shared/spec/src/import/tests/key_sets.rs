use super::key_files::{BY_CLUSTER, BY_SCHOOL, DIMENSIONS, EVENTS, MAPPING, files, with};
use super::{Format, body, findings, notes, order, plan, planned, summary, told};
use crate::check_event;

#[test]
fn the_mapping_has_to_agree() {
    let mut unmapped = files(&[BY_SCHOOL]);
    unmapped.files[3].text = MAPPING.to_owned();
    assert_eq!(
        findings(&planned(&unmapped).specs[3]),
        ["unknown_event keys/dataset_keys.csv:2:4"]
    );
    let line = "EventToCubeIncrement,SAC,event_marked,by_school,dimension_other,\n";
    let mut other = files(&[BY_SCHOOL]);
    other.files[3].text = format!("{MAPPING}{line}EventToCubeIncrement,SAC,e,elsewhere,d,\n");
    let plan = planned(&other);
    assert_eq!(
        findings(&plan.specs[3]),
        [
            "contradiction keys/dataset_keys.csv:2:1",
            "contradiction keys/dataset_keys.csv:2:6"
        ]
    );
    assert_eq!(
        notes(&plan)[1],
        "not_used keys/transformer_dataset_mapping.csv:3:4"
    );
    other.files[3].text = format!("{MAPPING}{line}{line}");
    assert_eq!(
        findings(&planned(&other).specs[3]),
        ["duplicate_name keys/transformer_dataset_mapping.csv:3:4"]
    );
    other.files.remove(3);
    assert_eq!(errors(&other), ["missing_file keys/dataset_keys.csv:1"]);
}

fn errors(order: &super::Order) -> Vec<String> {
    plan(order, &[]).unwrap_err().iter().map(told).collect()
}

#[test]
fn files_that_cannot_be_read_stop_all() {
    let with_file = |name: &str, text: &str| order(Format::Keys, &[(name, text)]);
    assert_eq!(
        errors(&with_file("event_keys.csv", "")),
        ["no_header event_keys.csv"]
    );
    assert_eq!(
        errors(&with_file("event_keys.csv", "program,event_name\n")),
        ["missing_column event_keys.csv:1"]
    );
    assert_eq!(
        errors(&with_file("event_keys.csv", "program,program\n")),
        ["duplicate_name event_keys.csv:1:2"]
    );
    let lengths = "column,validations\nschool_id,ten\n";
    assert_eq!(
        errors(&with_file("additional_validation.csv", lengths)),
        ["wrong_type additional_validation.csv:2:2"]
    );
    assert_eq!(
        summary(&planned(&with_file("other.csv", "a"))),
        ["file other.csv: unknown_file other.csv"]
    );
    let ragged = format!("{EVENTS}SAC,event_x,a\nSAC,event_y,\"a,b\",string\nSAC,event_z,a,text\n");
    assert_eq!(
        summary(&planned(&with_file("event_keys.csv", &ragged))),
        [
            "event event_marked",
            "event event_x: ragged event_keys.csv:3",
            "event event_y: count_mismatch event_keys.csv:4:4",
            "event event_z: unknown_type event_keys.csv:5:4"
        ]
    );
}

#[test]
fn programs_lengths_and_keys_are_chosen() {
    let two = format!("{EVENTS}Other,event_other,a,string\n");
    let mut files = order(
        Format::Keys,
        &[
            ("event_keys.csv", &two),
            ("dimension_keys.csv", DIMENSIONS),
            (
                "additional_validation.csv",
                "column,validations\nschool_id,10\ngrade,2\n",
            ),
        ],
    );
    files.program = Some("SAC".to_owned());
    let plan = planned(&files);
    // Nothing says what makes a row of the master unique.
    assert_eq!(
        summary(&plan),
        [
            "dimension dimension_master: no_key dimension_keys.csv:2:3",
            "dimension dimension_cluster",
            "event event_marked"
        ]
    );
    let event = check_event(body(&plan, "event_marked")).unwrap();
    assert_eq!(
        (event.fields[1].rules.min_length, event.fields[1].rules.max_length),
        (Some(10), Some(10))
    );
    assert_eq!(event.fields[2].rules.max_length, None);
    files.program = Some("SAK".to_owned());
    assert_eq!(errors(&files), ["unknown_program #/program"]);
    files.program = Some("SAC".to_owned());
    files
        .keys
        .insert("dimension_master".to_owned(), vec!["school_id".to_owned()]);
    assert_eq!(summary(&planned(&files))[0], "dimension dimension_master");
}

#[test]
fn datasets_that_follow_from_each_other_in_a_circle_are_refused() {
    let one = with(BY_CLUSTER, "agg_col_table", "ingestion.two");
    let two = with(
        with(BY_CLUSTER, "dataset_name", "two"),
        "target_table",
        "ingestion.two",
    );
    let two = with(
        with(two, "agg_col_table", "ingestion.by_cluster"),
        "filter_col",
        "count_above",
    );
    let told = summary(&planned(&files(&[one, two, BY_SCHOOL])));
    assert_eq!(
        told[3..],
        [
            "dataset by_school",
            "dataset by_cluster: circular keys/dataset_keys.csv:2:4",
            "dataset two: circular keys/dataset_keys.csv:3:4"
        ]
    );
}
