//! One row of `dataset_keys.csv`: one KPI.

use std::collections::HashSet;

use super::super::cells::{Lookup, Parts, Places};
use super::super::identifier::identifier;
use super::super::place::{Finding, Place};
use super::super::table::{self, Row, is_nothing};
use super::KeyFile;
use super::dataset::{Mapped, Types};
use super::template::{Feed, Template};
use crate::problem::quoted;

/// The columns of the file.
pub(super) const COLUMNS: [&str; 21] = [
    "transformer_template",
    "spec_template",
    "program",
    "dataset_name",
    "level",
    "dimension_table",
    "dimension_col",
    "merge_on_col",
    "dataset_col",
    "dataset_datatype",
    "group_by_col",
    "agg_col_table",
    "agg_col",
    "numerator",
    "denominator",
    "agg_function",
    "target_table",
    "update_col",
    "filter_col",
    "filter_type",
    "filter",
];

const FUNCTIONS: [&str; 5] = ["sum", "count", "min", "max", "avg"];

/// A row while it is read: what is wrong with it is collected.
pub(super) struct Kpi<'a> {
    file: &'a KeyFile,
    row: &'a Row,
    findings: Vec<Finding>,
}

/// Translates a row.
pub(super) fn translate(
    file: &KeyFile,
    row: &Row,
    mapped: &Mapped,
    types: &Types,
) -> Result<(Parts, Places), Vec<Finding>> {
    let mut kpi = Kpi {
        file,
        row,
        findings: Vec::new(),
    };
    let template = kpi.template()?;
    kpi.check_mapped(mapped);
    let columns = kpi.columns();
    let served: HashSet<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let group_by = kpi.names("group_by_col");
    kpi.check_listed(
        "group_by_col",
        &group_by,
        &served,
        "unknown_column",
        "dataset_col",
    );
    let source = kpi.source(template.feed);
    let ratio = kpi.ratio(template, &served);
    let update = kpi.optional_names("update_col");
    kpi.check_listed("update_col", &update, &served, "output_mismatch", "dataset_col");
    kpi.check_target();
    let event = identifier(&mapped.event);
    let filter = kpi.filter(template, &event, source.as_deref(), types);
    let parts = Parts {
        name: identifier(kpi.cell("dataset_name")),
        lookup: kpi.lookup(),
        columns,
        group_by,
        functions: kpi.functions(),
        aggregated: kpi.names("agg_col"),
        source,
        ratio,
        update,
        filter,
        // One that is computed from a dataset alone has its event through that one.
        event: (template.feed != Feed::Dataset).then_some(event),
    };
    let places = kpi.places(mapped);
    match kpi.findings.is_empty() {
        true => Ok((parts, places)),
        false => Err(kpi.findings),
    }
}

/// Refuses a row for which no event is told: by its template, if that cannot be translated either.
pub(super) fn refuse_unmapped(file: &KeyFile, row: &Row) -> Result<(Parts, Places), Vec<Finding>> {
    let mut kpi = Kpi {
        file,
        row,
        findings: Vec::new(),
    };
    kpi.template()?;
    let reason = "no row of transformer_dataset_mapping.csv names its event";
    kpi.wrong("dataset_name", "unknown_event", reason);
    // What else is wrong is worth knowing before the mapping is mended.
    let unknown = Mapped {
        template: kpi.cell("transformer_template").to_owned(),
        event: String::new(),
        dimension: String::new(),
        place: row.place.clone(),
        event_place: row.place.clone(),
    };
    let found = translate(file, row, &unknown, &Types::default()).err();
    kpi.findings.extend(found.into_iter().flatten());
    Err(kpi.findings)
}

