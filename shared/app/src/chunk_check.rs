//! The check of one chunk, whose two outputs go to the collections bucket as they come.

use millrace_core::failure::Failure;
use millrace_core::object_key;
use millrace_core::row_error::RowCounts;
use millrace_store::files::FileRecord;
use millrace_table::{FileCheck, FileFormat, Header, Limits, PartSpec, Start};

use crate::ports::{ObjectSink, ObjectStore};

/// What came out of a chunk.
pub(crate) struct Checked {
    /// The clean part, if any row was kept.
    pub(crate) part_key: Option<String>,
    /// The row errors, if any row was rejected, and their size.
    pub(crate) row_errors: Option<(String, u64)>,
    pub(crate) counts: RowCounts,
}

/// A chunk that is being checked, with its two outputs.
pub(crate) struct ChunkCheck<'a> {
    check: FileCheck,
    part: Output<'a>,
    row_errors: Output<'a>,
}

/// An object that comes into being with its first bytes.
struct Output<'a> {
    store: &'a dyn ObjectStore,
    key: String,
    sink: Option<Box<dyn ObjectSink>>,
}

impl<'a> ChunkCheck<'a> {
    pub(crate) fn begin(
        collections: &'a dyn ObjectStore,
        record: &FileRecord,
        format: FileFormat<'_>,
        header: &Header,
        start: Start,
        chunk: u32,
    ) -> Result<Self, Failure> {
        let (kind, name) = (record.ingestion_type, &record.ingestion_name);
        let spec = PartSpec {
            kind,
            name: name.clone(),
            version: record.spec_version,
        };
        let check =
            FileCheck::of_spec(format, header, start, Limits::default(), Some(spec)).map_err(defect)?;
        let output = |key: String| Output {
            store: collections,
            key,
            sink: None,
        };
        Ok(Self {
            check,
            part: output(object_key::part(kind, name, record.file, chunk)),
            row_errors: output(object_key::row_errors(kind, name, record.file, chunk)),
        })
    }

    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.check.push(bytes).map_err(defect)?;
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), Failure> {
        let part = self.check.take_part_bytes();
        self.part.write(part).await?;
        let row_errors = self.check.take_row_error_bytes();
        self.row_errors.write(row_errors).await
    }

    pub(crate) async fn finish(mut self) -> Result<Checked, Failure> {
        let summary = self.check.finish().map_err(defect)?;
        self.drain().await?;
        let counts = summary.counts;
        let part_key = self.part.finish(counts.kept > 0).await?.map(|(key, _)| key);
        let row_errors = self.row_errors.finish(counts.rejected > 0).await?;
        Ok(Checked {
            part_key,
            row_errors,
            counts,
        })
    }
}

impl Output<'_> {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.sink.is_none() {
            self.sink = Some(self.store.create(&self.key).await?);
        }
        match &mut self.sink {
            Some(sink) => sink.write(bytes).await,
            None => Ok(()),
        }
    }

    async fn finish(self, is_wanted: bool) -> Result<Option<(String, u64)>, Failure> {
        match self.sink {
            Some(sink) if is_wanted => {
                let size_bytes = sink.finish().await?;
                Ok(Some((self.key, size_bytes)))
            }
            Some(sink) => {
                sink.abort().await;
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

/// Bad data is never an error of the check: this is a defect, or a spec that should not have been taken.
fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("ingest.check", error.to_string())
}
