//! From the clean parts of a file version to its partial, in one message or in several: what a message has reduced when
//! half of its time is up goes to the bucket, and another one goes on behind it.

use millrace_aggregate::{Layout, Partial, PartialBuilder, PartialError, decode, encode};
use millrace_core::content_hash::ContentHash;
use millrace_core::definition::DatasetDefinition;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::FileVersion;
use millrace_core::object_key;
use sha2::{Digest as _, Sha256};

use crate::contribute::{ContributeError, PerfPorts, defect};
use crate::parts::Parts;
use crate::ports::{read_all, write_all};

/// A partial and where it lies.
pub(crate) struct MadePartial {
    pub(crate) partial: Partial,
    pub(crate) key: Option<String>,
}

/// What became of a file version's parts.
pub(crate) enum Reduced {
    /// All of them are in the partial, which lies where later versions will look for it.
    Whole(MadePartial),
    /// So many are, and it lies where the message behind this one will look for it.
    Partly(u32),
}

/// The parts of a file version that feed a dataset.
pub(crate) struct Reduction<'a> {
    pub(crate) ports: &'a PerfPorts<'a>,
    pub(crate) file: FileVersion,
    pub(crate) definition: &'a DatasetDefinition,
    /// When no other part is begun, in milliseconds since 1970.
    pub(crate) until_ms: u64,
}

impl Reduction<'_> {
    /// Reduces the parts behind those that another message has reduced: one at least, and as many as there is time for.
    pub(crate) async fn reduce(&self, is_delete: bool, parts_done: u32) -> Result<Reduced, ContributeError> {
        let ports = self.ports;
        let parts = match is_delete {
            true => Vec::new(),
            false => ports.store.list_parts(self.file).await?,
        };
        let begun = self.load_begun(parts_done).await?;
        let mut done = begun.as_ref().map_or(0, |_| parts_done);
        let mut opened = Parts::new(ports.store, self.definition);
        let mut builder: Option<PartialBuilder> = None;
        let mut is_time_up = false;
        for key in parts.iter().skip(done as usize) {
            if is_time_up {
                break;
            }
            let (mut part, plan) = opened.open(ports.collections, key).await?;
            let builder = match &mut builder {
                // Parts of a repaired file may be of several versions of the spec.
                Some(builder) => {
                    builder.follow(plan);
                    builder
                }
                None => builder.insert(PartialBuilder::new(plan)),
            };
            while let Some(block) = part.next_block().await? {
                builder.add_block(&block).map_err(refused)?;
            }
            done += 1;
            is_time_up = ports.surroundings.now_ms() >= self.until_ms;
        }
        let more = match builder {
            Some(builder) => Some(builder.finish().map_err(refused)?),
            None => None,
        };
        let partial = match (begun, more) {
            (Some(begun), Some(more)) => begun.merged(more).map_err(refused)?,
            (one, other) => one
                .or(other)
                .unwrap_or_else(|| Partial::empty(Layout::of(self.definition))),
        };
        match (done as usize) < parts.len() {
            true => self.leave(&partial, done).await,
            false => self.keep(partial).await,
        }
    }

    /// What other messages have reduced; none where that is not there any more, or was for another definition of the dataset.
    async fn load_begun(&self, parts_done: u32) -> Result<Option<Partial>, Failure> {
        if parts_done == 0 {
            return Ok(None);
        }
        match read_all(self.ports.collections, &self.begun_key(parts_done)?).await {
            Ok(bytes) => Ok(Some(decode(&bytes).map_err(defect)?)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Another definition of the dataset has another key: what it makes of the rows may be something else.
    fn begun_key(&self, parts_done: u32) -> Result<String, Failure> {
        let definition = serde_json::to_vec(self.definition).map_err(defect)?;
        let hash = ContentHash::from(<[u8; 32]>::from(Sha256::digest(definition)));
        Ok(object_key::begun_partial(
            &self.definition.name,
            self.file,
            hash,
            parts_done,
        ))
    }

    async fn leave(&self, partial: &Partial, done: u32) -> Result<Reduced, ContributeError> {
        let bytes = encode(partial).map_err(defect)?;
        write_all(self.ports.collections, &self.begun_key(done)?, bytes).await?;
        Ok(Reduced::Partly(done))
    }

    async fn keep(&self, partial: Partial) -> Result<Reduced, ContributeError> {
        if partial.entries().is_empty() {
            return Ok(Reduced::Whole(MadePartial { partial, key: None }));
        }
        let key = object_key::partial(&self.definition.name, self.file);
        let bytes = encode(&partial).map_err(defect)?;
        write_all(self.ports.collections, &key, bytes).await?;
        Ok(Reduced::Whole(MadePartial {
            partial,
            key: Some(key),
        }))
    }
}

fn refused(error: PartialError) -> ContributeError {
    match error {
        PartialError::File(error) => ContributeError::Refused(error),
        other @ PartialError::BlockMismatch(_) => defect(other).into(),
    }
}
