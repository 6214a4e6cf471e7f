//! Decoding of the perf queue's messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::contribute::contribute;
use millrace_app::hops::HopSender;
use millrace_app::load_dimension::load_dimension;
use millrace_core::message::{Envelope, PerfMessage};
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
    let sender = HopSender::behind(&message.body, deps.sender.as_ref(), RECEIVES);
    let ports = deps.ports(&sender);
    let envelope: Envelope<PerfMessage> = decode(&message.body)?;
    Ok(match envelope.message {
        PerfMessage::Aggregate { file, dataset } => contribute(&ports, file, &dataset).await?,
        PerfMessage::LoadDimension { file } => load_dimension(&ports, file).await?,
    })
}
