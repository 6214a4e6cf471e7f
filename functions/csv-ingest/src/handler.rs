//! Decoding of the ingest and chunk queues' messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::arrive::{take_drop, take_object};
use millrace_app::hops::HopSender;
use millrace_app::ingest::{ingest_file, plan_on, validate_chunk};
use millrace_core::message::{ChunkMessage, Envelope, IngestMessage};
use millrace_lambda::batch::{self, HandleError, Message};
use millrace_lambda::s3_event::created_objects;
use serde::Deserialize;

use crate::deps::{Deps, RECEIVES};

/// The first back-off after a failure, in seconds.
const BACK_OFF_SECONDS: u32 = 3;

/// What both queues carry: our own messages, or S3's notifications.
#[derive(Deserialize)]
#[serde(untagged)]
enum Work {
    Chunk(Envelope<ChunkMessage>),
    Ingest(Envelope<IngestMessage>),
}

/// Handles a batch of either queue.
pub async fn handle(trigger: SqsEvent, deps: &Deps) -> SqsBatchResponse {
    batch::each(trigger, &deps.queues, BACK_OFF_SECONDS, |message| {
        handle_message(message, deps)
    })
    .await
}

async fn handle_message(message: Message, deps: &Deps) -> Result<Disposition, HandleError> {
    let sender = HopSender::behind(&message.body, deps.sender.as_ref(), RECEIVES);
    let ports = deps.ports(&sender);
    if let Ok(work) = serde_json::from_str(&message.body) {
        return match work {
            Work::Chunk(Envelope { message, .. }) => match message {
                ChunkMessage::ValidateChunk { file, range, point } => {
                    Ok(validate_chunk(&ports, file, range, point.as_ref()).await?)
                }
                ChunkMessage::PlanOn { file, at } => Ok(plan_on(&ports, file, at).await?),
            },
            Work::Ingest(Envelope {
                message: IngestMessage::IngestFile { file },
                ..
            }) => Ok(ingest_file(&ports, file).await?),
            Work::Ingest(Envelope {
                message: IngestMessage::TakeDrop { drop_id },
                ..
            }) => Ok(take_drop(&ports, drop_id).await?),
        };
    }
    // Not ours, so it has to be S3's; what is neither goes to the dead-letter queue.
    let arrived =
        created_objects(&message.body).map_err(|error| HandleError::Undecodable(error.to_string()))?;
    let mut disposition = Disposition::Done;
    for object in arrived {
        let handled = take_object(&ports, &object).await?;
        if let Disposition::Reject(_) = handled {
            disposition = handled;
        }
    }
    Ok(disposition)
}
