//! Decoding of the pdf queue's messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::render_document::render_document;
use millrace_core::message::{Envelope, PdfMessage};
use millrace_lambda::batch::{self, HandleError, Message, decode};

use crate::deps::Deps;

/// The first back-off after a failure, in seconds.
const BACK_OFF_SECONDS: u32 = 3;

/// The last delivery before the queue gives a message up: its `maxReceiveCount`, which a template test compares.
pub const LAST_ATTEMPT: u32 = 10;

/// Handles a batch.
pub async fn handle(trigger: SqsEvent, deps: &Deps) -> SqsBatchResponse {
    batch::each(trigger, &deps.queues, BACK_OFF_SECONDS, |message| {
        handle_message(message, deps)
    })
    .await
}

async fn handle_message(message: Message, deps: &Deps) -> Result<Disposition, HandleError> {
    let envelope: Envelope<PdfMessage> = decode(&message.body)?;
    let PdfMessage::RenderDocument { document_id } = envelope.message;
    let is_last_attempt = message.attempt >= LAST_ATTEMPT;
    Ok(render_document(&deps.ports(), document_id, is_last_attempt).await?)
}
