//! Reading figures: levels, periods, filters, pages, and cells that wait.

use std::collections::BTreeMap;

use millrace_tests::Random;
use millrace_tests::stack::{AttendanceSpecs, Model, Row, Stack, figure, random_rows, schools};
use serde_json::{Value, json};

use super::{PATIENCE, assert_through};

fn keys(row: &BTreeMap<String, Value>, names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| row[*name].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Fails unless the query's rows are the model's, grouped by `names` as `key` says.
async fn assert_grouped(
    stack: &Stack,
    query: &str,
    names: &[&str],
    model: &Model,
    key: impl Fn(&Row) -> Vec<String>,
) {
    let rows = stack.reader().rows(query, 7).await;
    let found: BTreeMap<_, _> = rows.iter().map(|row| (keys(row, names), figure(row))).collect();
    assert_eq!(found.len(), rows.len(), "{query}: a group is there twice");
    assert_eq!(found, model.figures_by(key), "{query}");
}

fn place(row: &Row, schools: u32, name: &str) -> String {
    format!("{name} {}", (row.school - 1) / schools)
}

#[tokio::test]
async fn figures_roll_up_along_the_dimension_and_over_time() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(11));
    let specs = AttendanceSpecs::create(&api, "rolled").await;
    specs.send_schools(&api, 8).await;
    let rows = random_rows(&mut random, 400);
    let file_id = specs.send(&api, "a.csv", &rows).await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let mut model = Model::default();
    model.set("a.csv", &rows);
    let kpis = format!("/kpis/{}", specs.by_school);
    for (name, schools) in [("cluster", 2), ("block", 4), ("district", 8)] {
        let query = format!("{kpis}?group_by={name}");
        assert_grouped(&stack, &query, &[name], &model, |row| {
            vec![place(row, schools, name)]
        })
        .await;
    }
    let query = format!("{kpis}?group_by=date,block&grain=day");
    assert_grouped(&stack, &query, &["date", "block"], &model, |row| {
        vec![row.date.to_owned(), place(row, 4, "block")]
    })
    .await;
    for (grain, length) in [("month", 7), ("year", 4)] {
        let query = format!("{kpis}?group_by=date,block&grain={grain}");
        assert_grouped(&stack, &query, &["date", "block"], &model, |row| {
            vec![row.date[..length].to_owned(), place(row, 4, "block")]
        })
        .await;
    }
    let week = |row: &Row| {
        if row.date < "2024-01-29" {
            "2024-W04"
        } else {
            "2024-W05"
        }
        .to_owned()
    };
    let query = format!("{kpis}?group_by=date&grain=week");
    assert_grouped(&stack, &query, &["date"], &model, |row| vec![week(row)]).await;
}

