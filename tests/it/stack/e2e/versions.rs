//! The same file again: unchanged, replaced, deleted.

use millrace_tests::Random;
use millrace_tests::stack::{AttendanceSpecs, Model, Stack, random_rows};
use serde_json::json;

use super::{PATIENCE, assert_through};

#[tokio::test]
async fn the_same_bytes_again_change_nothing() {
    let Some(stack) = Stack::find() else { return };
    let (api, rows) = (stack.api(), random_rows(&mut Random::new(31), 80));
    let specs = AttendanceSpecs::create(&api, "unchanged").await;
    specs.send_schools(&api, 8).await;
    let first = specs.send(&api, "a.csv", &rows).await;
    assert_through(&api.settled(&first, PATIENCE).await);
    let version = format!("/datasets/{}/rows?limit=1", specs.by_school);
    let before = api.get(&version).await.expect(200)["version"].clone();

    let other_name = specs.send(&api, "b.csv", &rows).await;
    let file = api.settled(&other_name, PATIENCE).await;
    assert_through(&file);
    assert_eq!(
        (&file["unchanged_of"], &file["datasets"]),
        (&json!(first), &json!([])),
        "{file}"
    );
    assert_eq!(specs.replace(&api, &first, "a.csv", &rows).await, 2);
    let file = api.settled(&first, PATIENCE).await;
    assert_eq!(
        (&file["version"], &file["unchanged_of"]),
        (&json!(2), &json!(first)),
        "{file}"
    );

    assert_eq!(
        api.get(&version).await.body["version"],
        before,
        "the dataset was not touched"
    );
    let mut model = Model::default();
    model.set("a.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
}

#[tokio::test]
async fn replacing_and_deleting_are_exact() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random, mut model) = (stack.api(), Random::new(32), Model::default());
    let specs = AttendanceSpecs::create(&api, "replaced").await;
    specs.send_schools(&api, 8).await;
    let mut ids = Vec::new();
    for name in ["a.csv", "b.csv", "c.csv"] {
        let rows = random_rows(&mut random, 90);
        ids.push(specs.send(&api, name, &rows).await);
        model.set(name, &rows);
    }
    for file_id in &ids {
        assert_through(&api.settled(file_id, PATIENCE).await);
    }
    model.assert_served(&api, &specs.by_school).await;

    // The extremes of what is taken back have to be found again in the other files.
    for (version, count) in [(2, 60), (3, 150), (4, 1)] {
        let rows = random_rows(&mut random, count);
        assert_eq!(specs.replace(&api, &ids[0], "a.csv", &rows).await, version);
        assert_through(&api.settled(&ids[0], PATIENCE).await);
        model.set("a.csv", &rows);
        model.assert_served(&api, &specs.by_school).await;
    }
    let first = api.get(&format!("/ingestion/files/{}?version=1", ids[0])).await;
    assert_eq!(
        (&first.expect(200)["version"], &first.body["rows"]),
        (&json!(1), &json!(90))
    );

    let deleted = api.delete(&format!("/ingestion/files/{}", ids[1])).await;
    assert_eq!(
        (&deleted.expect(202)["version"], &deleted.body["mode"]),
        (&json!(2), &json!("delete"))
    );
    let file = api.settled(&ids[1], PATIENCE).await;
    assert_through(&file);
    model.remove("b.csv");
    model.assert_served(&api, &specs.by_school).await;
    api.delete(&format!("/ingestion/files/{}", ids[1]))
        .await
        .assert_problem(404, "not_found");

    // Its name is free again.
    let rows = random_rows(&mut random, 30);
    assert_eq!(specs.send(&api, "b.csv", &rows).await, ids[1]);
    let file = api.settled(&ids[1], PATIENCE).await;
    assert_eq!(file["version"], 3, "{file}");
    model.set("b.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
}

/// Attributes are looked up, not copied: a dimension that changes moves the figures without another run.
#[tokio::test]
async fn a_changed_dimension_moves_the_figures() {
    let Some(stack) = Stack::find() else { return };
    let (api, rows) = (stack.api(), random_rows(&mut Random::new(33), 80));
    let specs = AttendanceSpecs::create(&api, "moved").await;
    let dimension = api
        .send_file(
            "dimension",
            &specs.schools,
            "schools.csv",
            millrace_tests::stack::schools(1, 8),
        )
        .await;
    let file_id = specs.send(&api, "a.csv", &rows).await;
    for id in [&dimension, &file_id] {
        assert_through(&api.settled(id, PATIENCE).await);
    }
    let query = format!("/kpis/{}?group_by=district", specs.by_school);
    assert_eq!(api.rows(&query, 10).await.len(), 1);
    let moved = millrace_tests::stack::schools(1, 8)
        .replace("cluster 3,block 1,district 0", "cluster 3,block 1,district 9");
    let version = api
        .replace_file(&dimension, "dimension", &specs.schools, "schools.csv", moved)
        .await;
    assert_eq!(version, 2);
    assert_through(&api.settled(&dimension, PATIENCE).await);
    let mut model = Model::default();
    model.set("a.csv", &rows);
    let expected = model.figures_by(|row| {
        vec![
            if row.school > 6 {
                "district 9"
            } else {
                "district 0"
            }
            .to_owned(),
        ]
    });
    let found = api.rows(&query, 10).await;
    let found = found.iter().map(|row| {
        (
            vec![row["district"].as_str().unwrap().to_owned()],
            millrace_tests::stack::figure(row),
        )
    });
    assert_eq!(found.collect::<millrace_tests::stack::Figures>(), expected);
}
