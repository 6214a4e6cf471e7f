//! From clean parts to a dimension's rows: staged, then published at once.

use std::io::Cursor;

use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::{ContributionId, FileVersion};
use millrace_store::contributions::{ContributionState, STAGE_CHUNK_BYTES};
use millrace_store::dimensions::PublishOutcome;
use millrace_table::{Block, PartReader};
use serde_json::Value;

use crate::contribute::PerfPorts;
use crate::outbox::{send_outbox, send_reminder};
use crate::ports::read_all;
use crate::{Disposition, Handled};

/// Loads a dimension file version and publishes it, exactly once.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn load_dimension(ports: &PerfPorts<'_>, file: FileVersion) -> Handled {
    let Some(load) = ports.store.load_pending_load(file).await? else {
        return Ok(Disposition::Reject(format!("{file} loads no dimension")));
    };
    if load.state == ContributionState::Pending {
        let mut stage = Stage {
            ports,
            contribution_id: load.contribution_id,
            stage_id: ports.stage_id(),
            json: String::new(),
            rows: 0,
        };
        stage.add_parts(file).await?;
        send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
        let outcome = ports
            .store
            .publish_dimension(load.contribution_id, &stage.stage_id, stage.rows)
            .await?;
        if outcome == PublishOutcome::IncompleteStage {
            let why = format!("part of the stage of {file} is gone");
            return Err(Failure::explained(FailureKind::Transient, "load_dimension", why));
        }
    }
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(Disposition::Done)
}

/// Rows on their way into the database.
struct Stage<'a> {
    ports: &'a PerfPorts<'a>,
    contribution_id: ContributionId,
    stage_id: String,
    /// The chunk that is growing: a JSON array without its end.
    json: String,
    rows: u64,
}

impl Stage<'_> {
    async fn add_parts(&mut self, file: FileVersion) -> Result<(), Failure> {
        for key in self.ports.store.list_parts(file).await? {
            let bytes = read_all(self.ports.collections, &key).await?;
            let mut reader = PartReader::new(Cursor::new(bytes)).map_err(defect)?;
            while let Some(block) = reader.next_block().map_err(defect)? {
                self.add_block(&block).await?;
            }
        }
        self.send().await
    }

    async fn add_block(&mut self, block: &Block) -> Result<(), Failure> {
        for row in 0..block.rows() {
            let cells = block.columns.iter().map(|column| column.text_at(row));
            let cells: Vec<Option<String>> = cells.collect::<Result<_, _>>().map_err(defect)?;
            let line =
                Value::from(vec![Value::from(block.records[row]), serde_json::json!(cells)]).to_string();
            if !self.json.is_empty() && self.json.len() + line.len() > STAGE_CHUNK_BYTES {
                self.send().await?;
            }
            self.json.push(if self.json.is_empty() { '[' } else { ',' });
            self.json.push_str(&line);
            self.rows += 1;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Failure> {
        if self.json.is_empty() {
            return Ok(());
        }
        let mut json = std::mem::take(&mut self.json);
        json.push(']');
        self.ports
            .store
            .stage_dimension_rows(self.contribution_id, &self.stage_id, json)
            .await
    }
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("load_dimension", error.to_string())
}
