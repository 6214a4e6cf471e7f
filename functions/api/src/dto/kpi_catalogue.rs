//! The KPI catalogue on the wire.

use millrace_core::Name;
use millrace_core::catalogue::{Direction, KpiCatalogue, Visualisation};
use millrace_core::field::FieldType;
use millrace_store::specs::KpiRecord;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::answer::Column;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// A page of the catalogue that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KpiListQuery {
    /// Only datasets of this category.
    #[param(example = "attendance")]
    pub category: Option<String>,
    /// The most items of the page; 1,000 when not said. A page may be shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 10_000, example = 1_000)]
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl ReadQuery for KpiListQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self {
            category: members.optional("category")?,
            limit: members.limit()?,
            cursor: members.optional("cursor")?,
        })
    }
}

/// What a dataset's figures mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CatalogueEntry {
    /// The group of indicators that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What is measured, in a few words.
    pub indicator: String,
    /// What is measured, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is best shown: `table`, `bar`, `stacked_bar`, `line`, `pie`, `scatter`, `map` or `metric`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "map")]
    pub visualisation: Option<Visualisation>,
    /// The columns to drill down by, the coarsest first.
    #[schema(value_type = Vec<String>)]
    pub levels: Vec<Name>,
    /// What its figures count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Which figures are good ones: `higher_is_better`, `lower_is_better` or `neutral`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "higher_is_better")]
    pub direction: Option<Direction>,
}

impl From<KpiCatalogue> for CatalogueEntry {
    fn from(entry: KpiCatalogue) -> Self {
        Self {
            category: entry.category,
            indicator: entry.indicator,
            description: entry.description,
            visualisation: entry.visualisation,
            levels: entry.levels,
            unit: entry.unit,
            direction: entry.direction,
        }
    }
}

/// A dataset in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KpiItem {
    /// Its name.
    #[schema(example = "SAC_stds_atd_cmp_by_school")]
    pub name: String,
    /// The version of its spec.
    pub version: u32,
    /// What its figures mean; null where its spec does not say.
    pub catalogue: Option<CatalogueEntry>,
    /// The columns that it can be grouped and filtered by; where its rows come ready, all of them, to filter by.
    pub groups: Vec<Column>,
    /// The figures that it serves.
    pub outputs: Vec<Column>,
}

impl From<KpiRecord> for KpiItem {
    fn from(record: KpiRecord) -> Self {
        let column = |name: &Name, column_type: FieldType| Column {
            name: name.to_string(),
            column_type,
        };
        let definition = record.definition;
        let keys = definition.keys.iter();
        let mut groups: Vec<Column> = keys.map(|key| column(&key.field, key.field_type)).collect();
        for field in record.attributes.unwrap_or_default() {
            // A key of the same name is what is grouped by.
            if definition.keys.iter().all(|key| key.field != field.name) {
                groups.push(column(&field.name, field.field_type));
            }
        }
        let outputs = definition.outputs.iter();
        let outputs = outputs.map(|output| column(&output.name, definition.output_type(&output.formula)));
        Self {
            name: definition.name.to_string(),
            version: record.version,
            groups,
            outputs: outputs.collect(),
            catalogue: definition.catalogue.map(|entry| CatalogueEntry::from(*entry)),
        }
    }
}

/// A page of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KpiListPage {
    /// The datasets, by name.
    pub items: Vec<KpiItem>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

impl KpiListPage {
    /// A page that was asked for with so many items.
    #[must_use]
    pub fn new(records: Vec<KpiRecord>, limit: u32) -> Self {
        let is_full = records.len() >= limit as usize;
        let last = records.last().filter(|_| is_full);
        let next = last.map(|last| last.definition.name.to_string());
        Self {
            items: records.into_iter().map(KpiItem::from).collect(),
            next,
        }
    }
}