#[tokio::test]
async fn figures_are_filtered() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(12));
    let specs = AttendanceSpecs::create(&api, "filtered").await;
    specs.send_schools(&api, 8).await;
    let rows = random_rows(&mut random, 300);
    let file_id = specs.send(&api, "a.csv", &rows).await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let kpis = format!("/kpis/{}", specs.by_school);
    let check = async |query: &str, is_in: &dyn Fn(&Row) -> bool| {
        let mut model = Model::default();
        model.set(
            "a.csv",
            &rows.iter().filter(|row| is_in(row)).cloned().collect::<Vec<_>>(),
        );
        let path = format!("{kpis}?group_by=school_id&{query}");
        assert_grouped(&stack, &path, &["school_id"], &model, |row| vec![row.school_id()]).await;
    };
    check("filter=cluster:cluster%200", &|row| row.school <= 2).await;
    check(
        "filter=school_id:1000000001&filter=school_id:1000000008",
        &|row| [1, 8].contains(&row.school),
    )
    .await;
    check("filter=block:block%201&filter=cluster:cluster%202", &|row| {
        [5, 6].contains(&row.school)
    })
    .await;
    check("filter=date:2024-01-31", &|row| row.date == "2024-01-31").await;
    check("from=2024-01-30&to=2024-02-02", &|row| {
        ("2024-01-30".."2024-02-02").contains(&row.date)
    })
    .await;
    check("filter=cluster:nowhere", &|_| false).await;
    for (query, status, code) in [
        ("group_by=nothing", 422, "bad_selection"),
        ("filter=nothing:1", 422, "bad_selection"),
        ("filter=date:31.1.2024", 422, "bad_filter_value"),
        ("filter=cluster", 400, "bad_query"),
        ("from=2024-13-01", 400, "bad_query"),
        ("grain=decade", 400, "bad_query"),
        ("cursor=%21", 400, "bad_query"),
        ("limit=0", 400, "bad_query"),
        ("limit=10001", 400, "bad_query"),
        ("surprise=1", 400, "bad_query"),
    ] {
        api.get(&format!("{kpis}?{query}"))
            .await
            .assert_problem(status, code);
    }
    api.get("/kpis/none_of_that_name")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn pages_hold_every_row_once() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(13));
    let specs = AttendanceSpecs::create(&api, "paged").await;
    specs.send_schools(&api, 57).await;
    let rows = random_rows(&mut random, 200);
    let file_id = specs.send(&api, "a.csv", &rows).await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    for (path, names) in [
        (
            format!("/datasets/{}/rows", specs.by_school),
            &["date", "school_id"][..],
        ),
        (format!("/dimensions/{}/rows", specs.schools), &["school_id"]),
    ] {
        let whole: Vec<_> = api
            .rows(&path, 10_000)
            .await
            .iter()
            .map(|row| keys(row, names))
            .collect();
        for limit in [1, 2, 7, u32::try_from(whole.len()).unwrap()] {
            let paged: Vec<_> = api
                .rows(&path, limit)
                .await
                .iter()
                .map(|row| keys(row, names))
                .collect();
            assert_eq!(paged, whole, "{path} by {limit}");
        }
        assert!(
            whole.is_sorted() && whole.windows(2).all(|pair| pair[0] != pair[1]),
            "{path}"
        );
    }
    assert_eq!(
        api.rows(&format!("/dimensions/{}/rows", specs.schools), 10)
            .await
            .len(),
        57
    );
    let files = format!(
        "/ingestion/files?ingestion_type=event&ingestion_name={}",
        specs.attendance
    );
    assert_eq!(api.get(&files).await.body["items"].as_array().unwrap().len(), 1);
    let open = api.get(&format!("{files}&status=open")).await;
    assert_eq!(open.body["items"], json!([]), "{}", open.text);
}

#[tokio::test]
async fn cells_wait_for_their_school_and_then_count_by_themselves() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(14));
    let specs = AttendanceSpecs::create(&api, "waiting").await;
    specs.send_schools(&api, 5).await;
    let rows = random_rows(&mut random, 160);
    let file_id = specs.send(&api, "a.csv", &rows).await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let (known, unknown): (Vec<Row>, Vec<Row>) = rows.iter().cloned().partition(|row| row.school <= 5);
    let mut model = Model::default();
    model.set("a.csv", &unknown);
    let cells = model.figures().len();
    let kpis = format!("/kpis/{}", specs.by_school);
    let waiting = api.get(&kpis).await.expect(200)["waiting"].clone();
    let missing = ["1000000006", "1000000007", "1000000008"];
    assert_eq!(
        waiting,
        json!({"keys": 3, "cells": cells, "rows": unknown.len(), "examples": missing}),
        "what waits is told"
    );
    model.set("a.csv", &known);
    model.assert_served(&api, &specs.by_school).await;

    let late = api
        .send_file("dimension", &specs.schools, "late.csv", schools(6, 8))
        .await;
    assert_through(&api.settled(&late, PATIENCE).await);
    let waiting = api.get(&kpis).await.expect(200)["waiting"].clone();
    assert_eq!(waiting, json!({"keys": 0, "cells": 0, "rows": 0, "examples": []}));
    model.set("a.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
}

/// A dataset that is declared after its files takes them in.
#[tokio::test]
async fn a_dataset_made_later_is_filled() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(15));
    let specs = AttendanceSpecs::create(&api, "later").await;
    specs.send_schools(&api, 8).await;
    let rows = random_rows(&mut random, 100);
    let file_id = specs.send(&api, "a.csv", &rows).await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let later = millrace_tests::stack::unique("later_by_grade");
    api.create_spec(&specs.dataset(&later, &["grade", "school_id"]))
        .await;
    let file = api.settled(&file_id, PATIENCE).await;
    assert_through(&file);
    let mut model = Model::default();
    model.set("a.csv", &rows);
    let found: i64 = api
        .rows(&format!("/datasets/{later}/rows"), 100)
        .await
        .iter()
        .map(|row| figure(row).present)
        .sum();
    assert_eq!(found, model.present());
}
