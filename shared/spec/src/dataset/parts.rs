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

/// What a dataset's body says.
pub(super) struct Parts<'a> {
    pub(super) name: Name,
    pub(super) event_name: Option<&'a str>,
    pub(super) dimension: Option<DimensionPart<'a>>,
    /// The served columns with their declared types, in order.
    pub(super) columns: &'a Map<String, Value>,
    pub(super) columns_at: Pointer,
    pub(super) group_by: Vec<Listed<'a>>,
    pub(super) functions: Vec<Listed<'a>>,
    pub(super) aggregated: Vec<Listed<'a>>,
    pub(super) numerator: Option<Listed<'a>>,
    pub(super) denominator: Option<Listed<'a>>,
    pub(super) update: Vec<Listed<'a>>,
    pub(super) aggregate_at: Pointer,
}

impl Parts<'_> {
    /// The event has what is aggregated, what is joined on, and what is grouped by and no dimension attribute.
    pub(super) fn references(&self) -> References {
        let merge_on = self.dimension.iter().map(|declared| &declared.merge_on);
        let names = |listed: &Listed<'_>| listed.name.to_owned();
        References {
            event: self.event_name.map(str::to_owned),
            dimension: self.dimension.as_ref().map(|declared| names(&declared.table)),
            event_columns: self.aggregated.iter().chain(merge_on).map(names).collect(),
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
    refuse_what_is_not_supported(aggregate, &aggregate_at, problems);
    let items = dataset.pointer("/items/items")?;
    let items_at = at_dataset.member("items").member("items");
    check_required(items, &items_at, problems);
    let column_list = aggregate.pointer("/columns/items/properties/column")?;
    let column_at = ["columns", "items", "properties", "column"].iter();
    Some(Parts {
        name,
        event_name: body.get("event_name").and_then(Value::as_str),
        dimension: read_dimension(top, &at, problems),
        columns: items.get("properties")?.as_object()?,
        columns_at: items_at.member("properties"),
        group_by: list(dataset.get("group_by"), &at_dataset.member("group_by")),
        functions: distinct(
            list(aggregate.get("function"), &aggregate_at.member("function")),
            problems,
        ),
        aggregated: distinct(
            list(
                Some(column_list),
                &column_at.fold(aggregate_at.clone(), |at, member| at.member(member)),
            ),
            problems,
        ),
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
    let table = properties.get("table")?;
    Some(DimensionPart {
        table: Listed {
            name: constant::table_name(table, &at.member("table"), problems)?,
            at: at.member("table").member("pattern"),
        },
        columns: list(properties.get("column"), &at.member("column")),
        merge_on: constant_at(properties, &at, "merge_on_col")?,
    })
}

fn refuse_what_is_not_supported(aggregate: &Value, at: &Pointer, problems: &mut Problems) {
    if aggregate.get("filters").is_some() {
        let message = "filters on the rows of a dataset are not supported yet";
        problems.add(&at.member("filters"), "not_supported_yet", message);
    }
    if aggregate.pointer("/columns/items/properties/table").is_some() {
        let members = ["columns", "items", "properties", "table"];
        let at = members.iter().fold(at.clone(), |at, member| at.member(member));
        let message = "a dataset computed from another dataset is not supported yet";
        problems.add(&at, "not_supported_yet", message);
    }
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
