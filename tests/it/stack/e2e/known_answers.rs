//! Real attendance data with figures that are known, where the data is there.

use std::path::Path;

use millrace_tests::stack::{Api, Stack, unique};
use millrace_tests::{repository, sample_data, specs};
use serde_json::{Value, json};

use super::{PATIENCE, assert_through};

/// A seed's body under a name of this test's own, with every mention of `names` changed alike.
fn seed(file: &str, names: &[(&str, String)]) -> Value {
    let path = repository().join("infra/seed").join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (old, new) in names {
        text = text.replace(old, new);
    }
    serde_json::from_str(&text).unwrap()
}

async fn send(api: &Api, kind: &str, spec: &str, folder: &Path, file: &str) -> Value {
    let file_id = api
        .send_file(kind, spec, file, std::fs::read(folder.join(file)).unwrap())
        .await;
    api.settled(&file_id, PATIENCE).await
}

#[tokio::test]
async fn the_students_of_a_school_on_a_day_are_known() {
    let Some(stack) = Stack::find() else { return };
    let Some(folder) = sample_data("cqube/lld-sac") else {
        return;
    };
    let api = stack.api();
    let names = [
        "dimension_master",
        "event_students_attendance",
        "SAC_stds_atd_cmp_by_school",
    ]
    .map(|name| (name, unique(name)));
    let [dimension, event, dataset] = names.each_ref().map(|(_, name)| name.clone());
    for file in [
        "dimension_master.json",
        "event_students_attendance.json",
        "SAC_stds_atd_cmp_by_school.json",
    ] {
        api.create_spec(&seed(file, &names)).await;
    }
    assert_through(
        &send(
            &api,
            "dimension",
            &dimension,
            &folder,
            "dimension_master_first.csv",
        )
        .await,
    );
    let file = send(&api, "event", &event, &folder, "event_students_attendance.csv").await;
    assert_through(&file);
    assert_eq!(
        (&file["rows"], &file["rejected"]),
        (&json!(1_200), &json!(0)),
        "{file}"
    );
    let query = format!("/kpis/{dataset}?filter=school_id:1000000001&filter=date:2023-01-08");
    let rows = api.rows(&query, 10).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let figures = [
        "sum_students_attendance_marked",
        "sum_total_students",
        "percentage",
    ]
    .map(|name| rows[0][name].clone());
    assert_eq!(figures, [json!(828), json!(1_035), json!("80")]);
    let figure = format!("/kpis/{dataset}/explain?key=%5B%222023-01-08%22,%221000000001%22%5D");
    explains_its_lines(&api, &figure).await;
    // The whole file repeats ids, and is refused with their count.
    let repeated = send(&api, "dimension", &dimension, &folder, "dimension_master.csv").await;
    assert_eq!(
        (&repeated["status"], &repeated["error"]["rule"]),
        (&json!("Error"), &json!("repeated_key")),
        "{repeated}"
    );
    assert!(
        repeated["error"]["rows"].as_u64().is_some_and(|rows| rows > 0),
        "{repeated}"
    );
}

/// 828 of 1,035 = 80 %, from the lines of one file.
async fn explains_its_lines(api: &Api, figure: &str) {
    let explained = api.get(figure).await.body;
    assert_eq!(explained["figure"]["rows"][0][4], json!("80"), "{explained}");
    let formula = "100 × sum(students_attendance_marked) ÷ sum(total_students)";
    assert_eq!(explained["formulas"][2]["formula"], json!(formula));
    let [share] = explained["files"].as_array().unwrap().as_slice() else {
        panic!("{explained}")
    };
    let sums = [&share["measures"][0]["sum"], &share["measures"][1]["sum"]];
    assert_eq!(sums, [&json!("828"), &json!("1035")]);
    let (path, query) = figure.split_once('?').unwrap();
    let file = share["file_id"].as_str().unwrap();
    let page = api
        .get(&format!("{path}/lines?{query}&file_id={file}"))
        .await
        .body;
    let lines = page["items"].as_array().unwrap();
    assert_eq!(json!(lines.len()), share["rows"]);
    let marked = lines
        .iter()
        .map(|line| line["measures"][0].as_str().unwrap().parse::<i64>().unwrap());
    assert_eq!(marked.sum::<i64>(), 828);
}

#[tokio::test]
async fn the_totals_of_the_teachers_are_known() {
    let Some(stack) = Stack::find() else { return };
    let Some(folder) = sample_data("cqube/lld-sac") else {
        return;
    };
    let api = stack.api();
    let (event, dataset) = (unique("teachers_attendance"), unique("teachers_by_school"));
    let fields = [
        ("date", "date!"),
        ("school_id", "string!"),
        ("grade", "integer!"),
        ("teachers_marked_present", "integer!"),
        ("teachers_attendance_marked", "integer!"),
        ("total_teachers", "integer!"),
    ];
    api.create_spec(&specs::event(&event, &fields)).await;
    let columns = [
        "teachers_attendance_marked",
        "teachers_marked_present",
        "total_teachers",
    ];
    let wanted = specs::Dataset {
        name: &dataset,
        event: &event,
        group_by: &["date", "school_id"],
        functions: &["sum", "count"],
        columns: &columns,
        ..specs::Dataset::default()
    };
    api.create_spec(&specs::dataset(&wanted)).await;
    let file = send(&api, "event", &event, &folder, "teachers_attendance_large.csv").await;
    assert_through(&file);
    assert_eq!(
        (&file["rows"], &file["kept"]),
        (&json!(93_283), &json!(93_283)),
        "{file}"
    );
    let rows = api.rows(&format!("/kpis/{dataset}?group_by="), 10).await;
    let sums = columns.map(|name| rows[0][&format!("sum_{name}")].clone());
    assert_eq!(sums, [json!(3_219_498), json!(1_820_441), json!(3_963_954)]);
    assert_eq!(rows[0]["count_total_teachers"], 93_283);
}
