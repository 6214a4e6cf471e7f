//! From a spec's body to its definition, with what exists: only what the body refers to is loaded.

use millrace_core::definition::{DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::source::SourceDefinition;
use millrace_spec::{
    Catalogue, MAX_LISTED_EVENTS, References, SpecErrors, check_dataset, check_dimension, check_event,
    check_source, references, unknown_target,
};
use millrace_store::Store;
use millrace_store::specs::Definition;
use serde_json::Value;

/// Why a body could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The body breaks rules.
    #[error(transparent)]
    Spec(#[from] SpecErrors),
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Checks a body and compiles it.
///
/// # Errors
/// [`CompileError`] with all that is wrong with the body, or of the database.
pub async fn compile_spec(store: &Store, kind: SpecKind, body: &Value) -> Result<Definition, CompileError> {
    compile_among(store, kind, body, &[]).await
}

/// Checks a body and compiles it as if these definitions were there too. What is there wins.
///
/// # Errors
/// [`CompileError`] with all that is wrong with the body, or of the database.
pub async fn compile_among(
    store: &Store,
    kind: SpecKind,
    body: &Value,
    others: &[Definition],
) -> Result<Definition, CompileError> {
    Ok(match kind {
        SpecKind::Dimension => Definition::Dimension(check_dimension(body)?),
        SpecKind::Event => Definition::Event(check_event(body)?),
        SpecKind::Source => Definition::Source(Box::new(compile_source(store, body).await?)),
        SpecKind::Dataset => {
            let mut catalogue = match references(body) {
                Some(references) => load_catalogue(store, &references).await?,
                None => Catalogue::default(),
            };
            others.iter().for_each(|other| add(&mut catalogue, other));
            Definition::Dataset(check_dataset(body, &catalogue)?)
        }
    })
}

/// Adds a definition to a catalogue that has none of its name.
fn add(catalogue: &mut Catalogue, other: &Definition) {
    match other {
        Definition::Dimension(dimension) => {
            if catalogue
                .dimensions
                .iter()
                .all(|there| there.name != dimension.name)
            {
                catalogue.dimensions.push(dimension.clone());
            }
        }
        Definition::Event(event) => {
            if catalogue.events.iter().all(|there| there.name != event.name) {
                catalogue.events.push(event.clone());
            }
        }
        Definition::Dataset(_) | Definition::Source(_) => {}
    }
}

/// A source's files are files of a spec that is there.
async fn compile_source(store: &Store, body: &Value) -> Result<SourceDefinition, CompileError> {
    let source = check_source(body)?;
    let target = &source.target;
    let found = store
        .load_spec(target.ingestion_type, target.ingestion_name.as_str())
        .await?;
    match found {
        Some(_) => Ok(source),
        None => Err(unknown_target().into()),
    }
}

async fn load_catalogue(store: &Store, references: &References) -> Result<Catalogue, Failure> {
    let named: Vec<&str> = references.dimension.iter().map(String::as_str).collect();
    let dimensions: Vec<DimensionDefinition> = store.list_definitions(SpecKind::Dimension, &named).await?;
    let found = match &references.event {
        Some(event) => vec![event.clone()],
        // One more than a message lists, so that it can say that there are more.
        None => {
            let columns = references.columns(dimensions.first());
            store.find_events(&columns, LISTED).await?
        }
    };
    let names: Vec<&str> = found.iter().map(String::as_str).collect();
    let events: Vec<EventDefinition> = store.list_definitions(SpecKind::Event, &names).await?;
    let other_events = match names.is_empty() {
        true => store.find_events(&[], LISTED).await?,
        false => Vec::new(),
    };
    Ok(Catalogue {
        events,
        dimensions,
        other_events,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const LISTED: u32 = MAX_LISTED_EVENTS as u32 + 1;
