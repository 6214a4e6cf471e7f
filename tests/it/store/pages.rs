//! Pages that are larger than the database sends at once, asked for through the HTTP API and the Data API.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_store::Store;
use millrace_tests::{Road, Served, specs};
use serde_json::Value;

use super::Bench;

/// Fails unless pages were shortened, and unless there were far fewer of them than items.
fn assert_shortened(sizes: &[usize], asked: usize) {
    assert!(sizes.iter().all(|size| *size < asked), "{sizes:?}");
    assert!(sizes.len() * 4 < sizes.iter().sum(), "{sizes:?}");
}

fn letters(count: usize) -> String {
    "x".repeat(count)
}

#[tokio::test]
async fn rows_of_dimensions_and_figures_beyond_a_mebibyte_come_in_shorter_pages() {
    let Some(bench) = Bench::bare() else { return };
    let places = specs::dimension("places", &["place"], &[("place", "string!"), ("about", "string")]);
    let event = specs::event("seen", &[("place", "string"), ("total", "integer")]);
    let dataset = specs::dataset(&specs::Dataset {
        name: "seen_by_place",
        event: "seen",
        group_by: &["place"],
        functions: &["sum"],
        columns: &["total"],
        ..specs::Dataset::default()
    });
    for body in [places, event, dataset] {
        specs::create(&bench.owner, &body).await;
    }
    let road = Road::new(bench.database.app());
    let place = |number: usize| format!("{number:05}{}", letters(600));
    let rows: Vec<String> = (0..1_500)
        .map(|number| format!("{},{}\n", place(number), letters(1_000)))
        .collect();
    let csv = format!("place,about\n{}", rows.concat());
    road.load((SpecKind::Dimension, "places"), "places.csv", Mode::New, &csv)
        .await;
    let rows: Vec<String> = (0..1_500)
        .map(|number| format!("{},{number}\n", place(number)))
        .collect();
    let csv = format!("place,total\n{}", rows.concat());
    road.load((SpecKind::Event, "seen"), "seen.csv", Mode::New, &csv)
        .await;
    let served = Served::new(&bench.database);
    for path in [
        "/dimensions/places/rows",
        "/datasets/seen_by_place/rows",
        "/kpis/seen_by_place",
    ] {
        let (rows, sizes) = served.pages(path, 1_500, "rows").await;
        assert_shortened(&sizes, 1_500);
        let keys: Vec<&str> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
        let expected: Vec<String> = (0..1_500).map(place).collect();
        assert_eq!(keys, expected, "{path}");
    }
}

#[tokio::test]
async fn files_with_large_errors_and_very_many_specs_come_in_shorter_pages() {
    let Some(bench) = Bench::new().await else { return };
    bench
        .database
        .script(
            "insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name) \
             select gen_random_uuid(), 'event', 'visits', n::text from generate_series(1, 150) as n; \
             insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
                file_name, mode, created_by, error) \
             select file_id, 1, 'event', 'visits', 1, file_name, 'new', 'x', jsonb_build_object('rule', \
                'missing_header', 'message', repeat('e', 20000)) from ingestion.file; \
             insert into spec.spec (kind, name, version, body, definition, created_by) \
             select 'event', 'event_' || lpad(n::text, 5, '0') || repeat('e', 52), 1, \
                jsonb_build_object('a', repeat('b', 100000)), '{}', repeat('c', 200) \
                from generate_series(1, 3000) as n",
        )
        .await;
    let served = Served::new(&bench.database);
    let (files, sizes) = served.pages("/ingestion/files", 150, "items").await;
    assert_shortened(&sizes, 150);
    let sequences: Vec<&str> = files
        .iter()
        .map(|file| file["file_name"].as_str().unwrap())
        .collect();
    assert_eq!(sequences.len(), 150);
    assert!(files.iter().all(|file| {
        file["error"]["message"]
            .as_str()
            .is_some_and(|text| text.len() == 20_000)
    }));
    let (specs, sizes) = served.pages("/spec/event", 3_000, "items").await;
    assert_shortened(&sizes, 3_000);
    // Those of this test, and the one that was there.
    assert_eq!(specs.len(), 3_001);
}

#[tokio::test]
async fn documents_come_whole_whatever_their_sizes() {
    let Some(bench) = Bench::bare() else { return };
    // Sizes around a piece, an answer and the first number of documents, in an order of their own.
    let sizes = [10, 15_000, 1_300_000, 14_990, 599_990, 1, 600_000, 45_000];
    let bodies: Vec<String> = (0..80)
        .map(|number| {
            let size = if number < 64 {
                8_000
            } else {
                sizes[number % sizes.len()]
            };
            format!(
                "('event', 'e_{number:03}', 1, '{{}}', jsonb_build_object('a', repeat('é', {size})), 'x')"
            )
        })
        .collect();
    let insert = "insert into spec.spec (kind, name, version, body, definition, created_by) values ";
    bench
        .database
        .script(&format!("{insert}{}", bodies.join(", ")))
        .await;
    let names: Vec<String> = (0..80).map(|number| format!("e_{number:03}")).collect();
    for count in [0, 1, 31, 32, 33, 64, 65, 80] {
        let asked: Vec<&str> = names[..count].iter().map(String::as_str).collect();
        let found: Vec<Value> = definitions(&bench.store, &asked).await;
        let lengths: Vec<usize> = found
            .iter()
            .map(|document| document["a"].as_str().unwrap().chars().count())
            .collect();
        let size = |number: usize| {
            if number < 64 {
                8_000
            } else {
                sizes[number % sizes.len()]
            }
        };
        assert_eq!(lengths, (0..count).map(size).collect::<Vec<_>>(), "{count}");
    }
}

async fn definitions(store: &Store, names: &[&str]) -> Vec<Value> {
    store.list_definitions(SpecKind::Event, names).await.unwrap()
}
