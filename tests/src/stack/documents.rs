//! Documents through the API: ordered, waited for, downloaded.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, wait_for};

/// What lay at an address.
#[derive(Debug, Clone)]
pub struct Download {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// How it is to be saved.
    pub disposition: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Api {
    /// Has a document made of a query; its id.
    pub async fn order_document(&self, title: &str, query: Value) -> String {
        let order = json!({"kind": "kpi", "title": title, "query": query});
        let answer = self.post("/api/documents", &order).await;
        answer.expect(202)["document_id"].as_str().unwrap().to_owned()
    }

    /// Waits until a document is ready or has failed; answers that for a while go unheard.
    pub async fn settled_document(&self, document_id: &str, patience: Duration) -> Value {
        let path = format!("/api/documents/{document_id}");
        let look = || async {
            let answer = self.try_send(Method::GET, &path, &[], Vec::new()).await?;
            let state = answer.body["state"].as_str().unwrap_or_default();
            (answer.status == 200 && ["ready", "failed"].contains(&state)).then_some(answer.body)
        };
        wait_for(&format!("{path} is at its end"), patience, look).await
    }

    /// Downloads what lies at an address, without a token.
    pub async fn download(address: &str) -> Download {
        let response = reqwest::get(address).await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        Download {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            disposition: header("content-disposition"),
            bytes: response.bytes().await.unwrap().to_vec(),
        }
    }
}
