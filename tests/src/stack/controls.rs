//! Faults and holds at the Data API endpoint, over its control routes.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::wait_until;

/// The control routes.
#[derive(Debug, Clone)]
pub struct Controls {
    http: Client,
    base: String,
}

/// Calls that wait at a point.
#[derive(Debug)]
pub struct Hold {
    controls: Controls,
    id: u64,
}

impl Controls {
    pub(super) fn new(base: &str) -> Self {
        Self {
            http: Client::new(),
            base: base.to_owned(),
        }
    }

    async fn call(&self, method: Method, name: &str, body: Value) -> Value {
        let url = format!("{}/{name}", self.base);
        let request = self.http.request(method, &url).body(body.to_string());
        let answer = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Adds a fault, as the endpoint's `FaultRule` is written.
    pub async fn fault(&self, rule: Value) {
        self.call(Method::POST, "faults", rule).await;
    }

    /// How many calls the faults have hit.
    pub async fn hits(&self) -> u64 {
        let faults = self.call(Method::GET, "faults", json!({})).await;
        let hits = faults["faults"].as_array().into_iter().flatten();
        hits.filter_map(|fault| fault["hits"].as_u64()).sum()
    }

    /// Removes all faults.
    pub async fn clear_faults(&self) {
        self.call(Method::DELETE, "faults", json!({})).await;
    }

    /// Blocks calls whose text holds `matching` at a point (`before` or `after_commit`), at most `count`.
    pub async fn hold(&self, matching: &str, at: &str, count: u64) -> Hold {
        let answer = self
            .call(
                Method::POST,
                "hold",
                json!({"match": matching, "at": at, "count": count}),
            )
            .await;
        Hold {
            controls: self.clone(),
            id: answer["id"].as_u64().unwrap(),
        }
    }

    /// Lets every held call go on.
    pub async fn release_all(&self) {
        let holds = self.call(Method::GET, "holds", json!({})).await;
        for hold in holds["holds"].as_array().into_iter().flatten() {
            self.call(Method::POST, "release", json!({"id": hold["id"]}))
                .await;
        }
    }
}

impl Hold {
    /// How many calls wait now.
    pub async fn waiting(&self) -> u64 {
        let holds = self.controls.call(Method::GET, "holds", json!({})).await;
        let holds = holds["holds"].as_array().into_iter().flatten();
        let mut ours = holds.filter(|hold| hold["id"].as_u64() == Some(self.id));
        ours.next().and_then(|hold| hold["waiting"].as_u64()).unwrap_or(0)
    }

    /// Waits until so many calls wait; says whether they do.
    pub async fn reached(&self, calls: u64, patience: Duration) -> bool {
        wait_until(patience, || async { self.waiting().await >= calls }).await
    }

    /// Lets the calls go on: whoever made them may be dead by now, and they take effect all the same.
    pub async fn release(self) {
        self.controls
            .call(Method::POST, "release", json!({"id": self.id}))
            .await;
    }

    /// Cuts the calls' connections: those held before never happen.
    pub async fn discard(self) {
        self.controls
            .call(Method::POST, "release", json!({"id": self.id, "discard": true}))
            .await;
    }
}
