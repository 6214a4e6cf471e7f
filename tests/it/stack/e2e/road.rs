//! From a file to figures, the whole way.

use millrace_core::decimal::Decimal;
use millrace_tests::Random;
use millrace_tests::stack::{AttendanceSpecs, Model, Stack, csv, random_rows, unique};
use serde_json::{Value, json};

use super::{PATIENCE, assert_through};

/// Sums exactly, whatever the values travel as.
fn sum<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let texts = values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let numbers = texts.map(|text| text.parse::<i64>().unwrap());
    numbers.sum::<i64>().to_string()
}

#[tokio::test]
async fn a_file_goes_in_and_kpis_come_out() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(1));
    let specs = AttendanceSpecs::create(&api, "road").await;
    specs.send_schools(&api, 8).await;
    let rows = random_rows(&mut random, 600);
    let order = json!({"ingestion_type": "event", "ingestion_name": specs.attendance, "file_name": "a.csv"});
    let opened = api.open(&order).await;
    let waiting = api.file(&opened.file_id).await;
    assert_eq!(
        (&waiting["status"], &waiting["version"]),
        (&json!("Upload_in_progress"), &json!(1)),
        "{waiting}"
    );
    assert_eq!(api.put(&opened, csv(&rows)).await, 200);
    assert_eq!(
        api.put(&opened, csv(&rows)).await,
        412,
        "an address is good for one object"
    );

    let file = api.settled(&opened.file_id, PATIENCE).await;
    assert_through(&file);
    assert_eq!(
        (&file["rows"], &file["kept"], &file["rejected"]),
        (&json!(600), &json!(600), &json!(0)),
        "{file}"
    );
    assert_eq!(
        file["datasets"],
        json!([{"dataset": specs.by_school, "applied": true}])
    );
    assert_eq!(file["size_bytes"], csv(&rows).len());
    for moment in ["created_at", "received_at", "validated_at", "settled_at"] {
        assert!(file[moment].is_string(), "{moment}: {file}");
    }
    let mut model = Model::default();
    model.set("a.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
    let total = api.get(&format!("/kpis/{}?group_by=", specs.by_school)).await;
    let columns: Vec<&str> = total.body["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    let at = columns.iter().position(|name| *name == "sum_present").unwrap();
    assert_eq!(
        sum([&total.body["rows"][0][at]].into_iter()),
        model.present().to_string(),
        "{}",
        total.text
    );
    assert_eq!(total.body["waiting"]["cells"], 0);
}

#[tokio::test]
async fn the_stored_status_follows() {
    let Some(stack) = Stack::find() else { return };
    let (api, sql) = (stack.api(), stack.sql().await);
    let specs = AttendanceSpecs::create(&api, "stored").await;
    let file_id = specs
        .send(&api, "a.csv", &random_rows(&mut Random::new(2), 50))
        .await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let stored = format!("select file_status from ingestion.file_tracker where file_id = '{file_id}'");
    let (sql, stored) = (&sql, &stored);
    let is_stored = || async move {
        let status = sql.value(stored).await;
        matches!(status.as_deref(), Some("Ready_to_archive" | "Archived"))
    };
    assert!(
        millrace_tests::stack::wait_until(PATIENCE, is_stored).await,
        "the stored status stays behind"
    );
    let unsent = format!("select count(*) from operations.outbox where file_id = '{file_id}'");
    assert_eq!(sql.number(&unsent).await, 0);
    let staged = "select count(*) from ingestion.contribution_stage s join ingestion.contribution c \
                  using (contribution_id) where c.file_id = ";
    assert_eq!(sql.number(&format!("{staged}'{file_id}'")).await, 0);
}

#[tokio::test]
async fn a_file_is_driven_on_from_its_facts() {
    let Some(stack) = Stack::find() else { return };
    let (api, rows) = (stack.api(), random_rows(&mut Random::new(3), 40));
    let specs = AttendanceSpecs::create(&api, "driven").await;
    specs.send_schools(&api, 8).await;
    let order = json!({"ingestion_type": "event", "ingestion_name": specs.attendance, "file_name": "a.csv"});
    let opened = api.open(&order).await;
    let path = format!("/ingestion/files/{}/drive", opened.file_id);
    // Nothing has arrived: driving it on finds nothing to do, however often.
    for _ in 0..3 {
        let driven = api.post(&path, &json!({})).await;
        assert_eq!(driven.expect(202)["messages"], 1, "{}", driven.text);
    }
    assert_eq!(api.put(&opened, csv(&rows)).await, 200);
    let _ = api.post(&path, &json!({})).await.expect(202);
    let _ = api.post("/ingestion/drive", &json!({})).await.expect(202);
    assert_through(&api.settled(&opened.file_id, PATIENCE).await);
    let _ = api.post(&path, &json!({})).await.expect(202);
    let mut model = Model::default();
    model.set("a.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
    api.post(&path.replace(&opened.file_id, &uuid()), &json!({}))
        .await
        .assert_problem(404, "not_found");
}

fn uuid() -> String {
    "01890000-0000-7000-8000-000000000000".to_owned()
}

/// Above the stack's chunk size; the figures are those of the rows, and every row keeps its line.
#[tokio::test]
async fn a_large_object_is_split_and_counts_once() {
    let Some(stack) = Stack::find() else { return };
    let variable = stack
        .emulator()
        .function_variable(&stack.functions["csv-ingest"], "MILLRACE_CHUNK_BYTES");
    let chunk_bytes: usize = variable.unwrap().parse().unwrap();
    if chunk_bytes > 4 << 20 {
        println!("skipped: this stack splits files above {chunk_bytes} bytes, which is too much for a test");
        return;
    }
    let (api, mut random) = (stack.api(), Random::new(4));
    let specs = AttendanceSpecs::create(&api, "large").await;
    specs.send_schools(&api, 8).await;
    let rows = random_rows(&mut random, chunk_bytes * 7 / 2 / 28);
    let mut content = csv(&rows);
    content.push_str("2024-01-25,1000000001,one,1,2\n");
    let file_id = api
        .send_file("event", &specs.attendance, "large.csv", content)
        .await;
    let file = api.settled(&file_id, PATIENCE).await;
    assert_through(&file);
    assert_eq!(
        (&file["kept"], &file["rejected"]),
        (&json!(rows.len()), &json!(1)),
        "{file}"
    );
    let chunks = format!("select count(*) from ingestion.chunk where file_id = '{file_id}'");
    assert!(stack.sql().await.number(&chunks).await >= 3);
    let page = api.get(&format!("/ingestion/files/{file_id}/row-errors")).await;
    assert_eq!(
        page.expect(200)["items"][0]["line"],
        rows.len() + 2,
        "{}",
        page.text
    );
    let mut model = Model::default();
    model.set("large.csv", &rows);
    model.assert_served(&api, &specs.by_school).await;
}

#[tokio::test]
async fn files_into_one_dataset_at_once_all_count() {
    let Some(stack) = Stack::find() else { return };
    let (api, mut random) = (stack.api(), Random::new(5));
    let specs = AttendanceSpecs::create(&api, "at_once").await;
    specs.send_schools(&api, 8).await;
    let mut model = Model::default();
    let files: Vec<_> = (0..8)
        .map(|at| (format!("file {at}.csv"), random_rows(&mut random, 120)))
        .collect();
    for (name, rows) in &files {
        model.set(name, rows);
    }
    let sent = files.iter().map(|(name, rows)| specs.send(&api, name, rows));
    for file_id in futures_util::future::join_all(sent).await {
        assert_through(&api.settled(&file_id, PATIENCE).await);
    }
    model.assert_served(&api, &specs.by_school).await;
}

/// Decimals keep every digit, from the cell to the answer.
#[tokio::test]
async fn numbers_are_exact() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let (event, dataset) = (unique("exact_event"), unique("exact_by_place"));
    let fields = [("place", "string!"), ("amount", "number!")];
    api.create_spec(&millrace_tests::specs::event(&event, &fields))
        .await;
    let wanted = millrace_tests::specs::Dataset {
        name: &dataset,
        event: &event,
        group_by: &["place"],
        functions: &["sum", "min", "max"],
        columns: &["amount"],
        ..Default::default()
    };
    api.create_spec(&millrace_tests::specs::dataset(&wanted)).await;
    let amounts = [
        "0.1",
        "0.2",
        "1234567890123456789.000000001",
        "-0.3",
        "9007199254740993",
    ];
    let lines: Vec<String> = amounts.iter().map(|amount| format!("here,{amount}\n")).collect();
    let file_id = api
        .send_file(
            "event",
            &event,
            "a.csv",
            format!("place,amount\n{}", lines.concat()),
        )
        .await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    let rows = api.rows(&format!("/datasets/{dataset}/rows"), 10).await;
    let expected: Decimal = "1243575089378197782.000000001".parse().unwrap();
    let found: Decimal = rows[0]["sum_amount"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        (found, &rows[0]["min_amount"]),
        (expected, &json!("-0.3")),
        "{rows:?}"
    );
}
