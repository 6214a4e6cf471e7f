//! The demonstration: school attendance through the real API, from files to KPIs.
//!
//! A repeat doubles nothing: specs and files that are there already are used as they are. The figures that come out
//! are compared with sums that this program makes itself.

mod client;
mod fetched;
mod fixtures;
mod table;

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use self::client::{Api, Sent};
use crate::screen;
use crate::status::Status;

/// The dataset that the demonstration fills: one of the specs that the deploy has seeded.
pub(crate) const DATASET: &str = "SAC_stds_atd_cmp_by_school";
const DIMENSION: &str = "dimension_master";
const EVENT: &str = "event_students_attendance";
const FILE: &str = "attendance-2024-01.csv";
const DOCUMENT_FILE: &str = "attendance-by-district.pdf";
const ROW_ERRORS_SHOWN: usize = 8;

/// Has the API drive on every run, file and document that is not at its end, from the facts in the database.
///
/// # Errors
/// When the API does not answer as it must.
pub(crate) fn drive_open_files(status: &Status) -> anyhow::Result<()> {
    let api = Api::new(status)?;
    api.wait_healthy()?;
    for (route, what) in [
        ("/api/sources/drive", "runs"),
        ("/ingestion/drive", "files"),
        ("/api/documents/drive", "documents"),
    ] {
        let count = drive(&api, route, what)?;
        if count > 0 {
            screen::step(&format!("{count} open {what} were driven on"));
        }
    }
    Ok(())
}

/// Follows a route that drives on page by page; answers how many there were.
fn drive(api: &Api, route: &str, what: &str) -> anyhow::Result<u64> {
    let (mut path, mut count) = (route.to_owned(), 0);
    loop {
        let driven = api.post(&path, &json!({}))?;
        ensure!(
            driven.status.is_success(),
            "POST {path}: {} {}",
            driven.status,
            driven.body
        );
        let page = driven.json();
        count += page[what].as_u64().unwrap_or(0);
        match page["next"].as_str() {
            Some(next) => path = format!("{route}?cursor={next}"),
            None => return Ok(count),
        }
    }
}

/// Runs the demonstration and prints what came out.
///
/// # Errors
/// When a step fails, or a figure is not what it must be.
pub(crate) fn run(status: &Status) -> anyhow::Result<()> {
    let api = Api::new(status)?;
    screen::line("\nDemonstration: attendance of 12 schools on 10 days, through the API");
    for (kind, name) in [("dimension", DIMENSION), ("event", EVENT), ("dataset", DATASET)] {
        api.get(&format!("/spec/{kind}/{name}"))
            .with_context(|| format!("reading the seeded {kind} spec"))?;
        screen::step(&format!("{kind} spec {name}"));
    }
    let attendance = fixtures::attendance();
    send(
        &api,
        &Sent {
            kind: "dimension",
            name: DIMENSION,
            file: "schools.csv",
            content: fixtures::schools(),
        },
    )?;
    let file = Sent {
        kind: "event",
        name: EVENT,
        file: FILE,
        content: attendance.content.clone(),
    };
    let event_file = send(&api, &file)?;
    fetched::run(&api, status)?;
    show_kpis(&api, &attendance)?;
    make_document(&api, Path::new(&status.folder))?;
    show_row_errors(&api, &event_file)
}

/// Sends a file if it is not there yet and waits until it is through. Returns its id.
fn send(api: &Api, file: &Sent) -> anyhow::Result<String> {
    let (file_id, was_there) = api.send(file)?;
    let detail = api.wait_final(&file_id, file.file)?;
    let count = |name: &str| {
        detail[name]
            .as_u64()
            .or(detail["counts"][name].as_u64())
            .unwrap_or(0)
    };
    screen::step(&format!(
        "{} {}: {} rows, {} kept, {} rejected{}",
        file.file,
        detail["status"].as_str().unwrap_or("?"),
        count("rows"),
        count("kept"),
        count("rejected"),
        if was_there { " (was there already)" } else { "" }
    ));
    if detail["status"] == "Error" {
        bail!("{} was refused: {}", file.file, detail["error"]);
    }
    Ok(file_id)
}

fn show_kpis(api: &Api, attendance: &fixtures::Attendance) -> anyhow::Result<()> {
    let by_district = api.kpis(DATASET, "group_by=district_id")?;
    screen::line("\nAttendance by district:");
    screen::line(&table::render(&by_district));
    screen::line("Attendance by cluster and week:");
    screen::line(&table::render(
        &api.kpis(DATASET, "group_by=cluster_id,date&grain=week")?,
    ));
    if api.has_other_files(EVENT, FILE, fetched::SOURCE)? {
        screen::line("Not compared with the demonstration's own sums: more files feed the dataset.");
        return Ok(());
    }
    let total = api.kpis(DATASET, "group_by=")?;
    let (fetched_marked, fetched_total) = millrace_source_server::example::totals();
    let (marked, pupils) = (
        attendance.marked + fetched_marked,
        attendance.total + fetched_total,
    );
    for (column, expected) in [
        ("sum_students_attendance_marked", marked),
        ("sum_total_students", pupils),
    ] {
        let found = cell(&total, column);
        ensure!(
            found == expected.to_string(),
            "the sum of {column} is {found}, but the files hold {expected}: see cargo local logs perf-worker"
        );
    }
    screen::line(&format!(
        "Checked: {marked} of {pupils} pupil days, the sum over the files themselves.",
    ));
    Ok(())
}

/// Has the figures made into a document, once for a version of the dataset, and keeps it in the instance's folder.
fn make_document(api: &Api, folder: &Path) -> anyhow::Result<()> {
    let order = json!({
        "kind": "kpi",
        "title": "Attendance by district",
        "query": {"dataset": DATASET, "group_by": ["district_id", "date"], "grain": "week",
            "measures": ["percentage", "sum_students_attendance_marked", "sum_total_students"]},
    });
    let version = api.kpis(DATASET, "group_by=&limit=1")?["version"].to_string();
    let document_id = api.order_document(&order, &format!("demonstration-{version}"))?;
    let content = api.wait_document(&document_id)?;
    ensure!(
        content.starts_with(b"%PDF-"),
        "the document is no PDF: see cargo local logs pdf-generator"
    );
    let path = folder.join(DOCUMENT_FILE);
    std::fs::write(&path, &content).with_context(|| format!("writing {}", path.display()))?;
    let detail = api.get(&format!("/api/documents/{document_id}"))?;
    screen::line(&format!(
        "Document: {} ({} pages, {} bytes)",
        path.display(),
        detail["pages"],
        content.len()
    ));
    Ok(())
}

/// A column's value in the first row.
fn cell(page: &Value, column: &str) -> String {
    let columns = page["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = columns.iter().position(|item| table::column_name(item) == column);
    place
        .map(|place| table::text(&page["rows"][0][place]))
        .unwrap_or_default()
}

fn show_row_errors(api: &Api, file_id: &str) -> anyhow::Result<()> {
    let page = api.get(&format!("/ingestion/files/{file_id}/row-errors"))?;
    let rows: Vec<Value> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|item| {
            item["errors"]
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![item.clone()])
        })
        .take(ROW_ERRORS_SHOWN)
        .map(|error| {
            json!([
                error["line"],
                error["column"],
                error["rule"],
                error["expected"],
                error["found"]
            ])
        })
        .collect();
    screen::line("\nRejected rows (bad on purpose), each with its line:");
    screen::line(&table::render(&json!({
        "columns": ["line", "column", "rule", "expected", "found"],
        "rows": rows,
    })));
    Ok(())
}
