//! From a spec's body to its definition, with what exists: only what the body refers to is loaded.

use millrace_core::definition::{DatasetDefinition, DimensionDefinition, EventDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_core::pipeline::{ScheduleDefinition, ScheduleTarget};
use millrace_core::source::SourceDefinition;
use millrace_core::step::TransformerDefinition;
use millrace_spec::{
    Catalogue, KnownDataset, MAX_LISTED_EVENTS, PipelineCatalogue, References, SpecErrors, check_dataset,
    check_dimension, check_event, check_not_over, check_pipeline, check_schedule, check_source,
    check_transformer, computed_target, has_end, pipeline_needs, references, retired_need, transformed_event,
    unknown_pipeline, unknown_target,
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

/// Checks a body and compiles it as if these definitions were there too. What is there wins. What it needs is not retired.
///
/// # Errors
/// [`CompileError`] with all that is wrong with the body, or of the database.
pub async fn compile_among(
    store: &Store,
    kind: SpecKind,
    body: &Value,
    others: &[Definition],
) -> Result<Definition, CompileError> {
    let definition = compile_whatever_is_there(store, kind, body, others).await?;
    match store.list_retired(&definition.needs()).await?.first() {
        Some(retired) => Err(retired_need(kind, (retired.kind, &retired.name)).into()),
        None => Ok(definition),
    }
}

async fn compile_whatever_is_there(
    store: &Store,
    kind: SpecKind,
    body: &Value,
    others: &[Definition],
) -> Result<Definition, CompileError> {
    Ok(match kind {
        SpecKind::Dimension => Definition::Dimension(check_dimension(body)?),
        SpecKind::Event => Definition::Event(check_event(body)?),
        SpecKind::Source => Definition::Source(Box::new(compile_source(store, body).await?)),
        SpecKind::Transformer => {
            let names: Vec<&str> = transformed_event(body).into_iter().collect();
            let events: Vec<EventDefinition> = store.list_definitions(SpecKind::Event, &names).await?;
            Definition::Transformer(check_transformer(body, events.first())?)
        }
        SpecKind::Pipeline => {
            let catalogue = load_pipeline_catalogue(store, body).await?;
            Definition::Pipeline(check_pipeline(body, &catalogue)?)
        }
        SpecKind::Schedule => Definition::Schedule(compile_schedule(store, body).await?),
        SpecKind::Dataset => {
            let mut catalogue = match references(body) {
                Some(references) => load_catalogue(store, &references).await?,
                None => Catalogue::default(),
            };
            others.iter().for_each(|other| add(&mut catalogue, other));
            Definition::Dataset(Box::new(check_dataset(body, &catalogue)?))
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
        Definition::Dataset(dataset) => {
            if catalogue.datasets.iter().all(|there| there.name != dataset.name) {
                catalogue.datasets.push((**dataset).clone());
            }
        }
        Definition::Source(_)
        | Definition::Transformer(_)
        | Definition::Pipeline(_)
        | Definition::Schedule(_) => {}
    }
}

/// A source's files are files of a spec that is there.
async fn compile_source(store: &Store, body: &Value) -> Result<SourceDefinition, CompileError> {
    let source = check_source(body)?;
    let target = &source.target;
    let found = store
        .load_spec(target.ingestion_type, target.ingestion_name.as_str())
        .await?;
    if found.is_none() {
        return Err(unknown_target().into());
    }
    if target.ingestion_type == SpecKind::Dataset {
        let name = target.ingestion_name.as_str();
        let datasets: Vec<DatasetDefinition> = store.list_definitions(SpecKind::Dataset, &[name]).await?;
        if datasets.iter().all(|dataset| dataset.rows().is_none()) {
            return Err(computed_target().into());
        }
    }
    Ok(source)
}

/// A schedule has times to come, and begins runs of a pipeline that is there.
async fn compile_schedule(store: &Store, body: &Value) -> Result<ScheduleDefinition, CompileError> {
    let schedule = check_schedule(body)?;
    if has_end(&schedule) {
        check_not_over(&schedule, store.now_ms().await?)?;
    }
    if let ScheduleTarget::Pipeline(pipeline) = &schedule.target
        && store
            .load_spec(SpecKind::Pipeline, pipeline.as_str())
            .await?
            .is_none()
    {
        return Err(unknown_pipeline(pipeline.as_str()).into());
    }
    Ok(schedule)
}

/// What is there of the specs that a pipeline names.
async fn load_pipeline_catalogue(store: &Store, body: &Value) -> Result<PipelineCatalogue, Failure> {
    let mut catalogue = PipelineCatalogue::default();
    let named = pipeline_needs(body);
    let datasets: Vec<&str> = named
        .iter()
        .filter(|(kind, _)| *kind == SpecKind::Dataset)
        .map(|(_, name)| name.as_str())
        .collect();
    let definitions: Vec<DatasetDefinition> = store.list_definitions(SpecKind::Dataset, &datasets).await?;
    for definition in definitions {
        let stored = store.list_stored_upstream(&definition.name).await?;
        catalogue.datasets.push(KnownDataset { definition, stored });
    }
    for (kind, name) in named {
        if kind != SpecKind::Dataset && store.load_spec(kind, name.as_str()).await?.is_some() {
            catalogue.names.push((kind, name));
        }
    }
    Ok(catalogue)
}

async fn load_catalogue(store: &Store, references: &References) -> Result<Catalogue, Failure> {
    let named: Vec<&str> = references.transformer.iter().map(String::as_str).collect();
    let transformers: Vec<TransformerDefinition> =
        store.list_definitions(SpecKind::Transformer, &named).await?;
    let named: Vec<&str> = references.dataset.iter().map(String::as_str).collect();
    let datasets: Vec<DatasetDefinition> = store.list_definitions(SpecKind::Dataset, &named).await?;
    let joins = datasets.iter().filter_map(|dataset| dataset.join.as_ref());
    let named = references.dimension.iter().map(String::as_str);
    let named: Vec<&str> = named.chain(joins.map(|join| join.dimension.as_str())).collect();
    let dimensions: Vec<DimensionDefinition> = store.list_definitions(SpecKind::Dimension, &named).await?;
    let own = dimensions
        .iter()
        .find(|dimension| Some(dimension.name.as_str()) == references.dimension.as_deref());
    let is_fed = references.dataset.is_some() || references.transformer.is_some();
    let found = match &references.event {
        Some(event) => vec![event.clone()],
        None if is_fed => Vec::new(),
        // One more than a message lists, so that it can say that there are more.
        None => store.find_events(&references.columns(own), LISTED).await?,
    };
    let names: Vec<&str> = found.iter().map(String::as_str).collect();
    let events: Vec<EventDefinition> = store.list_definitions(SpecKind::Event, &names).await?;
    let other_events = match names.is_empty() && !is_fed {
        true => store.find_events(&[], LISTED).await?,
        false => Vec::new(),
    };
    Ok(Catalogue {
        events,
        transformers,
        datasets,
        dimensions,
        other_events,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const LISTED: u32 = MAX_LISTED_EVENTS as u32 + 1;
