//! Importing specs from another system's formats: what was posted is translated, checked against what is there, and created.
//!
//! Specs are created one by one, in the order of the plan, and each by itself: one that is refused stops no other, and a repeat finds
//! those that are there. A call creates so many as fit its time; the plan follows from what was posted, so the same request goes on
//! where the last one stopped.

use millrace_core::definition::{DimensionDefinition, SpecKind};
use millrace_core::failure::Failure;
use millrace_spec::import::{Finding, Imported, Made, Order, Place, Plan, plan, wanted_dimensions};
use millrace_store::specs::{CreateSpec, Definition};
use serde_json::Value;

use crate::compile::{CompileError, compile_among};
use crate::create::{Creation, SpecPorts, create_spec};
use crate::ports::Surroundings;

/// The most specs that one call handles.
pub const MAX_SPECS_A_CALL: usize = 100;

/// After so long no other spec is begun. The gateway gives up after 30 seconds, the API after 25.
const BEGIN_WITHIN_MS: u64 = 12_000;

/// How an import is run.
#[derive(Debug, Clone, Copy)]
pub struct ImportRun<'a> {
    /// Who imports.
    pub client_id: &'a str,
    /// Whether nothing is to be created.
    pub validate_only: bool,
    /// Whether nothing is to be created unless everything can be.
    pub all_or_nothing: bool,
    /// The first spec of the plan to handle, from 0.
    pub from: usize,
}

/// What became of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Created now.
    Created,
    /// It would be created.
    Creatable,
    /// The very same spec is there.
    Identical,
    /// The name stands for something else.
    Taken,
    /// It cannot be translated, or breaks a rule.
    Refused,
    /// It could be created, and was not, since others could not.
    Withheld,
}

