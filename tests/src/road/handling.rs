//! Messages on a road, each handled as its function handles it.

use millrace_app::Disposition;
use millrace_app::arrive::{take_drop, take_object};
use millrace_app::contribute::{PerfPorts, contribute};
use millrace_app::fetch::{FetchPorts, fetch_source};
use millrace_app::ingest::{IngestPorts, ingest_file, plan_on, validate_chunk};
use millrace_app::load_dimension::load_dimension;
use millrace_app::moves::{MovePorts, leave_landing, move_objects};
use millrace_app::ports::{MessageSender, Surroundings as _};
use millrace_app::reconcile_daily::{ReconcilePorts, begin_reconciliation, go_on_reconciling};
use millrace_app::render_document::render_document;
use millrace_app::sources::{RunPorts, begin_all};
use millrace_app::track::{TrackPorts, track};
use millrace_core::failure::Failure;
use millrace_core::message::{
    ChunkMessage, Envelope, FetchMessage, IngestMessage, PdfMessage, PerfMessage, Queue, StatusMessage,
};
use millrace_lambda::s3_event::created_objects;

use super::Road;
use crate::queues::Sent;

impl Road {
    pub(super) async fn handle(&self, message: &Sent) -> Option<Result<Disposition, Failure>> {
        let body = message.body.as_str();
        let sender = self.senders.behind(message);
        Some(match message.queue {
            Queue::Ingest | Queue::Chunk => {
                let ports = IngestPorts {
                    sender: &sender,
                    ..self.ingest_ports()
                };
                return Self::handle_arrival(&ports, message).await;
            }
            Queue::Perf => self.handle_perf(&sender, decode(body)?).await,
            Queue::Fetch => self.handle_fetch(&sender, decode(body)?).await,
            Queue::Status => {
                let message: StatusMessage = decode(body)?;
                let ports = TrackPorts {
                    sender: &sender,
                    ..self.track_ports()
                };
                track(&ports, &message, &self.trigger).await
            }
            Queue::Pdf => {
                let PdfMessage::RenderDocument { document_id } = decode(body)?;
                render_document(&self.render_ports(), document_id, self.delivery(false)).await
            }
        })
    }

    async fn handle_perf(
        &self,
        sender: &dyn MessageSender,
        message: PerfMessage,
    ) -> Result<Disposition, Failure> {
        let ports = PerfPorts {
            sender,
            ..self.perf_ports()
        };
        let moving = MovePorts {
            sender,
            ..self.move_ports()
        };
        let reconciling = ReconcilePorts {
            sender,
            ..self.reconcile_ports()
        };
        match message {
            PerfMessage::Aggregate {
                file,
                dataset,
                parts_done,
            } => contribute(&ports, file, &dataset, parts_done).await,
            PerfMessage::LoadDimension { file } => load_dimension(&ports, file).await,
            PerfMessage::MoveObjects { moves, before } => move_objects(&moving, moves, before).await,
            PerfMessage::LeaveLanding { before } => leave_landing(&moving, before).await,
            PerfMessage::ReconcileAll {} => begin_reconciliation(&reconciling, &self.trigger).await,
            PerfMessage::Reconcile { run_id } => {
                let gone_on = go_on_reconciling(&reconciling, run_id).await;
                gone_on.map(|_| Disposition::Done)
            }
        }
    }

    async fn handle_arrival(ports: &IngestPorts<'_>, message: &Sent) -> Option<Result<Disposition, Failure>> {
        let body = message.body.as_str();
        if message.queue == Queue::Chunk {
            return Some(match decode(body)? {
                ChunkMessage::ValidateChunk { file, range, point } => {
                    validate_chunk(ports, file, range, point.as_ref()).await
                }
                ChunkMessage::PlanOn { file, at } => plan_on(ports, file, at).await,
            });
        }
        Some(match serde_json::from_str::<Envelope<IngestMessage>>(body) {
            Ok(Envelope {
                message: IngestMessage::IngestFile { file },
                ..
            }) => ingest_file(ports, file).await,
            Ok(Envelope {
                message: IngestMessage::TakeDrop { drop_id },
                ..
            }) => take_drop(ports, drop_id).await,
            Err(_) => Self::handle_notification(ports, body).await?,
        })
    }

    async fn handle_fetch(
        &self,
        sender: &dyn MessageSender,
        message: FetchMessage,
    ) -> Result<Disposition, Failure> {
        match message {
            FetchMessage::FetchAll {} => {
                let ports = RunPorts {
                    sender,
                    ..self.run_ports()
                };
                begin_all(&ports, "a trigger").await
            }
            FetchMessage::FetchSource { source, run_id } => {
                let ports = FetchPorts {
                    sender,
                    ..self.fetch_ports()
                };
                let deadline_ms = self.surroundings.now_ms() + self.fetch_ms;
                fetch_source(&ports, &source, run_id, deadline_ms).await
            }
        }
    }

    async fn handle_notification(
        ports: &IngestPorts<'_>,
        body: &str,
    ) -> Option<Result<Disposition, Failure>> {
        for arrived in created_objects(body).ok()? {
            match take_object(ports, &arrived).await {
                Ok(Disposition::Done) => {}
                other => return Some(other),
            }
        }
        Some(Ok(Disposition::Done))
    }
}

fn decode<T: serde::de::DeserializeOwned>(body: &str) -> Option<T> {
    let envelope: Envelope<T> = serde_json::from_str(body).ok()?;
    Some(envelope.message)
}
