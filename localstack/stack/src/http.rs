//! HTTP for programs that otherwise block: one client, one small runtime.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    /// Where it sends its caller on to.
    pub(crate) location: Option<String>,
}

impl Answer {
    /// The body as JSON; null when it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// A blocking client.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Http {
    /// # Errors
    /// When the system refuses a runtime.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = Client::builder()
            .timeout(Duration::from_secs(60))
            .no_proxy()
            // A token is for the API alone, not for where it sends its caller.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, runtime })
    }

    /// Whether anything answers at `address` with success.
    pub(crate) fn answers(&self, address: &str) -> bool {
        let request = self.client.get(address).timeout(Duration::from_secs(2));
        // Made inside the runtime: the time-out needs its clock.
        let answer = self.runtime.block_on(async { request.send().await });
        answer.is_ok_and(|response| response.status().is_success())
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When no answer comes.
    pub(crate) fn send(
        &self,
        method: &Method,
        address: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let mut request = self.client.request(method.clone(), address).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let read = async {
            let response = request.send().await?;
            let status = response.status();
            let location = response.headers().get("location");
            let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
            Ok::<_, reqwest::Error>(Answer {
                status,
                location,
                body: response.text().await?,
            })
        };
        self.runtime
            .block_on(read)
            .with_context(|| format!("{method} {address}"))
    }

    /// Reads what lies at an address that needs no token.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) fn download(&self, address: &str) -> anyhow::Result<Vec<u8>> {
        let read = async {
            let response = self.client.get(address).send().await?.error_for_status()?;
            response.bytes().await
        };
        // Without the address: whoever has it may read.
        let bytes = self.runtime.block_on(read).map_err(reqwest::Error::without_url);
        Ok(bytes.context("downloading")?.to_vec())
    }
}
