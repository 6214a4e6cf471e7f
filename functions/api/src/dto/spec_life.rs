//! The life of specs on the wire: versions, differences, dependants, retirement.

use millrace_app::life::Comparison;
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_spec::compare::Difference;
use millrace_store::specs::SpecNeed;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// A page of specs that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SpecListQuery {
    /// Whether retired specs are listed too.
    #[param(required = false, example = true)]
    pub retired: bool,
    /// The most items of the page; 1,000 when not said. A page may be shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 10_000, example = 1_000)]
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl ReadQuery for SpecListQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            retired: members.flag("retired")?,
            limit: members.limit()?,
            cursor: members.optional("cursor")?,
        })
    }
}

/// A version that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The version; the newest when not said.
    #[param(minimum = 1, example = 1)]
    pub version: Option<u32>,
}

impl ReadQuery for VersionQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            version: members.number("version")?,
        })
    }
}

/// The version that a body is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReplacesQuery {
    /// The newest version, as far as the caller knows: the body becomes the one after it, or none.
    #[param(minimum = 1, example = 1)]
    pub version: u32,
}

impl ReadQuery for ReplacesQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            version: needed(members, "version")?,
        })
    }
}

/// Two versions that are to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CompareQuery {
    /// The one.
    #[param(minimum = 1, example = 1)]
    pub from: u32,
    /// The other.
    #[param(minimum = 1, example = 2)]
    pub to: u32,
}

impl ReadQuery for CompareQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            from: needed(members, "from")?,
            to: needed(members, "to")?,
        })
    }
}

fn needed(members: &mut QueryMembers, name: &str) -> Result<u32, Problem> {
    let number = members.number(name)?;
    number.ok_or_else(|| bad_member(name, "has to be there"))
}

/// One difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecDifference {
    /// JSON pointer into the later body; into the earlier one for what went away.
    #[schema(example = "/input/properties/event/items/properties/grade/maximum")]
    pub pointer: String,
    /// What it means, stable: `field_added`, `required_field_added`, `field_removed`, `type_changed`, `rule_tightened`,
    /// `rule_loosened`, `rule_changed`, `format_changed`, `key_changed`, `feed_changed`, `grouping_changed`, `cells_changed`,
    /// `dimension_changed`, `plan_changed`, `output_added`, `output_removed`, `output_changed`, `catalogue_changed`, `target_changed`,
    /// `source_changed`, `pipeline_changed`, `schedule_changed`, `text_changed`, `written_otherwise`.
    #[schema(example = "rule_loosened")]
    pub code: String,
    /// Whether what is there goes on to mean what it meant.
    pub additive: bool,
    /// The same in words.
    pub message: String,
}

/// What differs between two versions of a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecComparison {
    /// The kind.
    #[schema(value_type = String, example = "event")]
    pub kind: SpecKind,
    /// The name.
    #[schema(example = "event_students_attendance")]
    pub name: String,
    /// The one version.
    #[schema(example = 1)]
    pub from: u32,
    /// The other; null where it is the body that was posted.
    pub to: Option<u32>,
    /// Whether the other may follow the one: every difference is additive.
    pub additive: bool,
    /// What differs; nothing where they are the same.
    pub differences: Vec<SpecDifference>,
}

impl SpecComparison {
    /// The answer for a comparison.
    #[must_use]
    pub fn new(kind: SpecKind, name: &str, comparison: Comparison) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            from: comparison.from,
            to: comparison.to,
            additive: comparison.is_additive(),
            differences: comparison.differences.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Difference> for SpecDifference {
    fn from(difference: Difference) -> Self {
        Self {
            pointer: difference.pointer,
            code: difference.meaning.code().to_owned(),
            additive: difference.meaning.is_additive(),
            message: difference.message,
        }
    }
}

/// A spec beside another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecReference {
    /// Its kind.
    #[schema(value_type = String, example = "dataset")]
    pub kind: SpecKind,
    /// Its name.
    #[schema(example = "SAC_stds_atd_cmp_by_school")]
    pub name: String,
    /// Whether it is retired.
    pub retired: bool,
}

impl From<SpecNeed> for SpecReference {
    fn from(need: SpecNeed) -> Self {
        Self {
            kind: need.kind,
            name: need.name,
            retired: need.is_retired,
        }
    }
}

/// A page of the specs that need a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DependantPage {
    /// The specs, by kind and name.
    pub items: Vec<SpecReference>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

impl DependantPage {
    /// A page that was asked for with so many items.
    #[must_use]
    pub fn new(needs: Vec<SpecNeed>, limit: u32) -> Self {
        let is_full = needs.len() >= limit as usize;
        let last = needs.last().filter(|_| is_full);
        let next = last.map(|last| format!("{}:{}", last.kind.as_str(), last.name));
        Self {
            items: needs.into_iter().map(SpecReference::from).collect(),
            next,
        }
    }
}

/// Whether a spec is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecState {
    /// Its kind.
    #[schema(value_type = String, example = "event")]
    pub kind: SpecKind,
    /// Its name.
    #[schema(example = "event_students_attendance")]
    pub name: String,
    /// Whether it is retired.
    pub retired: bool,
}

/// A further version of a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SpecMigrated {
    /// Its kind.
    #[schema(value_type = String, example = "event")]
    pub kind: SpecKind,
    /// Its name.
    #[schema(example = "event_students_attendance")]
    pub name: String,
    /// The version that the body is now.
    #[schema(example = 2)]
    pub version: u32,
    /// What became of it, in words.
    pub message: String,
}

impl SpecMigrated {
    /// The answer for a version.
    #[must_use]
    pub fn new(kind: SpecKind, name: &Name, version: u32, message: &str) -> Self {
        Self {
            kind,
            name: name.to_string(),
            version,
            message: message.to_owned(),
        }
    }
}
