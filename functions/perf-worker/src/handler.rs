//! Decoding of the perf queue's messages.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use millrace_app::Disposition;
use millrace_app::contribute::contribute;
use millrace_app::hops::HopSender;
use millrace_app::load_dimension::load_dimension;
use millrace_app::moves::{leave_landing, move_objects};
use millrace_app::ports::Surroundings as _;
use millrace_app::reconcile_daily::{Reconciliation, begin_reconciliation, go_on_reconciling};
use millrace_core::message::{Envelope, PerfMessage};
use millrace_lambda::batch::{self, HandleError, Message, decode};
use millrace_lambda::surroundings::Machine;
use millrace_lambda::telemetry;

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
    let sender = HopSender::behind(&message.body, deps.sender.as_ref(), RECEIVES);
    let ports = deps.ports(&sender, deadline_ms);
    let moving = deps.move_ports(&sender, deadline_ms);
    let envelope: Envelope<PerfMessage> = decode(&message.body)?;
    Ok(match envelope.message {
        PerfMessage::Aggregate {
            file,
            dataset,
            parts_done,
        } => contribute(&ports, file, &dataset, parts_done).await?,
        PerfMessage::LoadDimension { file } => load_dimension(&ports, file).await?,
        PerfMessage::MoveObjects { moves, before } => move_objects(&moving, moves, before).await?,
        PerfMessage::LeaveLanding { before } => leave_landing(&moving, before).await?,
        PerfMessage::ReconcileAll {} => {
            begin_reconciliation(&deps.reconcile_ports(&sender), &message.message_id).await?
        }
        PerfMessage::Reconcile { run_id } => {
            if let Some(whole) = go_on_reconciling(&deps.reconcile_ports(&sender), run_id).await? {
                report(&whole);
            }
            Disposition::Done
        }
    })
}

/// Says in the log, and as a metric, what a look at the whole has found.
fn report(whole: &Reconciliation) {
    let Reconciliation {
        run_id,
        checked,
        findings,
    } = whole;
    match findings {
        0 => tracing::info!(run.id = %run_id, checked, "everything adds up"),
        _ => tracing::error!(run.id = %run_id, checked, findings, "not everything adds up"),
    }
    let metrics = [
        ("ReconciliationFindings", *findings),
        ("ReconciliationChecked", *checked),
    ];
    telemetry::metrics(Machine.now_ms(), &metrics);
}
