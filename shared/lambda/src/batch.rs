//! SQS batches: every message on its own, one disposition each; a panic or a failure touches no other message.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt as _;
use millrace_app::Disposition;
use millrace_aws::Queues;
use millrace_core::failure::Failure;

use crate::telemetry::chain;

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

/// Why a message was not handled.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The payload cannot be decoded: it goes to the dead-letter queue.
    #[error("the payload cannot be decoded")]
    Undecodable(#[source] serde_json::Error),
    /// Something could not be done.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Decodes a payload.
///
/// # Errors
/// [`HandleError::Undecodable`].
pub fn decode<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, HandleError> {
    serde_json::from_str(body).map_err(HandleError::Undecodable)
}

/// Hands every message to `handle` and reports those that are to come again.
///
/// A failure lets its message be seen again after a back-off that doubles with every attempt. A payload that cannot
/// be decoded comes again at once, until the queue moves it to its dead-letter queue. `base_wait_seconds` is the
/// first back-off.
pub async fn each<F, H>(
    trigger: SqsEvent,
    queues: &Queues,
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
        let wait_seconds = match outcome {
            Ok(Ok(Disposition::Done)) => continue,
            Ok(Ok(Disposition::Reject(reason))) => {
                tracing::warn!(message.id = %message.message_id, reason, "message rejected");
                continue;
            }
            Ok(Err(error)) => {
                tracing::error!(message.id = %message.message_id, attempt = message.attempt, error = chain(&error), "message failed");
                match error {
                    HandleError::Undecodable(_) => 0,
                    HandleError::Failed(_) => back_off_seconds(message.attempt, base_wait_seconds),
                }
            }
            Err(_) => {
                tracing::error!(message.id = %message.message_id, attempt = message.attempt, "message handler panicked");
                back_off_seconds(message.attempt, base_wait_seconds)
            }
        };
        let seconds = u16::try_from(wait_seconds).unwrap_or(u16::MAX);
        if let Err(error) = queues
            .postpone(&message.queue_arn, &message.receipt, seconds)
            .await
        {
            tracing::warn!(message.id = %message.message_id, error = chain(&error), "back-off could not be set");
        }
        response.add_failure(message.message_id);
    }
    response
}

fn back_off_seconds(attempt: u32, base_seconds: u32) -> u32 {
    let doubled = base_seconds.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    doubled.min(LONGEST_WAIT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_WAIT_SECONDS, back_off_seconds};

    #[test]
    fn the_back_off_doubles_up_to_its_limit() {
        let waits: Vec<u32> = (1..=5).map(|attempt| back_off_seconds(attempt, 2)).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32]);
        assert_eq!(back_off_seconds(40, 2), LONGEST_WAIT_SECONDS);
        assert_eq!(back_off_seconds(0, 1), 1);
    }
}
