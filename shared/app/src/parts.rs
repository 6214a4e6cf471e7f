//! Opening parts for a dataset: fields that the event got after a part was written are null in it.

use std::io::Cursor;

use millrace_aggregate::{AggregationPlan, PlanError};
use millrace_core::definition::{DatasetDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::field::Field;
use millrace_store::Store;
use millrace_table::PartReader;

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
    /// [`Failure`] of the database, or that the part does not fit.
    pub(crate) async fn open<B: AsRef<[u8]>>(
        &mut self,
        bytes: B,
    ) -> Result<(PartReader<Cursor<B>>, AggregationPlan), Failure> {
        let mut reader = PartReader::new(Cursor::new(bytes)).map_err(defect)?;
        let mut plan = AggregationPlan::new(self.definition, reader.schema());
        if matches!(plan, Err(PlanError::MissingColumn(_))) {
            reader = reader.with_later_fields(self.fields().await?);
            plan = AggregationPlan::new(self.definition, reader.schema());
        }
        let plan = plan.map_err(defect)?;
        Ok((reader.with_columns(&plan.columns()), plan))
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

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("parts.open", error.to_string())
}
