//! A dataset's body taken apart: each name with the place where it stands.

use millrace_core::Name;
use serde_json::{Map, Value};

use super::References;
use crate::constant;
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// A name and its place.
pub(super) struct Listed<'a> {
    pub(super) name: &'a str,
    pub(super) at: Pointer,
}

/// The declared dimension.
pub(super) struct DimensionPart<'a> {
    pub(super) table: Listed<'a>,
    pub(super) columns: Vec<Listed<'a>>,
    pub(super) merge_on: Listed<'a>,
}

/// A declared condition: `filter_col`, `filter_type`, `filter`.
pub(super) struct FilterPart<'a> {
    pub(super) column: Listed<'a>,
    pub(super) operator: Listed<'a>,
    pub(super) value: Listed<'a>,
}

/// What a dataset's body says.
pub(super) struct Parts<'a> {
    pub(super) name: Name,
    pub(super) event_name: Option<&'a str>,
    pub(super) transformer_name: Option<&'a str>,
    pub(super) dimension: Option<DimensionPart<'a>>,
    /// The served columns with their declared types, in order.
    pub(super) columns: &'a Map<String, Value>,
    pub(super) columns_at: Pointer,
    pub(super) group_by: Vec<Listed<'a>>,
    pub(super) functions: Vec<Listed<'a>>,
    pub(super) aggregated: Vec<Listed<'a>>,
    /// The dataset that it is computed from, or whose column it borrows where an event is named too.
    pub(super) dataset: Option<Listed<'a>>,
    pub(super) filters: Vec<FilterPart<'a>>,
    pub(super) numerator: Option<Listed<'a>>,
    pub(super) denominator: Option<Listed<'a>>,
    pub(super) update: Vec<Listed<'a>>,
    pub(super) aggregate_at: Pointer,
}

impl Parts<'_> {
    /// The event has what is aggregated, filtered by and joined on, and what is grouped by and no dimension attribute.
    pub(super) fn references(&self) -> References {
        let merge_on = self.dimension.iter().map(|declared| &declared.merge_on);
        let filtered = self.filters.iter().map(|filter| &filter.column);
        let names = |listed: &Listed<'_>| listed.name.to_owned();
        References {
            event: self.event_name.map(str::to_owned),
            transformer: self.transformer_name.map(str::to_owned),
            dataset: self.dataset.as_ref().map(names),
            dimension: self.dimension.as_ref().map(|declared| names(&declared.table)),
            event_columns: self
                .aggregated
                .iter()
                .chain(merge_on)
                .chain(filtered)
                .map(names)
                .collect(),
            grouped_columns: self.group_by.iter().map(names).collect(),
        }
    }
}

/// Takes a body apart that fits the schema.
pub(super) fn read<'a>(body: &'a Value, problems: &mut Problems) -> Option<Parts<'a>> {
    let name = Name::parse(body.get("dataset_name")?.as_str()?).ok()?;
    let at = Pointer::of(&["input", "properties"]);
    let top = body.pointer("/input/properties")?;
    constant::check_table(Some(top), &at, name.as_str(), problems);
    constant::check_echo(
        top.get("dataset_name"),
        &at.member("dataset_name"),
        name.as_str(),
        problems,
    );
    let dataset = top.pointer("/dataset/properties")?;
    let at_dataset = at.member("dataset").member("properties");
    let aggregate = dataset.pointer("/aggregate/properties")?;
    let aggregate_at = at_dataset.member("aggregate").member("properties");
    constant::check_table(Some(aggregate), &aggregate_at, name.as_str(), problems);
    let items = dataset.pointer("/items/items")?;
    let items_at = at_dataset.member("items").member("items");
    check_required(items, &items_at, problems);
    let columns = aggregate.pointer("/columns/items/properties")?;
    let columns_at = ["columns", "items", "properties"];
    let columns_at = columns_at
        .iter()
        .fold(aggregate_at.clone(), |at, member| at.member(member));
    Some(Parts {
        name,
        event_name: body.get("event_name").and_then(Value::as_str),
        transformer_name: body.get("transformer_name").and_then(Value::as_str),
        dimension: read_dimension(top, &at, problems),
        columns: items.get("properties")?.as_object()?,
        columns_at: items_at.member("properties"),
        group_by: list(dataset.get("group_by"), &at_dataset.member("group_by")),
        functions: distinct(
            list(aggregate.get("function"), &aggregate_at.member("function")),
            problems,
        ),
        aggregated: distinct(
            list(columns.get("column"), &columns_at.member("column")),
            problems,
        ),
        dataset: read_table(columns, &columns_at, problems),
        filters: read_filters(aggregate.get("filters"), &aggregate_at.member("filters")),
        numerator: constant_at(aggregate, &aggregate_at, "numerator_col"),
        denominator: constant_at(aggregate, &aggregate_at, "denominator_col"),
        update: distinct(
            list(aggregate.get("update_cols"), &aggregate_at.member("update_cols")),
            problems,
        ),
        aggregate_at,
    })
}

