//! The KPI catalogue as it is listed.

use millrace_core::definition::SpecKind;
use millrace_store::specs::KpiFilter;
use millrace_tests::specs;
use serde_json::json;

use super::{Bench, DATASET, visits, visits_by_school};

#[tokio::test]
async fn datasets_are_listed_with_their_newest_entry_and_their_attributes() {
    let Some(bench) = Bench::bare() else { return };
    let schools = specs::dimension(
        "schools",
        &["school"],
        &[("school", "string!"), ("district", "string")],
    );
    for body in [schools, visits(), visits_by_school()] {
        specs::create(&bench.owner, &body).await;
    }
    for name in ["Zeta", "alpha"] {
        let mut body = specs::dataset(&specs::Dataset {
            name,
            event: "visits",
            group_by: &["school"],
            functions: &["sum"],
            columns: &["amount"],
            dimension: Some(("schools", "school")),
            ..specs::Dataset::default()
        });
        body["catalogue"] =
            json!({"category": "attendance", "indicator": name, "levels": ["district", "school"]});
        specs::create(&bench.owner, &body).await;
    }
    let list = async |category, after, limit| {
        let filter = KpiFilter {
            category,
            after,
            limit,
        };
        bench.store.list_kpis(&filter).await.unwrap()
    };
    let names = async |category, after, limit| {
        let records = list(category, after, limit).await.into_iter();
        let names = records.map(|record| record.definition.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(None, None, 10).await, ["Zeta", "alpha", DATASET]);
    assert_eq!(names(None, None, 1).await, ["Zeta"]);
    assert_eq!(names(None, Some("Zeta"), 1).await, ["alpha"]);
    assert_eq!(names(Some("attendance"), None, 10).await, ["Zeta", "alpha"]);
    assert_eq!(names(Some("'; --"), None, 10).await, Vec::<String>::new());
    let records = list(None, None, 10).await;
    let attributes = records[0].attributes.as_ref().unwrap().iter();
    let attributes: Vec<&str> = attributes.map(|field| field.name.as_str()).collect();
    assert_eq!(attributes, ["school", "district"]);
    assert_eq!(
        (&records[2].attributes, &records[2].definition.catalogue),
        (&None, &None)
    );

    let mut body = visits_by_school();
    body["catalogue"] = json!({"category": "visits", "indicator": "visitors"});
    specs::migrate(&bench.owner, 1, &body).await.unwrap();
    let found = list(Some("visits"), None, 10).await;
    assert_eq!((found.len(), found[0].version), (1, 2));
    bench
        .owner
        .retire_spec(SpecKind::Dataset, DATASET, "tests")
        .await
        .unwrap();
    assert_eq!(names(None, None, 10).await, ["Zeta", "alpha"]);
}
