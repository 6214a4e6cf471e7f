//! Sources of datasets whose rows come ready.

use millrace_app::compile::{CompileError, compile_spec};
use millrace_core::definition::SpecKind;
use millrace_tests::{Database, Road, specs};
use serde_json::json;

use super::{Fetching, LIST, SOURCE};
use crate::flow::{self, BY_REGION};

#[tokio::test]
async fn files_of_a_source_are_files_of_a_dataset_whose_rows_come_ready() {
    let Some(database) = Database::new() else { return };
    let owner = database.owner_store();
    specs::create(
        &owner,
        &specs::rows("reviews", &["day"], &[("day", "date"), ("held", "string")]),
    )
    .await;
    let mut source = specs::source(SOURCE, LIST, "reviews");
    source["target"]["ingestion_type"] = json!("dataset");
    specs::create(&owner, &source).await;
    let fetching = Fetching {
        road: Road::new(database.app()),
        store: database.store(),
        database,
    };
    let rows = |held: &str| format!("day,held\n2024-01-01,{held}\n");
    for held in ["yes", "no"] {
        fetching.list(&[("s-2024-01-01.csv", rows(held))]);
        let (_, files) = fetching.run().await;
        assert!(files.iter().all(|file| file.error.is_none()), "{files:?}");
        let served = "select day || ' ' || held from ingestion.reviews";
        assert_eq!(fetching.text(served).await, format!("2024-01-01 {held}"));
    }
}

#[tokio::test]
async fn a_source_of_a_dataset_that_is_computed_is_refused() {
    let Some(database) = Database::new() else { return };
    let owner = database.owner_store();
    flow::create_specs(&owner).await;
    for (dataset, code) in [(BY_REGION, "dataset_computed"), ("nowhere", "unknown_spec")] {
        let mut source = specs::source(SOURCE, LIST, dataset);
        source["target"]["ingestion_type"] = json!("dataset");
        let compiled = compile_spec(&owner, SpecKind::Source, &source).await;
        let Err(CompileError::Spec(errors)) = compiled else {
            panic!("{dataset} is taken")
        };
        let error = &errors.errors()[0];
        assert_eq!(
            (error.pointer.as_str(), error.code.as_str()),
            ("/target/ingestion_name", code)
        );
    }
}
