//! The API, as a program of a provider would use it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::clock::pause;
use crate::http::{Answer, Http};
use crate::screen;
use crate::status::Status;

const HEALTH_PATIENCE: Duration = Duration::from_secs(60);
const FILE_PATIENCE: Duration = Duration::from_secs(180);
const ASK_EVERY: Duration = Duration::from_millis(150);
const DOCUMENT_PATIENCE: Duration = Duration::from_secs(60);
const FINAL: [&str; 3] = ["Ready_to_archive", "Archived", "Error"];

/// A file to send.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) content: String,
}

/// A caller with a token.
#[derive(Debug)]
pub(super) struct Api {
    http: Http,
    base: String,
    authorization: String,
}

impl Api {
    pub(super) fn new(status: &Status) -> anyhow::Result<Self> {
        Ok(Self {
            http: Http::new()?,
            base: status.api_url.clone(),
            authorization: format!("Bearer {}", status.token),
        })
    }

    fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let headers = [
            ("Authorization", self.authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        let bytes = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let headers = if body.is_some() {
            &headers[..]
        } else {
            &headers[..1]
        };
        self.http
            .send(method, &format!("{}{path}", self.base), headers, bytes)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.call(&Method::POST, path, Some(body))
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.call(&Method::GET, path, None)?;
        ensure!(
            answer.status.is_success(),
            "GET {path}: {} {}",
            answer.status,
            answer.body
        );
        Ok(answer.json())
    }

    /// Waits until the API says that it can reach all it needs.
    pub(super) fn wait_healthy(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let last = self.call(&Method::GET, "/health", None);
            if last.as_ref().is_ok_and(|answer| answer.status.is_success()) {
                return Ok(());
            }
            if begin.elapsed() > HEALTH_PATIENCE {
                let found = last.map_or_else(|error| format!("{error:#}"), |answer| answer.body);
                bail!(
                    "the API is not healthy after {} s: {found}\n(cargo local logs api)",
                    HEALTH_PATIENCE.as_secs()
                );
            }
            pause(ASK_EVERY);
        }
    }

    /// Asks for an address and sends the file to it, unless it was sent before. Returns its id and whether it was.
    pub(super) fn send(&self, file: &Sent) -> anyhow::Result<(String, bool)> {
        let mut order = json!({
            "ingestion_type": file.kind,
            "ingestion_name": file.name,
            "file_name": file.file,
            "mode": "new",
        });
        let mut answer = self.post("/ingestion/uploads", &order)?;
        if answer.status.as_u16() == 409 && answer.json()["code"] == "file_exists" {
            let file_id = answer.json()["file_id"].as_str().unwrap_or_default().to_owned();
            let detail = self.get(&format!("/ingestion/files/{file_id}"))?;
            // An upload that was cut short is asked for again; anything else is on its way or through.
            if !["Upload_in_progress", "Error"].contains(&detail["status"].as_str().unwrap_or_default()) {
                return Ok((file_id, true));
            }
            order["mode"] = json!("replace");
            order["file_id"] = json!(file_id);
            answer = self.post("/ingestion/uploads", &order)?;
        }
        ensure!(
            answer.status.as_u16() == 201,
            "POST /ingestion/uploads: {} {}",
            answer.status,
            answer.body
        );
        let opened = answer.json();
        self.put(&opened["upload"], &file.content)?;
        let file_id = opened["file_id"].as_str().context("the answer has no file_id")?;
        Ok((file_id.to_owned(), false))
    }

    fn put(&self, upload: &Value, content: &str) -> anyhow::Result<()> {
        let url = upload["url"].as_str().context("the answer has no upload.url")?;
        let headers: Vec<(&str, &str)> = upload["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
            .collect();
        let answer = self
            .http
            .send(&Method::PUT, url, &headers, content.as_bytes().to_vec())?;
        ensure!(
            answer.status.is_success(),
            "PUT of the file: {} {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// Waits until a file is through, showing how far it is.
    pub(super) fn wait_final(&self, file_id: &str, name: &str) -> anyhow::Result<Value> {
        let progress = progress_bar();
        let begin = Instant::now();
        let mut shown = String::new();
        loop {
            let detail = self.get(&format!("/ingestion/files/{file_id}"))?;
            let status = detail["status"].as_str().unwrap_or("?").to_owned();
            if FINAL.contains(&status.as_str()) {
                progress.finish_and_clear();
                return Ok(detail);
            }
            if status != shown {
                progress.set_message(format!("{name}: {status}"));
                if !screen::is_watched() {
                    screen::step(&format!("{name}: {status}"));
                }
                shown = status;
            }
            progress.tick();
            if begin.elapsed() > FILE_PATIENCE {
                progress.finish_and_clear();
                bail!(
                    "{name} is still {shown} after {} s: see cargo local logs csv-ingest, perf-worker, status-updater",
                    FILE_PATIENCE.as_secs()
                );
            }
            pause(ASK_EVERY);
        }
    }

    /// Has a document made, unless it was under the same key. Returns its id.
    pub(super) fn order_document(&self, order: &Value, key: &str) -> anyhow::Result<String> {
        let headers = [
            ("Authorization", self.authorization.as_str()),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", key),
        ];
        let address = format!("{}/api/documents", self.base);
        let body = order.to_string().into_bytes();
        let answer = self.http.send(&Method::POST, &address, &headers, body)?;
        ensure!(
            answer.status.as_u16() == 202,
            "POST /api/documents: {} {}",
            answer.status,
            answer.body
        );
        let ordered = answer.json();
        let document_id = ordered["document_id"].as_str();
        Ok(document_id.context("the answer has no document_id")?.to_owned())
    }

    /// Waits for a document's content and downloads it.
    pub(super) fn wait_document(&self, document_id: &str) -> anyhow::Result<Vec<u8>> {
        let begin = Instant::now();
        let path = format!("/api/documents/{document_id}/content");
        loop {
            let answer = self.call(&Method::GET, &path, None)?;
            match (answer.status.as_u16(), &answer.location) {
                (303, Some(address)) => return self.http.download(address),
                (202, _) if begin.elapsed() < DOCUMENT_PATIENCE => pause(ASK_EVERY),
                (202, _) => bail!(
                    "the document is still {} after {} s: see cargo local logs pdf-generator",
                    answer.json()["state"],
                    DOCUMENT_PATIENCE.as_secs()
                ),
                _ => bail!("GET {path}: {} {}", answer.status, answer.body),
            }
        }
    }

    /// Whether files were sent for an event that have other names, and are not of a source (the first page tells enough).
    pub(super) fn has_other_files(&self, event: &str, file: &str, source: &str) -> anyhow::Result<bool> {
        let page = self.get("/ingestion/files?limit=200")?;
        let is_fetched = |item: &Value| {
            let name = item["file_name"].as_str().unwrap_or_default();
            name.strip_prefix(source)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let is_other =
            |item: &Value| item["ingestion_name"] == event && item["file_name"] != file && !is_fetched(item);
        Ok(page["items"]
            .as_array()
            .is_some_and(|items| items.iter().any(is_other)))
    }

    pub(super) fn kpis(&self, dataset: &str, query: &str) -> anyhow::Result<Value> {
        self.get(&format!("/kpis/{dataset}?{query}"))
    }
}

/// A line that is redrawn for a person, and nothing otherwise.
fn progress_bar() -> ProgressBar {
    if !screen::is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar
}
