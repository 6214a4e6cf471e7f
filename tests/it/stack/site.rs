//! A site of the stack's source server, and the source that lists it.

use std::time::Duration;

use millrace_tests::specs;
use millrace_tests::stack::{Api, AttendanceSpecs, Model, Row, Stack, assert_through, csv, unique, wait_for};
use serde_json::{Value, json};

/// How long a run, and a file that it fetched, may take.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);

/// A site of the stack's source server, and the source that lists it.
pub(super) struct Site<'a> {
    pub(super) stack: &'a Stack,
    pub(super) api: Api,
    pub(super) specs: AttendanceSpecs,
    pub(super) source: String,
    pub(super) http: reqwest::Client,
    pub(super) files: Vec<Value>,
    pub(super) model: Model,
}

impl<'a> Site<'a> {
    pub(super) async fn new(stack: &'a Stack, stem: &str) -> Self {
        let api = stack.api();
        let attendance = AttendanceSpecs::create(&api, stem).await;
        attendance.send_schools(&api, 8).await;
        let source = unique(stem);
        let list = format!("{}/sites/{source}/", stack.source_url);
        let mut body = specs::source(&source, &list, &attendance.attendance);
        body["content"] = json!({"begins_with": "date,"});
        body["max_file_bytes"] = json!(200_000);
        body["environment"] = json!({"private_addresses": true, "plain_http": true});
        api.create_spec(&body).await;
        Self {
            stack,
            api,
            specs: attendance,
            source,
            http: reqwest::Client::new(),
            files: Vec::new(),
            model: Model::default(),
        }
    }

    /// Lists a file; the model has its rows unless it is never to come in.
    pub(super) fn add(&mut self, number: usize, rows: &[Row], fault: &Value) {
        let name = format!("f{number}-2024-01-{:02}.csv", number % 28 + 1);
        self.put(&name, rows, fault);
    }

    /// Lists a file, also one that is listed, and what the model has of it.
    pub(super) fn put(&mut self, name: &str, rows: &[Row], fault: &Value) {
        self.remove(name);
        self.model.set(name, rows);
        self.files
            .push(json!({"name": name, "published": "2024-01-01", "content": csv(rows), "fault": fault}));
    }

    /// Lists a file no more.
    pub(super) fn remove(&mut self, name: &str) {
        self.model.remove(name);
        self.files.retain(|file| file["name"] != name);
    }

    pub(super) async fn publish(&self) {
        let url = format!("{}/_control/sites/{}", self.stack.source_url, self.source);
        let body = json!({"files": self.files}).to_string();
        let answer = self.http.put(&url).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}");
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/api/sources/{}/{rest}", self.source)
    }

    pub(super) async fn begin(&self) -> String {
        let answer = self.api.post(&self.path("run"), &json!({})).await;
        answer.expect(202)["run_id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn over(&self, run_id: &str) -> Value {
        let path = self.path(&format!("runs/{run_id}"));
        wait_for("a run", SETTLED_WITHIN, || async {
            let run = self.api.get(&path).await;
            let is_over = run.status == 200 && !["queued", "running"].contains(&run.body["state"].as_str()?);
            is_over.then_some(run.body)
        })
        .await
    }

    pub(super) async fn registry(&self) -> Vec<Value> {
        let page = self.api.get(&self.path("files?limit=1000")).await;
        page.expect(200)["items"].as_array().unwrap().clone()
    }

    /// Every file of the registry is through, and readers see what the files hold, each once.
    pub(super) async fn assert_exact(&self) {
        for entry in self.registry().await {
            assert_eq!(entry["state"], "held", "{entry}");
            assert_eq!(entry["error"], Value::Null, "{entry}");
            let file = self
                .api
                .settled(entry["file_id"].as_str().unwrap(), SETTLED_WITHIN)
                .await;
            assert_through(&file);
        }
        assert_eq!(self.registry().await.len(), self.files.len());
        self.model.assert_served(&self.api, &self.specs.by_school).await;
        let versions = format!(
            "select count(*) from ingestion.file_tracker where ingestion_name = '{}'",
            self.specs.attendance
        );
        let versions = self.stack.sql().await.number(&versions).await;
        assert_eq!(
            usize::try_from(versions).unwrap(),
            self.files.len(),
            "file versions"
        );
    }
}
