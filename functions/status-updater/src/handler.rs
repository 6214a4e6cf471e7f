//! Decoding of the status queue's messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::hops::HopSender;
use millrace_app::track::track;
use millrace_core::message::{Envelope, StatusMessage};
use millrace_lambda::batch::{self, HandleError, Message, decode};

use crate::deps::{Deps, RECEIVES};

/// The first back-off after a failure, in seconds.
const BACK_OFF_SECONDS: u32 = 3;

/// Handles a batch.
pub async fn handle(trigger: SqsEvent, deps: &Deps) -> SqsBatchResponse {
    batch::each(trigger, &deps.queues, BACK_OFF_SECONDS, |message| {
        handle_message(message, deps)
    })
    .await
}

async fn handle_message(message: Message, deps: &Deps) -> Result<Disposition, HandleError> {
    let envelope: Envelope<StatusMessage> = decode(&message.body)?;
    let sender = HopSender::behind(&message.body, deps.sender.as_ref(), RECEIVES);
    Ok(track(&deps.ports(&sender), &envelope.message, &message.message_id).await?)
}
