//! The perf queue's messages, as their function handles them.

use millrace_app::Disposition;
use millrace_app::contribute::contribute;
use millrace_app::load_dimension::load_dimension;
use millrace_app::moves::{leave_landing, move_objects};
use millrace_app::reconcile_daily::{begin_reconciliation, go_on_reconciling};
use millrace_core::failure::Failure;
use millrace_core::message::PerfMessage;

use super::Road;

impl Road {
    pub(super) async fn handle_perf(&self, message: PerfMessage) -> Result<Disposition, Failure> {
        match message {
            PerfMessage::Aggregate { file, dataset } => contribute(&self.perf_ports(), file, &dataset).await,
            PerfMessage::LoadDimension { file } => load_dimension(&self.perf_ports(), file).await,
            PerfMessage::MoveObjects { moves, before } => {
                move_objects(&self.move_ports(), moves, before).await
            }
            PerfMessage::LeaveLanding { before } => leave_landing(&self.move_ports(), before).await,
            PerfMessage::ReconcileAll {} => {
                begin_reconciliation(&self.reconcile_ports(), &self.trigger).await
            }
            PerfMessage::Reconcile { run_id } => {
                let gone_on = go_on_reconciling(&self.reconcile_ports(), run_id).await;
                gone_on.map(|_| Disposition::Done)
            }
        }
    }
}