/// A spec of the plan, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedSpec {
    /// Its kind; none where a file could not be understood.
    pub kind: Option<SpecKind>,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Where it stands in what was posted.
    pub place: Place,
    /// Why it was refused, or what took its name.
    pub findings: Vec<Finding>,
    /// Its body, where it could be translated.
    pub body: Option<Value>,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportReport {
    /// The specs of the whole plan.
    pub total: usize,
    /// Those that were handled.
    pub specs: Vec<ImportedSpec>,
    /// The first one that was not handled, if there is one.
    pub next: Option<usize>,
    /// What was not taken over, without being refused.
    pub notes: Vec<Finding>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The order as a whole breaks rules.
    #[error("the import cannot be done as it was asked for: {} rules are broken", .0.len())]
    Order(Vec<Finding>),
    /// The database or the queue failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Imports what was posted.
///
/// # Errors
/// [`ImportError`] where nothing could be done, or where a part of the service failed: what was created by then is there, and a
/// repeat goes on.
pub async fn import_specs(
    ports: SpecPorts<'_>,
    surroundings: &dyn Surroundings,
    order: &Order,
    run: ImportRun<'_>,
) -> Result<ImportReport, ImportError> {
    let begun_ms = surroundings.now_ms();
    let Plan { specs, notes } = load_plan(ports, order).await?;
    check_run(run, specs.len())?;
    let page = &specs[run.from..specs.len().min(run.from + MAX_SPECS_A_CALL)];
    let mut handled = Vec::with_capacity(page.len());
    let is_checked_first = run.validate_only || run.all_or_nothing;
    if is_checked_first {
        let mut planned = definitions(&specs);
        // Datasets may be computed from those before them, of earlier pages too.
        for spec in &specs[..run.from + page.len()] {
            handled.push(check(ports, spec, &mut planned).await?);
        }
        handled.drain(..run.from);
    }
    let may_create = !run.validate_only && !handled.iter().any(is_in_the_way);
    if may_create {
        handled.clear();
        for spec in page {
            let is_late = surroundings.now_ms().saturating_sub(begun_ms) > BEGIN_WITHIN_MS;
            if is_late && !handled.is_empty() {
                break;
            }
            handled.push(create(ports, spec, run.client_id).await?);
        }
    } else if !run.validate_only {
        handled.iter_mut().for_each(withhold);
    }
    let done = run.from + handled.len();
    Ok(ImportReport {
        total: specs.len(),
        specs: handled,
        next: (done < specs.len()).then_some(done),
        notes,
    })
}

async fn load_plan(ports: SpecPorts<'_>, order: &Order) -> Result<Plan, ImportError> {
    let wanted = wanted_dimensions(order);
    let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let known: Vec<DimensionDefinition> = ports.store.list_definitions(SpecKind::Dimension, &names).await?;
    plan(order, &known).map_err(ImportError::Order)
}

fn check_run(run: ImportRun<'_>, total: usize) -> Result<(), ImportError> {
    let refuse = |member: &str, rule: &str, reason: String| {
        let place = Place {
            pointer: Some(format!("/{member}")),
            ..Place::default()
        };
        Err(ImportError::Order(vec![Finding::new(place, rule, reason)]))
    };
    if run.from > total {
        let reason = format!("there are {total} specs");
        return refuse("from", "out_of_limits", reason);
    }
    if run.all_or_nothing && (total > MAX_SPECS_A_CALL || run.from > 0) {
        let reason = format!(
            "only {MAX_SPECS_A_CALL} specs can be created all or not at all, in one call; there are {total}"
        );
        return refuse("all_or_nothing", "too_many_specs", reason);
    }
    Ok(())
}

/// The dimensions and events of a plan: what its datasets refer to while nothing of it is there.
fn definitions(specs: &[Imported]) -> Vec<Definition> {
    let definition = |spec: &Imported| {
        let body = &spec.made.as_ref().ok()?.body;
        match spec.kind? {
            SpecKind::Dimension => millrace_spec::check_dimension(body)
                .ok()
                .map(Definition::Dimension),
            SpecKind::Event => millrace_spec::check_event(body).ok().map(Definition::Event),
            SpecKind::Dataset
            | SpecKind::Source
            | SpecKind::Transformer
            | SpecKind::Pipeline
            | SpecKind::Schedule => None,
        }
    };
    specs.iter().filter_map(definition).collect()
}

fn is_in_the_way(spec: &ImportedSpec) -> bool {
    matches!(spec.outcome, Outcome::Taken | Outcome::Refused)
}

fn withhold(spec: &mut ImportedSpec) {
    if spec.outcome == Outcome::Creatable {
        spec.outcome = Outcome::Withheld;
    }
}

/// What would become of a spec.
async fn check(
    ports: SpecPorts<'_>,
    spec: &Imported,
    planned: &mut Vec<Definition>,
) -> Result<ImportedSpec, ImportError> {
    let (made, definition) = match compile(ports, spec, planned).await? {
        Ok(compiled) => compiled,
        Err(refused) => return Ok(refused),
    };
    let there = ports.store.compare_spec(&definition, &made.body).await?;
    if spec.kind == Some(SpecKind::Dataset) {
        planned.push(definition);
    }
    Ok(match there {
        None => answer(spec, made, Outcome::Creatable),
        Some(CreateSpec::Created(_) | CreateSpec::Identical(_)) => answer(spec, made, Outcome::Identical),
        Some(CreateSpec::Taken) => taken(spec, made, SPEC_EXISTS),
        Some(CreateSpec::Retired) => taken(spec, made, SPEC_RETIRED),
        Some(CreateSpec::NeedsRetired) => taken(spec, made, NEEDS_RETIRED),
    })
}

async fn create(ports: SpecPorts<'_>, spec: &Imported, client_id: &str) -> Result<ImportedSpec, ImportError> {
    let (made, definition) = match compile(ports, spec, &[]).await? {
        Ok(compiled) => compiled,
        Err(refused) => return Ok(refused),
    };
    let creation = create_spec(ports, &definition, &made.body, client_id).await?;
    Ok(match creation {
        Creation::Created(_) => answer(spec, made, Outcome::Created),
        Creation::Identical(_) => answer(spec, made, Outcome::Identical),
        Creation::SpecExists => taken(spec, made, SPEC_EXISTS),
        Creation::NameTaken => taken(spec, made, NAME_TAKEN),
        Creation::Retired => taken(spec, made, SPEC_RETIRED),
        Creation::NeedsRetired => taken(spec, made, NEEDS_RETIRED),
    })
}

/// The definition of a spec that was translated; inside, the answer for one that is refused.
async fn compile<'a>(
    ports: SpecPorts<'_>,
    spec: &'a Imported,
    planned: &[Definition],
) -> Result<Result<(&'a Made, Definition), ImportedSpec>, Failure> {
    let (made, kind) = match (&spec.made, spec.kind) {
        (Ok(made), Some(kind)) => (made, kind),
        (Ok(_), None) => return Ok(Err(refused(spec, None, Vec::new()))),
        (Err(findings), _) => return Ok(Err(refused(spec, None, findings.clone()))),
    };
    match compile_among(ports.store, kind, &made.body, planned).await {
        Ok(definition) => Ok(Ok((made, definition))),
        Err(CompileError::Spec(errors)) => Ok(Err(refused(spec, Some(made), made.findings(errors)))),
        Err(CompileError::Failed(failure)) => Err(failure),
    }
}

const SPEC_EXISTS: (&str, &str) = (
    "spec_exists",
    "the name stands for another spec, perhaps in other case",
);
const NAME_TAKEN: (&str, &str) = (
    "name_taken",
    "the name stands for another spec's view, or for a table of the service's own",
);

const SPEC_RETIRED: (&str, &str) = ("spec_retired", "the very same spec is there, and retired");
const NEEDS_RETIRED: (&str, &str) = ("needs_retired", "a spec that it needs is retired");

fn answer(spec: &Imported, made: &Made, outcome: Outcome) -> ImportedSpec {
    ImportedSpec {
        kind: spec.kind,
        name: spec.name.clone(),
        outcome,
        place: spec.place.clone(),
        findings: Vec::new(),
        body: Some(made.body.clone()),
    }
}

fn taken(spec: &Imported, made: &Made, (rule, reason): (&str, &str)) -> ImportedSpec {
    ImportedSpec {
        findings: vec![Finding::new(spec.place.clone(), rule, reason)],
        ..answer(spec, made, Outcome::Taken)
    }
}

fn refused(spec: &Imported, made: Option<&Made>, findings: Vec<Finding>) -> ImportedSpec {
    ImportedSpec {
        kind: spec.kind,
        name: spec.name.clone(),
        outcome: Outcome::Refused,
        place: spec.place.clone(),
        findings,
        body: made.map(|made| made.body.clone()),
    }
}