fn list<'a>(array: Option<&'a Value>, at: &Pointer) -> Vec<Listed<'a>> {
    let items = array.and_then(Value::as_array).into_iter().flatten().enumerate();
    items
        .filter_map(|(index, item)| {
            item.as_str().map(|name| Listed {
                name,
                at: at.item(index),
            })
        })
        .collect()
}

fn distinct<'a>(listed: Vec<Listed<'a>>, problems: &mut Problems) -> Vec<Listed<'a>> {
    let mut kept: Vec<Listed<'a>> = Vec::with_capacity(listed.len());
    for one in listed {
        if kept.iter().any(|other| other.name == one.name) {
            problems.add(
                &one.at,
                "duplicate_name",
                format!("{} is there twice", quoted(one.name)),
            );
        } else {
            kept.push(one);
        }
    }
    kept
}

fn constant_at<'a>(holder: &'a Value, at: &Pointer, member: &str) -> Option<Listed<'a>> {
    let name = constant::text(holder.get(member)?)?;
    Some(Listed {
        name,
        at: at.member(member).member("pattern"),
    })
}

fn read_dimension<'a>(top: &'a Value, at: &Pointer, problems: &mut Problems) -> Option<DimensionPart<'a>> {
    let properties = top.pointer("/dimensions/properties")?;
    let at = at.member("dimensions").member("properties");
    Some(DimensionPart {
        table: read_table(properties, &at, problems)?,
        columns: list(properties.get("column"), &at.member("column")),
        merge_on: constant_at(properties, &at, "merge_on_col")?,
    })
}

fn read_table<'a>(holder: &'a Value, at: &Pointer, problems: &mut Problems) -> Option<Listed<'a>> {
    let at = at.member("table");
    let name = constant::table_name(holder.get("table")?, &at, problems)?;
    Some(Listed {
        name,
        at: at.member("pattern"),
    })
}

/// One condition, or several that must all hold.
fn read_filters<'a>(filters: Option<&'a Value>, at: &Pointer) -> Vec<FilterPart<'a>> {
    match filters {
        None => Vec::new(),
        Some(Value::Array(several)) => several
            .iter()
            .enumerate()
            .filter_map(|(index, one)| read_filter(one, &at.item(index)))
            .collect(),
        Some(one) => read_filter(one, at).into_iter().collect(),
    }
}

fn read_filter<'a>(filter: &'a Value, at: &Pointer) -> Option<FilterPart<'a>> {
    let (properties, at) = (filter.get("properties")?, at.member("properties"));
    Some(FilterPart {
        column: constant_at(properties, &at, "filter_col")?,
        operator: constant_at(properties, &at, "filter_type")?,
        value: constant_at(properties, &at, "filter")?,
    })
}

fn check_required(items: &Value, at: &Pointer, problems: &mut Problems) {
    let listed = list(items.get("required"), &at.member("required"));
    for name in listed
        .iter()
        .filter(|one| items["properties"].get(one.name).is_none())
    {
        let message = format!("there is no property {}", quoted(name.name));
        problems.add(&name.at, "unknown_field", message);
    }
}
