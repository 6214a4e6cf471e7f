//! Files in other formats than the plain one, along the whole road.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::row_error::Rule;
use millrace_tests::{Database, Road, specs};
use serde_json::{Value, json};

const EVENT: (SpecKind, &str) = (SpecKind::Event, "training");

/// A road with an event of trainings, whose files are written as `csv` says, and its sums by state.
async fn road_of(csv: Value) -> Option<(Database, Road)> {
    let database = Database::new()?;
    let mut body = specs::event(
        "training",
        &[("state", "string!"), ("held", "date"), ("people", "integer")],
    );
    let properties = &mut body["input"]["properties"]["event"]["items"]["properties"];
    properties["state"] = json!({"type": "string", "header": "State/UT"});
    properties["held"] = json!({"type": "string", "format": "date", "dateFormat": "MONTH D, YYYY", "header": "day_of_created_on"});
    properties["people"] = json!({"type": "integer", "groupMark": ",", "header": "Trained people"});
    body["csv"] = csv;
    let dataset = specs::dataset(&specs::Dataset {
        name: "training_by_state",
        event: "training",
        group_by: &["state"],
        functions: &["sum", "count"],
        columns: &["people"],
        ..specs::Dataset::default()
    });
    for body in [body, dataset] {
        specs::create(&database.owner_store(), &body).await;
    }
    let mut road = Road::new(database.app());
    // What is decoded is cut, too.
    road.chunk_bytes = 40;
    Some((database, road))
}

async fn sums(database: &Database) -> Vec<String> {
    let query = "select concat_ws(' ', state, sum_people, count_people) from ingestion.training_by_state order by state";
    let rows = database.query(query).await;
    rows.into_iter().flatten().flatten().collect()
}

const ROWS: [&str; 4] = [
    "Daman und Diu;March 28, 2019;1,30,721",
    "Bihar;May 5, 2020;7",
    "Bihar;;1,000",
    "K\u{e4}rnten \u{20ac};Sep 1, 2021;-",
];

fn text(line_end: &str) -> String {
    let header = "State/UT;day_of_created_on;Trained people;;";
    let lines = [header].into_iter().chain(ROWS);
    lines.map(|line| format!("{line}{line_end}")).collect()
}

const SUMS: [&str; 3] = [
    "Bihar 1007 2",
    "Daman und Diu 130721 1",
    "K\u{e4}rnten \u{20ac} 0",
];

#[tokio::test]
async fn the_same_rows_in_every_encoding_give_the_same_figures() {
    let Some((database, road)) = road_of(json!({"null_values": ["-"]})).await else {
        return;
    };
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{feff}{}", text("\r\n"))
            .encode_utf16()
            .flat_map(order)
            .collect()
    };
    let files = [
        ("plain.csv", text("\n").into_bytes()),
        ("marked.csv", format!("\u{feff}{}", text("\r")).into_bytes()),
        ("little.csv", utf16(u16::to_le_bytes)),
        ("big.csv", utf16(u16::to_be_bytes)),
    ];
    for (name, bytes) in files {
        let size = bytes.len() as u64;
        let file = road.send(EVENT, name, Mode::New, bytes).await;
        road.settle().await;
        let record = road.record(file).await;
        assert_eq!(
            record.stored_status, "Ready_to_archive",
            "{name}: {:?}",
            record.facts.error
        );
        assert_eq!(
            (record.facts.counts.kept, record.facts.counts.rejected),
            (4, 0),
            "{name}"
        );
        assert_eq!(record.size_bytes, Some(size), "{name}");
        assert!(record.chunks_expected > Some(1), "{name}");
        assert_eq!(sums(&database).await, SUMS, "{name}");
        road.delete(file.file_id).await;
        road.settle().await;
        assert_eq!(sums(&database).await, [""; 0], "{name} deleted");
    }
}

#[tokio::test]
async fn a_declared_encoding_is_read_in_chunks_and_a_wrong_one_is_told() {
    let Some((database, road)) = road_of(json!({"encoding": "windows-1252", "null_values": ["-"]})).await
    else {
        return;
    };
    let bytes: Vec<u8> = text("\r\n")
        .chars()
        .map(|character| match character {
            '\u{20ac}' => 0x80,
            other => u8::try_from(u32::from(other)).unwrap(),
        })
        .collect();
    assert!(bytes.len() as u64 > road.chunk_bytes);
    let file = road.send(EVENT, "windows.csv", Mode::New, bytes.clone()).await;
    road.settle().await;
    let record = road.record(file).await;
    assert_eq!(record.facts.counts.kept, 4);
    assert!(record.chunks_expected > Some(1));
    assert_eq!(sums(&database).await, SUMS);

    // The same bytes where nothing is declared: one row is no text, the others count.
    let Some((plain_database, plain)) = road_of(json!({"null_values": ["-"]})).await else {
        return;
    };
    let file = plain.send(EVENT, "windows.csv", Mode::New, bytes).await;
    plain.settle().await;
    let record = plain.record(file).await;
    assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (3, 1));
    assert_eq!(sums(&plain_database).await, &SUMS[..2]);
}

#[tokio::test]
async fn columns_nobody_knows_refuse_the_file_unless_the_spec_reads_over_them() {
    let wide = "State/UT|extra|Trained people\nGoa|x|5\nGoa|y\n";
    for (csv, kept) in [
        (json!({}), None),
        (json!({"unknown_columns": "ignore"}), Some((1, 1))),
        (
            json!({"unknown_columns": "ignore", "short_rows": "fill"}),
            Some((2, 0)),
        ),
    ] {
        let Some((_database, road)) = road_of(csv).await else {
            return;
        };
        let file = road.send(EVENT, "wide.csv", Mode::New, wide).await;
        road.settle().await;
        let record = road.record(file).await;
        match kept {
            None => assert_eq!(record.facts.error.unwrap().rule, Rule::UnknownHeader),
            Some(kept) => {
                let counts = record.facts.counts;
                assert_eq!((counts.kept, counts.rejected), kept);
            }
        }
    }
}

/// A chunk's header is read from the beginning of the object, which is longer here than what is asked for at first.
#[tokio::test]
async fn chunks_find_a_header_of_any_length() {
    let names: Vec<String> = (0..700).map(|number| format!("{number:0>100}")).collect();
    let header = format!("State/UT|Trained people|{}\n", names.join("|"));
    let rows = (0..60)
        .map(|number| format!("Goa|{}\n", number % 7))
        .collect::<String>();
    let text = header + &rows;
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    let utf16 = [0xFF, 0xFE].into_iter().chain(utf16).collect::<Vec<u8>>();
    for bytes in [text.as_bytes().to_vec(), utf16] {
        let spec = json!({"unknown_columns": "ignore", "short_rows": "fill"});
        let Some((_database, mut road)) = road_of(spec).await else {
            return;
        };
        road.chunk_bytes = 100;
        let file = road.send(EVENT, "wide.csv", Mode::New, bytes).await;
        road.settle().await;
        let record = road.record(file).await;
        assert!(record.chunks_expected > Some(2), "{:?}", record.facts.error);
        assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (60, 0));
    }
}
