//! From clean parts to the rows of a dimension, or of a dataset whose rows come ready: staged, then published at once.

use millrace_core::ids::{ContributionId, FileVersion};
use millrace_core::row_error::{FileError, Rule};
use millrace_core::{Failure, failure::FailureKind};
use millrace_store::STAGE_CHUNK_BYTES;
use millrace_store::contributions::ContributionState;
use millrace_store::dimensions::PublishOutcome;
use millrace_table::Block;
use millrace_table::limits::found;
use serde_json::Value;

use crate::contribute::{ContributeError, PerfPorts};
use crate::outbox::{send_outbox, send_reminder};
use crate::parts::PartStream;
use crate::{Disposition, Handled};

/// The most bytes of a row's key, which has to fit an index page of PostgreSQL (2,704 bytes).
const MAX_KEY_BYTES: usize = 2_048;

/// The most bytes of a row's key and its cells as JSON: with less than 64 KiB the Data API reads it back.
const MAX_ROW_BYTES: usize = 60 * 1024;

/// Loads a file version of rows and publishes it, exactly once.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn load_dimension(ports: &PerfPorts<'_>, file: FileVersion) -> Handled {
    let Some(load) = ports.store.load_pending_load(file).await? else {
        return Ok(Disposition::Reject(format!("{file} loads no rows")));
    };
    if load.state == ContributionState::Pending && !load.is_held {
        let mut stage = Stage {
            ports,
            contribution_id: load.contribution_id,
            key_positions: &load.key_positions,
            stage_id: ports.stage_id(),
            json: String::new(),
            rows: 0,
        };
        match stage.add_parts(file).await {
            Ok(()) => stage.publish(file).await?,
            Err(ContributeError::Refused(error)) => {
                send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
                ports
                    .store
                    .refuse_contribution(load.contribution_id, &error)
                    .await?;
            }
            Err(ContributeError::Failed(failure)) => return Err(failure),
        }
    }
    send_outbox(ports.store, ports.sender, file).await?;
    Ok(Disposition::Done)
}

/// Rows on their way into the database.
struct Stage<'a> {
    ports: &'a PerfPorts<'a>,
    contribution_id: ContributionId,
    /// The columns of the key, counted from 1; none where rows are kept as they are.
    key_positions: &'a [usize],
    stage_id: String,
    /// The chunk that is growing: a JSON array without its end.
    json: String,
    rows: u64,
}

impl Stage<'_> {
    async fn add_parts(&mut self, file: FileVersion) -> Result<(), ContributeError> {
        for key in self.ports.store.list_parts(file).await? {
            let mut part = PartStream::open(self.ports.collections, &key).await?;
            let key_column = match self.key_positions {
                [position] => part.schema().fields.get(position - 1),
                _ => None,
            };
            let key_column = key_column.map(|(name, _)| name.to_string());
            while let Some(block) = part.next_block().await? {
                self.add_block(&block, key_column.as_deref()).await?;
            }
        }
        Ok(self.send().await?)
    }

    async fn add_block(&mut self, block: &Block, key_column: Option<&str>) -> Result<(), ContributeError> {
        for row in 0..block.rows() {
            let cells = block.columns.iter().map(|column| column.text_at(row));
            let cells: Vec<Option<String>> = cells.collect::<Result<_, _>>().map_err(defect)?;
            let key = self.key_of(&cells);
            let cells = serde_json::json!(cells);
            let line = Value::from(vec![Value::from(block.records[row]), cells]).to_string();
            if key.len() > MAX_KEY_BYTES || key.len() + line.len() > MAX_ROW_BYTES {
                let (at, column) = (block.lines[row], key_column);
                return Err(ContributeError::Refused(too_long(at, column, &key, line.len())));
            }
            if !self.json.is_empty() && self.json.len() + line.len() > STAGE_CHUNK_BYTES {
                self.send().await?;
            }
            self.json.push(if self.json.is_empty() { '[' } else { ',' });
            self.json.push_str(&line);
            self.rows += 1;
        }
        Ok(())
    }

    /// The key's text, as `ingestion.stage_dimension_rows` makes it.
    fn key_of(&self, cells: &[Option<String>]) -> String {
        let positions = self.key_positions.iter();
        let parts = positions.map(|position| serde_json::json!(cells.get(position - 1)).to_string());
        format!("[{}]", parts.collect::<Vec<String>>().join(", "))
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

    async fn publish(&self, file: FileVersion) -> Result<(), Failure> {
        send_reminder(self.ports.sender, file, self.ports.reminder_delay_seconds).await?;
        let outcome = self
            .ports
            .store
            .publish_dimension(self.contribution_id, &self.stage_id, self.rows)
            .await?;
        match outcome {
            PublishOutcome::IncompleteStage => {
                let why = format!("part of the stage of {file} is gone");
                Err(Failure::explained(FailureKind::Transient, "load_dimension", why))
            }
            _ => Ok(()),
        }
    }
}

/// A row that could be written and not be read back, or not be written at all.
fn too_long(line: u64, key_column: Option<&str>, key: &str, row_bytes: usize) -> FileError {
    let is_key = key.len() > MAX_KEY_BYTES;
    let why = if is_key {
        format!(
            "a key has at most {MAX_KEY_BYTES} bytes, this one has {}",
            key.len()
        )
    } else {
        let row_bytes = key.len() + row_bytes;
        format!("a row has at most {MAX_ROW_BYTES} bytes, this one has {row_bytes}")
    };
    let why = match key {
        "[]" => why,
        key => format!("{why}; its key is {}", found(key.as_bytes())),
    };
    FileError {
        rule: Rule::TooLong,
        line: Some(line),
        column: key_column.filter(|_| is_key).map(str::to_owned),
        message: why,
        rows: None,
    }
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("load_dimension", error.to_string())
}
