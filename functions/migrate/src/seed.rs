//! Seeding: the specs of the demonstration, school attendance.

use millrace_app::compile::compile_spec;
use millrace_core::definition::SpecKind;
use millrace_store::Store;
use millrace_store::specs::CreateSpec;
use serde_json::Value;

/// The bodies, in the order in which they depend on each other.
const BODIES: &[(SpecKind, &str)] = &[
    (
        SpecKind::Dimension,
        include_str!("../../../infra/seed/dimension_master.json"),
    ),
    (
        SpecKind::Event,
        include_str!("../../../infra/seed/event_students_attendance.json"),
    ),
    (
        SpecKind::Dataset,
        include_str!("../../../infra/seed/SAC_stds_atd_cmp_by_school.json"),
    ),
];

/// The stage that is never seeded.
pub const PRODUCTION_STAGE: &str = "prod";

/// Refuses to seed production.
///
/// # Errors
/// When the stage is [`PRODUCTION_STAGE`] and seeding is asked for.
pub fn check_stage(stage: &str, seed: bool) -> anyhow::Result<()> {
    anyhow::ensure!(
        !(seed && stage == PRODUCTION_STAGE),
        "a stage called {PRODUCTION_STAGE} is never seeded"
    );
    Ok(())
}

/// Creates the specs that are not there; the names of those that were created now. Those that have been migrated or retired
/// since are left as they are.
///
/// # Errors
/// When a spec of that name is there and differs, or the database fails.
pub async fn seed(store: &Store) -> anyhow::Result<Vec<String>> {
    let mut seeded = Vec::new();
    for (kind, text) in BODIES {
        let body: Value = serde_json::from_str(text)?;
        let name = body[format!("{}_name", kind.as_str())]
            .as_str()
            .unwrap_or_default();
        let stored = store.load_spec(*kind, name).await?;
        if stored.is_some_and(|stored| stored.retired_at.is_some()) {
            continue;
        }
        let definition = compile_spec(store, *kind, &body).await?;
        match store.create_spec(&definition, &body, "seed").await? {
            CreateSpec::Created(_) => seeded.push(name.to_owned()),
            CreateSpec::Identical(_) | CreateSpec::Retired | CreateSpec::NeedsRetired => {}
            CreateSpec::Taken => {
                let first = store.load_spec_version(*kind, name, Some(1)).await?;
                let is_ours = first.is_some_and(|first| first.body == body);
                anyhow::ensure!(is_ours, "a different {} called {name} is there", kind.as_str());
            }
        }
    }
    Ok(seeded)
}

#[cfg(test)]
mod tests {
    use millrace_spec::{Catalogue, check_dataset, check_dimension, check_event};

    use super::{BODIES, check_stage};

    #[test]
    fn production_is_never_seeded() {
        assert!(check_stage("prod", true).is_err());
        assert!(check_stage("prod", false).is_ok());
        assert!(check_stage("dev", true).is_ok());
    }

    #[test]
    fn the_bodies_are_good_specs() {
        let body = |at: usize| serde_json::from_str(BODIES[at].1).unwrap();
        let dimension = check_dimension(&body(0)).unwrap();
        let event = check_event(&body(1)).unwrap();
        let catalogue = Catalogue {
            events: vec![event],
            dimensions: vec![dimension],
            ..Catalogue::default()
        };
        let dataset = check_dataset(&body(2), &catalogue).unwrap();
        assert_eq!(dataset.keys.len(), 2);
        assert_eq!(dataset.outputs.len(), 3);
    }
}
