//! CloudFormation's custom resource protocol: the request's members that matter, and the answer.

use serde::{Deserialize, Serialize};

/// What CloudFormation asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// Create, Update or Delete.
    pub request_type: RequestType,
    /// Where the answer goes (a presigned PUT).
    #[serde(rename = "ResponseURL")]
    pub response_url: String,
    /// The stack.
    pub stack_id: String,
    /// The request.
    pub request_id: String,
    /// The resource in the template.
    pub logical_resource_id: String,
    /// The resource as we named it; none at Create.
    pub physical_resource_id: Option<String>,
    /// The resource's properties.
    pub resource_properties: Properties,
}

/// The kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// Its properties have changed, or are being rolled back.
    Update,
    /// It goes, maybe with the database.
    Delete,
}

/// Properties of `Custom::Migration`; CloudFormation hands every value over as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The schema version to reach.
    pub target_version: String,
    /// `true` to seed the demonstration's specs.
    #[serde(default)]
    pub seed: String,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer<'a> {
    /// SUCCESS or FAILED.
    pub status: &'static str,
    /// Why it failed.
    pub reason: String,
    /// The resource as we name it: always the same, so that an update never replaces it.
    pub physical_resource_id: &'a str,
    /// The stack.
    pub stack_id: &'a str,
    /// The request.
    pub request_id: &'a str,
    /// The resource in the template.
    pub logical_resource_id: &'a str,
    /// What the template can read.
    pub data: serde_json::Value,
}

/// The name of the resource.
pub const PHYSICAL_RESOURCE_ID: &str = "millrace-schema";

impl Request {
    /// The answer to this request.
    #[must_use]
    pub fn answer(&self, outcome: Result<serde_json::Value, String>) -> Answer<'_> {
        let (status, reason, data) = match outcome {
            Ok(data) => ("SUCCESS", String::new(), data),
            Err(reason) => ("FAILED", reason, serde_json::json!({})),
        };
        Answer {
            status,
            reason,
            physical_resource_id: self
                .physical_resource_id
                .as_deref()
                .unwrap_or(PHYSICAL_RESOURCE_ID),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data,
        }
    }
}

/// Sends an answer to CloudFormation.
///
/// # Errors
/// [`reqwest::Error`] when it was not taken: CloudFormation then waits until its own time-out.
pub async fn send(url: &str, answer: &Answer<'_>) -> Result<(), reqwest::Error> {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    // The presigned address was signed without a content type.
    let request = reqwest::Client::new()
        .put(url)
        .header("content-type", "")
        .body(body);
    request.send().await?.error_for_status().map(|_| ())
}
