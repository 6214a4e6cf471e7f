//! The rows of the sample data that are rejected, mended.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_tests::{Database, Road, sample_data, specs};
use serde_json::{Value, json};

use super::{counts, mended};

/// Loads a sample, mends its one rejected row by what is suggested, and adds its metric up.
async fn repaired(
    data: &str,
    event: &Value,
    (group, metric): (&str, &str),
    problem: &str,
    change: (&str, &str),
) -> Option<(u64, String)> {
    let bytes = std::fs::read(sample_data(&format!("cqube/grammar/programs/{data}"))?).unwrap();
    let database = Database::new()?;
    let name = event["event_name"].as_str().unwrap();
    let dataset = specs::dataset(&specs::Dataset {
        name: "totals",
        event: name,
        group_by: &[group],
        functions: &["sum"],
        columns: &[metric],
        ..specs::Dataset::default()
    });
    for body in [event, &dataset] {
        specs::create(&database.owner_store(), body).await;
    }
    let road = Road::new(database.app());
    let first = road
        .send((SpecKind::Event, name), "sample.csv", Mode::New, bytes)
        .await;
    road.settle().await;
    assert_eq!(road.record(first).await.facts.counts.rejected, 1);
    let sent = mended(&road, first, &[change]).await;
    assert!(sent.contains(problem), "{sent}");
    let second = road.repair(first.file_id, sent).await;
    road.settle().await;
    let (rows, kept, rejected) = counts(&road.record(second).await);
    assert_eq!((kept, rejected), (rows, 0));
    let total = database
        .value("select sum(m1_sum)::text from stored.cells_1")
        .await;
    Some((rows, total.unwrap()))
}

#[tokio::test]
async fn a_number_behind_a_quote_is_mended_as_suggested() {
    let fields = [
        ("state_id", "string!"),
        ("program_name", "string!"),
        ("local_body", "integer!"),
    ];
    let event = specs::event("localbody", &fields);
    let problem = "3,local_body,\"wrong_type: expected a whole number of at most 64 bits, such as -42, found `'4`\",4\r\n";
    let data = "nishtha/localbody-event.data.csv";
    let done = repaired(data, &event, ("state_id", "local_body"), problem, ("'4", "4")).await;
    if let Some(done) = done {
        assert_eq!(done, (3, "6".to_owned()));
    }
}

#[tokio::test]
async fn a_grade_that_none_of_the_dimension_is_becomes_the_nearest_one() {
    let fields = [
        ("textbook_id", "string!"),
        ("grade_diksha", "string!"),
        ("subject_diksha", "string!"),
        ("medium", "string!"),
        ("resource_count", "integer!"),
    ];
    let mut event = specs::event("resourcecount", &fields);
    let grades: Vec<String> = (1..=12).map(|grade| format!("Class {grade}")).collect();
    event["input"]["properties"]["event"]["items"]["properties"]["grade_diksha"] =
        json!({ "type": "string", "enum": grades });
    let data = "diksha/resourcecount-event.data.csv";
    let keys = ("medium", "resource_count");
    let change = ("2,Class 2 ,English", "2,Class 2,English");
    if let Some(done) = repaired(data, &event, keys, ",Class 2\r\n", change).await {
        assert_eq!(done, (41, "715".to_owned()));
    }
}
