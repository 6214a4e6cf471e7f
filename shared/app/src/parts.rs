//! Opening parts for a dataset: fields that the event got after a part was written are null in it.

use millrace_aggregate::{AggregationPlan, PlanError};
use millrace_core::definition::{DatasetDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::field::Field;
use millrace_store::Store;
use millrace_table::{Block, PartError, PartPieces, PartReader, PartSchema};

use crate::ports::{ObjectStore, ObjectStream};

/// Opens the parts that a dataset is computed from.
pub(crate) struct Parts<'a> {
    store: &'a Store,
    definition: &'a DatasetDefinition,
    /// The event's fields in its newest version, once a part lacked one.
    fields: Option<Vec<Field>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(store: &'a Store, definition: &'a DatasetDefinition) -> Self {
        Self {
            store,
            definition,
            fields: None,
        }
    }

    /// A part, with the plan by which its columns feed the dataset. A column that neither the part nor the event's newest
    /// version has is a defect.
    ///
    /// # Errors
    /// [`Failure`] of the bucket or the database, or that the part does not fit.
    pub(crate) async fn open(
        &mut self,
        collections: &dyn ObjectStore,
        key: &str,
    ) -> Result<(PartStream, AggregationPlan), Failure> {
        let PartStream { stream, mut reader } = PartStream::open(collections, key).await?;
        let mut plan = AggregationPlan::new(self.definition, reader.schema());
        if matches!(plan, Err(PlanError::MissingColumn(_))) {
            reader = reader.with_later_fields(self.fields().await?);
            plan = AggregationPlan::new(self.definition, reader.schema());
        }
        let plan = plan.map_err(defect)?;
        let reader = reader.with_columns(&plan.columns());
        Ok((PartStream { stream, reader }, plan))
    }

    async fn fields(&mut self) -> Result<&[Field], Failure> {
        let fields = match self.fields.take() {
            Some(fields) => fields,
            None => self.load_fields().await?,
        };
        Ok(self.fields.insert(fields))
    }

    async fn load_fields(&self) -> Result<Vec<Field>, Failure> {
        let Some(event) = self.definition.event() else {
            return Ok(Vec::new());
        };
        let newest: Option<EventDefinition> = self
            .store
            .load_definition(SpecKind::Event, event.as_str(), None)
            .await?;
        Ok(newest.map(|event| event.fields).unwrap_or_default())
    }
}

/// A part that is read as it comes from the bucket. Memory: a block and a piece, whatever the part's size.
pub(crate) struct PartStream {
    stream: Box<dyn ObjectStream>,
    reader: PartReader<PartPieces>,
}

impl PartStream {
    /// Opens a part with all its columns.
    ///
    /// # Errors
    /// [`Failure`] of the bucket, or that it is no part.
    pub(crate) async fn open(collections: &dyn ObjectStore, key: &str) -> Result<Self, Failure> {
        let mut stream = collections.open(key, 0, None).await?;
        let mut pieces = PartPieces::default();
        while !pieces.has_header() {
            let Some(piece) = stream.next().await? else { break };
            pieces.push(&piece);
        }
        let reader = PartReader::new(pieces).map_err(defect)?;
        Ok(Self { stream, reader })
    }

    /// The part's fields.
    pub(crate) fn schema(&self) -> &PartSchema {
        self.reader.schema()
    }

    /// The member of an archive that the last block stands in.
    pub(crate) fn member(&self) -> Option<&str> {
        self.reader.member()
    }

    /// The next block; none once the part's end has been read and found right.
    ///
    /// # Errors
    /// [`Failure`] of the bucket, or that the part is damaged.
    pub(crate) async fn next_block(&mut self) -> Result<Option<Block>, Failure> {
        while !self.reader.source_mut().has_frame() {
            let Some(piece) = self.stream.next().await? else {
                break;
            };
            self.reader.source_mut().push(&piece);
        }
        self.reader.next_block().map_err(|error: PartError| defect(error))
    }
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("parts.open", error.to_string())
}
