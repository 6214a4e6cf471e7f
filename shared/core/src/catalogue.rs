//! The KPI catalogue: what a dataset's figures mean to whoever reads them.

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A dataset's entry in the KPI catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KpiCatalogue {
    /// The group of indicators that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What is measured, in a few words.
    pub indicator: String,
    /// What is measured, in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is best shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visualisation: Option<Visualisation>,
    /// The columns to drill down by, the coarsest first; the dataset can be grouped by each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Name>,
    /// What its figures count, such as `%` or `students`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Which figures are good ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// How a dataset is best shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visualisation {
    /// Rows and columns.
    Table,
    /// A bar a group.
    Bar,
    /// Bars made of parts.
    StackedBar,
    /// A line over time.
    Line,
    /// Parts of a whole.
    Pie,
    /// Points by two figures.
    Scatter,
    /// Areas on a map.
    Map,
    /// One large figure.
    Metric,
}

/// Which figures are good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The higher the better.
    HigherIsBetter,
    /// The lower the better.
    LowerIsBetter,
    /// Neither is.
    Neutral,
}
