//! Secrets for the Data API endpoint, from the emulator's Secrets Manager.

use std::time::Duration;

use async_trait::async_trait;
use millrace_data_api::{Credentials, SecretError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulator::{ACCESS_KEY, REGION};

/// Asks the emulator for each secret. What it answers is remembered by the endpoint itself.
#[derive(Debug)]
pub(crate) struct SecretSource {
    client: reqwest::Client,
    endpoint: String,
}

#[derive(Deserialize)]
struct SecretString {
    username: String,
    password: String,
}

impl SecretSource {
    /// # Errors
    /// When there can be no client.
    pub(crate) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            endpoint: endpoint.to_owned(),
        })
    }

    /// The emulator checks no signature of its own administrator, also where it enforces policies; it only reads whose
    /// key it is.
    async fn ask(&self, arn: &str) -> Result<Value, reqwest::Error> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/secretsmanager/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let request = self
            .client
            .post(&self.endpoint)
            .header("Authorization", authorization)
            .header("X-Amz-Target", "secretsmanager.GetSecretValue")
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(json!({ "SecretId": arn }).to_string());
        let text = request.send().await?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

#[async_trait]
impl millrace_data_api::SecretSource for SecretSource {
    async fn credentials(&self, arn: &str) -> Result<Credentials, SecretError> {
        let answer = self
            .ask(arn)
            .await
            .map_err(|error| SecretError::Unavailable(error.to_string()))?;
        let Some(text) = answer["SecretString"].as_str() else {
            let message = answer["message"].as_str().or(answer["Message"].as_str());
            let message = message.unwrap_or("Secrets Manager can't find the specified secret.");
            return Err(SecretError::Unavailable(message.to_owned()));
        };
        let secret: SecretString = serde_json::from_str(text)
            .map_err(|_| SecretError::Invalid("the secret holds no username and password".to_owned()))?;
        Ok(Credentials {
            username: secret.username,
            password: secret.password,
        })
    }
}