impl Kpi<'_> {
    pub(super) fn cell(&self, column: &str) -> &str {
        self.file.cell(self.row, column)
    }

    fn at(&self, column: &str) -> Place {
        self.file.at(self.row, column)
    }

    pub(super) fn wrong(&mut self, column: &str, rule: &str, reason: impl Into<String>) {
        let place = self.at(column);
        self.findings
            .push(Finding::new(place, rule, format!("{column}: {}", reason.into())));
    }

    fn template(&mut self) -> Result<Template, Vec<Finding>> {
        self.file.check_width(self.row).map_err(|finding| vec![finding])?;
        let word = self.cell("transformer_template");
        if let Some(template) = Template::read(word) {
            return Ok(template);
        }
        let reason = format!("{} is no template that is known", quoted(word));
        self.wrong("transformer_template", "unknown_template", reason);
        Err(std::mem::take(&mut self.findings))
    }

    fn check_mapped(&mut self, mapped: &Mapped) {
        let table = self.cell("dimension_table").to_owned();
        let dimension = table.strip_prefix("ingestion.").unwrap_or(&table);
        let template = self.cell("transformer_template").to_owned();
        for (column, here, there) in [
            (
                "transformer_template",
                template.as_str(),
                mapped.template.as_str(),
            ),
            ("dimension_table", dimension, mapped.dimension.as_str()),
        ] {
            if !there.is_empty() && here != there {
                let line = mapped.place.line.unwrap_or_default();
                let reason = format!(
                    "says {}, and line {line} of transformer_dataset_mapping.csv says {}",
                    quoted(here),
                    quoted(there)
                );
                self.wrong(column, "contradiction", reason);
            }
        }
    }

    /// The names in a cell that has to hold some.
    fn names(&mut self, column: &str) -> Vec<String> {
        if is_nothing(self.cell(column)) {
            self.wrong(column, "missing_value", "has to hold something");
        }
        self.optional_names(column)
    }

    fn optional_names(&mut self, column: &str) -> Vec<String> {
        let names: Vec<String> = table::list(self.cell(column))
            .into_iter()
            .map(str::to_owned)
            .collect();
        if names.iter().any(String::is_empty) {
            self.wrong(column, "no_name", "has an empty item");
        }
        names.iter().map(|name| identifier(name)).collect()
    }

    fn check_listed(
        &mut self,
        column: &str,
        names: &[String],
        known: &HashSet<String>,
        rule: &str,
        list: &str,
    ) {
        let unknown: Vec<&str> = names
            .iter()
            .filter(|name| !known.contains(*name))
            .map(String::as_str)
            .collect();
        if !unknown.is_empty() {
            self.wrong(
                column,
                rule,
                format!("{list} does not have {}", unknown.join(", ")),
            );
        }
    }

    fn columns(&mut self) -> Vec<(String, String)> {
        let names = self.names("dataset_col");
        let types: Vec<String> = table::list(self.cell("dataset_datatype"))
            .into_iter()
            .map(str::to_owned)
            .collect();
        if names.len() != types.len() {
            let reason = format!("has {} items, and dataset_col has {}", types.len(), names.len());
            self.wrong("dataset_datatype", "count_mismatch", reason);
        }
        for declared in &types {
            if !["string", "integer", "number", "boolean"].contains(&declared.as_str()) {
                let reason = format!("{} is none of string, integer, number, boolean", quoted(declared));
                self.wrong("dataset_datatype", "unknown_type", reason);
            }
        }
        // What else is wrong is told without those that have no type.
        let types = types.into_iter().chain(std::iter::repeat("string".to_owned()));
        names.into_iter().zip(types).collect()
    }

    fn functions(&mut self) -> Vec<String> {
        let functions = self.names("agg_function");
        for function in functions
            .iter()
            .filter(|function| !FUNCTIONS.contains(&function.as_str()))
        {
            let reason = format!("{} is none of {}", quoted(function), FUNCTIONS.join(", "));
            self.wrong("agg_function", "unknown_function", reason);
        }
        functions
    }

    fn check_target(&mut self) {
        let expected = format!("ingestion.{}", self.cell("dataset_name"));
        let target = self.cell("target_table").to_owned();
        if target != expected {
            let reason = format!("must be {}, not {}", quoted(&expected), quoted(&target));
            self.wrong("target_table", "wrong_table", reason);
        }
    }

    fn lookup(&mut self) -> Option<Lookup> {
        let table = self.cell("dimension_table").to_owned();
        if is_nothing(&table) {
            return None;
        }
        let columns = self.names("dimension_col");
        let merge_on = self.names("merge_on_col");
        if merge_on.len() > 1 {
            self.wrong("merge_on_col", "several_keys", "a join has one column");
        }
        let Some(name) = table.strip_prefix("ingestion.") else {
            let reason = format!("must be \"ingestion.<name>\", not {}", quoted(&table));
            self.wrong("dimension_table", "wrong_table", reason);
            return None;
        };
        Some(Lookup {
            dimension: identifier(name),
            columns,
            merge_on: merge_on.into_iter().next()?,
        })
    }

    /// The dataset that feeds it, as the template has it.
    fn source(&mut self, feed: Feed) -> Option<String> {
        let items: Vec<String> = table::list(self.cell("agg_col_table"))
            .into_iter()
            .map(str::to_owned)
            .collect();
        let tables: Vec<&str> = items
            .iter()
            .filter_map(|item| item.strip_prefix("ingestion."))
            .collect();
        let has_event = items.iter().any(|item| item == "event");
        let is_known = items.len() == tables.len() + usize::from(has_event);
        let is_good = is_known
            && match feed {
                Feed::Event => has_event && tables.is_empty(),
                Feed::Dataset => !has_event && tables.len() == 1,
                Feed::Both => tables.len() == 1,
            };
        if !is_good {
            let expected = match feed {
                Feed::Event => "\"event\"",
                Feed::Dataset => "\"ingestion.<dataset>\"",
                Feed::Both => "\"ingestion.<dataset>\", with or without \"event\" before it",
            };
            let reason = format!(
                "the template wants {expected} here, not {}",
                quoted(self.cell("agg_col_table"))
            );
            self.wrong("agg_col_table", "contradiction", reason);
            return None;
        }
        tables.first().map(|table| identifier(table))
    }

    /// Numerator and denominator, which are there with templates of percentages, and are served.
    fn ratio(&mut self, template: Template, served: &HashSet<String>) -> Option<(String, String)> {
        let mut one = |column: &str| {
            let written = self.cell(column).to_owned();
            match (template.is_ratio, is_nothing(&written)) {
                (true, true) => self.wrong(
                    column,
                    "missing_value",
                    "the template makes a percentage".to_owned(),
                ),
                (false, false) => self.wrong(
                    column,
                    "contradiction",
                    "the template makes no percentage".to_owned(),
                ),
                (false, true) => {}
                (true, false) => {
                    let name = identifier(&written);
                    // What is computed of the denominator's dataset has that dataset's name for it.
                    if template.feed != Feed::Both {
                        self.check_listed(
                            column,
                            std::slice::from_ref(&name),
                            served,
                            "output_mismatch",
                            "dataset_col",
                        );
                    }
                    return Some(name);
                }
            }
            None
        };
        let (numerator, denominator) = (one("numerator"), one("denominator"));
        Some((numerator?, denominator?))
    }

    fn places(&self, mapped: &Mapped) -> Places {
        Places {
            event: mapped.event_place.clone(),
            dimension: self.at("dimension_table"),
            dimension_columns: self.at("dimension_col"),
            merge_on: self.at("merge_on_col"),
            columns: self.at("dataset_col"),
            group_by: self.at("group_by_col"),
            functions: self.at("agg_function"),
            aggregated: self.at("agg_col"),
            source: self.at("agg_col_table"),
            numerator: self.at("numerator"),
            denominator: self.at("denominator"),
            update: self.at("update_col"),
            filter: self.at("filter_col"),
            whole: self.at("dataset_name"),
        }
    }
}
