//! Decoding of the fetch queue's messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::fetch::fetch_source;
use millrace_app::hops::HopSender;
use millrace_app::sources::begin_all;
use millrace_core::message::{Envelope, FetchMessage};
use millrace_lambda::batch::{self, HandleError, Message, decode};

use crate::deps::{Deps, RECEIVES};

/// The first back-off after a failure, in seconds.
const BACK_OFF_SECONDS: u32 = 3;

/// Handles a batch; `deadline_ms` is when the function is ended, in milliseconds since 1970.
pub async fn handle(trigger: SqsEvent, deadline_ms: u64, deps: &Deps) -> SqsBatchResponse {
    batch::each(trigger, &deps.queues, BACK_OFF_SECONDS, |message| {
        handle_message(message, deadline_ms, deps)
    })
    .await
}

async fn handle_message(message: Message, deadline_ms: u64, deps: &Deps) -> Result<Disposition, HandleError> {
    let envelope: Envelope<FetchMessage> = decode(&message.body)?;
    let sender = HopSender::behind(&message.body, deps.sender.as_ref(), RECEIVES);
    let disposition = match envelope.message {
        FetchMessage::FetchAll {} => begin_all(&deps.run_ports(&sender), &message.message_id).await,
        FetchMessage::FetchSource { source, run_id } => {
            fetch_source(&deps.fetch_ports(&sender), &source, run_id, deadline_ms).await
        }
    };
    Ok(disposition?)
}
