//! The check of one chunk, whose two outputs go to the collections bucket as they come.

use millrace_core::failure::Failure;
use millrace_core::object_key;
use millrace_core::row_error::RowCounts;
use millrace_store::files::FileRecord;
use millrace_table::{
    CheckError, CheckSummary, FileCheck, FileFormat, Header, JsonCheck, Limits, PartSpec, RejectedRow, Start,
};

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
    check: Check,
    part: Output<'a>,
    row_errors: Output<'a>,
}

/// The check of either content.
enum Check {
    Csv(Box<FileCheck>),
    JsonRows(Box<JsonCheck>),
}

impl Check {
    fn push(&mut self, bytes: &[u8]) -> Result<(), CheckError> {
        match self {
            Self::Csv(check) => check.push(bytes),
            Self::JsonRows(check) => check.push(bytes),
        }
    }

    fn finish(&mut self) -> Result<CheckSummary, CheckError> {
        match self {
            Self::Csv(check) => check.finish(),
            Self::JsonRows(check) => check.finish(),
        }
    }

    /// The bytes of the part and of the row errors that are ready.
    fn take(&mut self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Csv(check) => (check.take_part_bytes(), check.take_row_error_bytes()),
            Self::JsonRows(check) => (check.take_part_bytes(), check.take_row_error_bytes()),
        }
    }
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
        let spec = Some(part_spec(record));
        let check = FileCheck::of_spec(format, header, start, Limits::default(), spec).map_err(defect)?;
        Ok(Self::of(collections, record, Check::Csv(Box::new(check)), chunk))
    }

    /// The check of a batch's rows, which are always one chunk.
    pub(crate) fn begin_rows(
        collections: &'a dyn ObjectStore,
        record: &FileRecord,
        format: FileFormat<'_>,
    ) -> Result<Self, Failure> {
        let spec = Some(part_spec(record));
        let check = JsonCheck::new(format, Limits::default(), spec).map_err(defect)?;
        Ok(Self::of(collections, record, Check::JsonRows(Box::new(check)), 0))
    }

    fn of(collections: &'a dyn ObjectStore, record: &FileRecord, check: Check, chunk: u32) -> Self {
        let (kind, name) = (record.ingestion_type, &record.ingestion_name);
        let output = |key: String| Output {
            store: collections,
            key,
            sink: None,
        };
        Self {
            check,
            part: output(object_key::part(kind, name, record.file, chunk)),
            row_errors: output(object_key::row_errors(kind, name, record.file, chunk)),
        }
    }

    /// Goes on with a member of an archive.
    pub(crate) async fn begin_member(
        &mut self,
        format: FileFormat<'_>,
        header: &Header,
        first_line: u64,
        name: &str,
    ) -> Result<(), Failure> {
        if let Check::Csv(check) = &mut self.check {
            check
                .begin_member(format, header, first_line, name)
                .map_err(defect)?;
        }
        self.drain().await
    }

    /// Gives the outputs up: nothing of them is to be seen.
    pub(crate) async fn abort(self) {
        self.part.abort().await;
        self.row_errors.abort().await;
    }

    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.check.push(bytes).map_err(defect)?;
        self.drain().await
    }

    /// Checks a row alone, under its number and line; to be followed by [`Self::drain`] now and then.
    pub(crate) fn push_row(&mut self, record: u64, line: u64, row: &[u8]) -> Result<(), Failure> {
        let pushed = match &mut self.check {
            Check::Csv(check) => check.push_row(record, line, row),
            Check::JsonRows(check) => check.push_row(record, row),
        };
        pushed.map_err(defect)
    }

    /// Hands a rejected row on as it is.
    pub(crate) fn push_rejected(&mut self, row: &RejectedRow) -> Result<(), Failure> {
        let pushed = match &mut self.check {
            Check::Csv(check) => check.push_rejected(row),
            Check::JsonRows(check) => check.push_rejected(row),
        };
        pushed.map_err(defect)
    }

    pub(crate) async fn drain(&mut self) -> Result<(), Failure> {
        let (part, row_errors) = self.check.take();
        self.part.write(part).await?;
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

fn part_spec(record: &FileRecord) -> PartSpec {
    PartSpec {
        kind: record.ingestion_type,
        name: record.ingestion_name.clone(),
        version: record.spec_version,
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

    async fn abort(self) {
        if let Some(sink) = self.sink {
            sink.abort().await;
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
pub(crate) fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("ingest.check", error.to_string())
}
