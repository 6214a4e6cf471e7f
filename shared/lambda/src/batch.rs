//! SQS batches: every message on its own, one disposition each; a panic or a failure touches no other message.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt as _;
use millrace_app::Disposition;
use millrace_aws::Queues;
use millrace_core::failure::Failure;

/// The longest that a message waits for its next attempt, in seconds.
const LONGEST_WAIT_SECONDS: u32 = 300;

/// A message as a handler sees it.
#[derive(Debug, Clone)]
pub struct Message {
    /// What was sent.
    pub body: String,
    /// The queue's ARN.
    pub queue_arn: String,
    /// The delivery's number, from 1.
    pub attempt: u32,
    /// SQS's id.
    pub message_id: String,
    receipt: String,
}

impl Message {
    fn new(message: SqsMessage) -> Self {
        let attempt = message
            .attributes
            .get("ApproximateReceiveCount")
            .and_then(|count| count.parse().ok());
        Self {
            body: message.body.unwrap_or_default(),
            queue_arn: message.event_source_arn.unwrap_or_default(),
            attempt: attempt.unwrap_or(1),
            message_id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
        }
    }
}

/// Why a message was not handled. What is displayed may be logged: it quotes neither payload nor rows.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The payload cannot be decoded, for the reason that is given: it goes to the dead-letter queue.
    #[error("the payload cannot be decoded: {0}")]
    Undecodable(String),
    /// Something could not be done.
    #[error("{0}")]
    Failed(#[from] Failure),
}

impl HandleError {
    /// How long the message waits for its next attempt.
    ///
    /// What time, another message, a deployment or an operator may mend waits longer each time. What none of them mends
    /// (a payload that cannot be decoded, a failure of our own making) comes again at once, and so is in the dead-letter
    /// queue within seconds.
    fn wait_seconds(&self, attempt: u32, base_seconds: u32) -> u32 {
        match self {
            Self::Failed(failure) if !failure.kind.is_hopeless() => back_off_seconds(attempt, base_seconds),
            Self::Failed(_) | Self::Undecodable(_) => 0,
        }
    }
}

/// Decodes a payload.
///
/// # Errors
/// [`HandleError::Undecodable`].
pub fn decode<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, HandleError> {
    serde_json::from_str(body).map_err(|error| {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        HandleError::Undecodable(format!("{kind:?} error at line {line} column {column}"))
    })
}

/// Sets back-offs.
#[async_trait]
pub trait Postpone: Send + Sync {
    /// Lets a received message be seen again after a while; `queue_arn` is where it came from.
    async fn postpone(&self, queue_arn: &str, receipt: &str, seconds: u16) -> Result<(), Failure>;
}

#[async_trait]
impl Postpone for Queues {
    async fn postpone(&self, queue_arn: &str, receipt: &str, seconds: u16) -> Result<(), Failure> {
        Self::postpone(self, queue_arn, receipt, seconds).await
    }
}

#[async_trait]
impl<T: Postpone + ?Sized> Postpone for Arc<T> {
    async fn postpone(&self, queue_arn: &str, receipt: &str, seconds: u16) -> Result<(), Failure> {
        self.as_ref().postpone(queue_arn, receipt, seconds).await
    }
}

/// Hands every message to `handle` and reports those that are to come again.
///
/// Transient failures, and those that somebody may mend, let their message be seen again after a back-off that doubles
/// with every attempt. A payload that cannot be decoded, a failure of our own making and a panic come again at once,
/// until the queue moves the message to its dead-letter queue. `base_wait_seconds` is the first back-off.
pub async fn each<F, H>(
    trigger: SqsEvent,
    queues: &dyn Postpone,
    base_wait_seconds: u32,
    handle: H,
) -> SqsBatchResponse
where
    H: Fn(Message) -> F,
    F: Future<Output = Result<Disposition, HandleError>>,
{
    let mut response = SqsBatchResponse::default();
    for message in trigger.records.into_iter().map(Message::new) {
        let outcome = AssertUnwindSafe(handle(message.clone())).catch_unwind().await;
        let Some(wait_seconds) = wait_after(&message, outcome, base_wait_seconds) else {
            continue;
        };
        let seconds = u16::try_from(wait_seconds).unwrap_or(u16::MAX);
        let postponed = queues
            .postpone(&message.queue_arn, &message.receipt, seconds)
            .await;
        if let Err(failure) = postponed {
            tracing::warn!(message.id = %message.message_id, error = %failure, "back-off could not be set");
        }
        response.add_failure(message.message_id);
    }
    response
}

/// How long a message waits for its next attempt, none when it is done with; says in the log what went wrong.
fn wait_after(
    message: &Message,
    outcome: Result<Result<Disposition, HandleError>, Box<dyn Any + Send>>,
    base_seconds: u32,
) -> Option<u32> {
    let (id, attempt) = (&message.message_id, message.attempt);
    match outcome {
        Ok(Ok(Disposition::Done)) => None,
        Ok(Ok(Disposition::DoneExcept(reason))) => {
            tracing::warn!(message.id = %id, reason, "message done in part");
            None
        }
        Ok(Ok(Disposition::Reject(reason))) => {
            tracing::warn!(message.id = %id, reason, "message rejected");
            None
        }
        Ok(Err(error)) => {
            let wait_seconds = error.wait_seconds(attempt, base_seconds);
            tracing::error!(message.id = %id, attempt, wait_seconds, error = %error, "message failed");
            Some(wait_seconds)
        }
        Err(_) => {
            tracing::error!(message.id = %id, attempt, wait_seconds = 0, "message handler panicked");
            Some(0)
        }
    }
}

fn back_off_seconds(attempt: u32, base_seconds: u32) -> u32 {
    let doubled = base_seconds.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    doubled.min(LONGEST_WAIT_SECONDS)
}

#[cfg(test)]
mod tests;
