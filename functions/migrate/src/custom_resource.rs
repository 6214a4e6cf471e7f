//! CloudFormation's custom resource protocol: the request's members that matter, and the answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Two tries and a pause fit into the time that is kept for the answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(3);

/// Of a request, what its answer needs; read member by member, so that a request that makes no sense is answered too.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Where the answer goes (a presigned PUT).
    pub response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: String,
}

/// What CloudFormation asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "RequestType")]
pub enum Request {
    /// The resource is new.
    Create {
        /// Its properties.
        #[serde(rename = "ResourceProperties")]
        properties: Properties,
    },
    /// Its properties have changed, or are being rolled back.
    Update {
        /// Its properties now.
        #[serde(rename = "ResourceProperties")]
        properties: Properties,
    },
    /// It goes, maybe with the database; whatever its properties are.
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
    pub data: Value,
}

/// The name of the resource.
pub const PHYSICAL_RESOURCE_ID: &str = "millrace-schema";

/// CloudFormation takes 4 KiB with everything, and people read the beginning.
const REASON_CHARACTERS: usize = 1_000;
/// Bytes of a character outside ASCII, or of an escaped one, at most.
const LONG_CHARACTER: usize = 6;

impl Envelope {
    /// The envelope of a custom resource request; none for a call by hand.
    #[must_use]
    pub fn of(payload: &Value) -> Option<Self> {
        let member = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            response_url: member("ResponseURL")?,
            stack_id: member("StackId").unwrap_or_default(),
            request_id: member("RequestId").unwrap_or_default(),
            logical_resource_id: member("LogicalResourceId").unwrap_or_default(),
            physical_resource_id: member("PhysicalResourceId")
                .unwrap_or_else(|| PHYSICAL_RESOURCE_ID.to_owned()),
        })
    }

    /// The answer to this request.
    #[must_use]
    pub fn answer(&self, outcome: Result<Value, String>) -> Answer<'_> {
        let (status, reason, data) = match outcome {
            Ok(data) => ("SUCCESS", String::new(), data),
            Err(reason) => ("FAILED", shortened(&reason), serde_json::json!({})),
        };
        Answer {
            status,
            reason,
            physical_resource_id: &self.physical_resource_id,
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data,
        }
    }
}

/// The beginning of a text, short also when every character is a long one.
fn shortened(text: &str) -> String {
    let mut left = REASON_CHARACTERS;
    let fits = |character: &char| {
        let is_short = character.is_ascii() && !character.is_ascii_control();
        let cost = if is_short { 1 } else { LONG_CHARACTER };
        let rest = left.checked_sub(cost);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let kept: String = text.chars().take_while(fits).collect();
    if kept.len() == text.len() {
        return kept;
    }
    format!("{kept}…")
}

/// Sends an answer to CloudFormation; a repeat changes nothing.
///
/// # Errors
/// [`reqwest::Error`], without the signed address, when it was not taken: CloudFormation then waits until its own
/// time-out.
pub async fn send(url: &str, answer: &Answer<'_>) -> Result<(), reqwest::Error> {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    // The presigned address was signed without a content type.
    let request = reqwest::Client::new()
        .put(url)
        .timeout(SEND_TIMEOUT)
        .header("content-type", "")
        .body(body);
    let answered = request.send().await.and_then(reqwest::Response::error_for_status);
    answered.map(|_| ()).map_err(reqwest::Error::without_url)
}
