//! Decoding of the pdf queue's messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::render_document::{Delivery, render_document};
use millrace_core::message::{Envelope, PdfMessage};
use millrace_lambda::batch::{self, HandleError, Message, decode};

use crate::deps::Deps;

/// The first back-off after a failure, in seconds.
const BACK_OFF_SECONDS: u32 = 3;

/// The last delivery before the queue gives a message up: its `maxReceiveCount`, which a template test compares.
pub const LAST_ATTEMPT: u32 = 10;

/// Handles a batch; `deadline_ms` is when the function is ended, in milliseconds since 1970.
pub async fn handle(trigger: SqsEvent, deadline_ms: u64, deps: &Deps) -> SqsBatchResponse {
    batch::each(trigger, &deps.queues, BACK_OFF_SECONDS, |message| {
        handle_message(message, deadline_ms, deps)
    })
    .await
}

async fn handle_message(message: Message, deadline_ms: u64, deps: &Deps) -> Result<Disposition, HandleError> {
    let envelope: Envelope<PdfMessage> = decode(&message.body)?;
    let PdfMessage::RenderDocument { document_id } = envelope.message;
    let delivery = Delivery {
        is_last: message.attempt >= LAST_ATTEMPT,
        deadline_ms,
    };
    Ok(render_document(&deps.ports(), document_id, delivery).await?)
}
