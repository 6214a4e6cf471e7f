//! The example source: its spec, a run, and what came in.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use millrace_source_server::example;
use serde_json::{Value, json};

use super::EVENT;
use super::client::Api;
use super::table;
use crate::clock::pause;
use crate::screen;
use crate::status::Status;

/// The source's name, which its files' names begin with.
pub(super) const SOURCE: &str = "example_source";
const RUN_PATIENCE: Duration = Duration::from_secs(120);
const ASK_EVERY: Duration = Duration::from_millis(150);
/// How long after a run that was skipped the next one begins.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Makes the source's spec if it is not there, runs it, waits until what it fetched is through, and shows the run.
///
/// # Errors
/// When the API does not answer as it must, or a listed file is not held afterwards.
pub(super) fn run(api: &Api, status: &Status) -> anyhow::Result<()> {
    let source = create(api, status)?;
    let run = wait_completed(api, &source)?;
    let files = run["files"].as_array().cloned().unwrap_or_default();
    for file in &files {
        ensure!(
            file["state"] != "failed" && file["state"] != "waiting",
            "{} was not fetched: {}",
            file["file_name"],
            file["error"]
        );
        let name = file["file_name"].as_str().unwrap_or("?");
        let detail = api.wait_final(file["file_id"].as_str().unwrap_or_default(), name)?;
        ensure!(
            detail["status"] != "Error",
            "{name} was refused: {}",
            detail["error"]
        );
    }
    screen::line(&format!(
        "\nThe source {source}, by its list at {}:",
        list_url(status)
    ));
    let rows: Vec<Value> = files
        .iter()
        .map(|file| {
            json!([
                file["position"],
                file["file_name"],
                file["state"],
                file["size_bytes"]
            ])
        })
        .collect();
    screen::line(&table::render(&json!({
        "columns": ["place", "file", "came in as", "bytes"],
        "rows": rows,
    })));
    Ok(())
}

fn list_url(status: &Status) -> String {
    format!("{}/sites/{}/", status.source_url, example::SITE)
}

/// The spec; where the port has moved since, it stands under another name.
fn create(api: &Api, status: &Status) -> anyhow::Result<String> {
    let host = status.source_url.trim_start_matches("http://");
    for name in [
        SOURCE.to_owned(),
        format!("{SOURCE}_{}", host.rsplit(':').next().unwrap_or_default()),
    ] {
        let body = json!({
            "ingestion_type": "source", "source_name": name,
            "description": "Three days of attendance, from the local stack's own server",
            "list": {"kind": "html", "url": list_url(status),
                "pattern": r"/attendance-(?<date>\d{4}-\d{2}-\d{2})\.csv$", "date_format": "YYYY-MM-DD"},
            "target": {"ingestion_type": "event", "ingestion_name": EVENT},
            "allowed_hosts": [host],
            "content": {"types": ["text/csv"], "begins_with": "date,"},
            "environment": {"private_addresses": true, "plain_http": true},
        });
        let answer = api.post("/spec/source", &body)?;
        match answer.status.as_u16() {
            200 | 201 => {
                screen::step(&format!("source spec {name}"));
                return Ok(name);
            }
            409 => {}
            _ => bail!("POST /spec/source: {} {}", answer.status, answer.body),
        }
    }
    bail!("the source's name stands for another source")
}

/// Runs the source to its end. One that is skipped says that another one is on its way, and has that driven on: once it
/// is over, the next one goes through.
fn wait_completed(api: &Api, source: &str) -> anyhow::Result<Value> {
    let begin = Instant::now();
    let mut path = begin_run(api, source)?;
    loop {
        let run = api.get(&path)?;
        match run["state"].as_str().unwrap_or_default() {
            "completed" => return Ok(run),
            "failed" => bail!("the run did not go well: {}", run["error"]),
            state if begin.elapsed() > RUN_PATIENCE => {
                bail!("the run is still {state}: see cargo local logs nightly-fetcher")
            }
            "skipped" => {
                pause(AGAIN_AFTER);
                path = begin_run(api, source)?;
            }
            _ => pause(ASK_EVERY),
        }
    }
}

/// Begins a run; the path by which it is followed.
fn begin_run(api: &Api, source: &str) -> anyhow::Result<String> {
    let begun = api.post(&format!("/api/sources/{source}/run"), &json!({}))?;
    ensure!(
        begun.status.as_u16() == 202,
        "POST /api/sources/{source}/run: {} {}",
        begun.status,
        begun.body
    );
    let answer = begun.json();
    let run_id = answer["run_id"].as_str().context("the answer has no run_id")?;
    Ok(format!("/api/sources/{source}/runs/{run_id}"))
}
