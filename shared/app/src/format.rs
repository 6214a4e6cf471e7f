//! What a spec says of the files and batches that are read against it.

use millrace_core::csv::CsvFormat;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::field::Field;
use millrace_store::Store;
use millrace_table::FileFormat;

/// The fields of a dimension, an event or a dataset whose rows come ready, and how its files are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecFormat {
    /// The fields.
    pub fields: Vec<Field>,
    /// How its files are written.
    pub csv: CsvFormat,
}

impl SpecFormat {
    /// The format as the checks take it.
    #[must_use]
    pub fn as_file_format(&self) -> FileFormat<'_> {
        FileFormat {
            fields: &self.fields,
            csv: &self.csv,
        }
    }
}

/// Loads the format of a spec: of one version, or the latest. None where there is no such spec, or none that takes
/// files.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn load_format(
    store: &Store,
    kind: SpecKind,
    name: &str,
    version: Option<u32>,
) -> Result<Option<SpecFormat>, Failure> {
    match kind {
        SpecKind::Dimension => {
            let found: Option<DimensionDefinition> = store.load_definition(kind, name, version).await?;
            let format = |DimensionDefinition { fields, csv, .. }| SpecFormat { fields, csv };
            Ok(found.map(format))
        }
        SpecKind::Event => {
            let found: Option<EventDefinition> = store.load_definition(kind, name, version).await?;
            Ok(found.map(|EventDefinition { fields, csv, .. }| SpecFormat { fields, csv }))
        }
        SpecKind::Dataset => {
            let found: Option<DatasetDefinition> = store.load_definition(kind, name, version).await?;
            let rows = found.and_then(|dataset| dataset.as_dimension());
            Ok(rows.map(|DimensionDefinition { fields, csv, .. }| SpecFormat { fields, csv }))
        }
        SpecKind::Source | SpecKind::Transformer | SpecKind::Pipeline | SpecKind::Schedule => Ok(None),
    }
}
