//! KPI queries and their answers on the wire.

use jiff::civil::Date;
use millrace_core::Name;
use millrace_store::datasets::Waiting;
use millrace_store::selection::Grain;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::answer::RowPage;
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// The most columns to group by.
const MAX_GROUPS: usize = 8;
/// What is wrong with a period that has no day.
pub(crate) const TO_BEHIND_FROM: &str = "has to be behind `from`: it is the day after the last";
/// The most columns to filter by.
const MAX_FILTERS: usize = 20;

/// A KPI question.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KpiParameters {
    /// Columns, comma-separated: keys of the dataset or attributes of its dimension. The dataset's own grouping when
    /// absent, one total when empty.
    #[param(value_type = Option<String>, example = "date,district_id")]
    pub group_by: Option<Vec<Name>>,
    /// The period that dates are grouped by: `day`, `week` (ISO), `month` or `year`.
    #[param(value_type = Option<String>, example = "month")]
    pub grain: Option<Grain>,
    /// `column:value`, many times: columns are all to match, each by one of its values. Without a value (`gender:`) those
    /// that have none.
    #[param(value_type = Option<Vec<String>>, example = json!(["grade:7"]))]
    pub filter: Vec<(Name, Vec<String>)>,
    /// The first day (`YYYY-MM-DD`).
    #[param(value_type = Option<String>, example = "2023-01-01")]
    pub from: Option<Date>,
    /// The day after the last.
    #[param(value_type = Option<String>, example = "2023-02-01")]
    pub to: Option<Date>,
    /// The most items of the page; 1,000 when not said. A page may be shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 10_000, example = 1_000)]
    pub limit: u32,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

impl ReadQuery for KpiParameters {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let group_by = members
            .optional("group_by")?
            .map(|text| read_groups(&text))
            .transpose()?;
        let grain = members.optional("grain")?.map(|text| {
            Grain::parse(&text).ok_or_else(|| bad_member("grain", "has to be day, week, month or year"))
        });
        let (from, to) = (read_day(members, "from")?, read_day(members, "to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(bad_member("to", TO_BEHIND_FROM));
        }
        Ok(Self {
            group_by,
            grain: grain.transpose()?,
            filter: read_filters(&members.repeated("filter"))?,
            from,
            to,
            limit: members.limit()?,
            cursor: members.optional("cursor")?,
        })
    }
}

fn read_groups(text: &str) -> Result<Vec<Name>, Problem> {
    let parts = text.split(',').filter(|_| !text.is_empty()).map(str::trim);
    parse_groups(parts).map_err(|message| bad_member("group_by", message))
}

/// Columns to group by, each once.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn parse_groups<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Vec<Name>, String> {
    let mut groups: Vec<Name> = Vec::new();
    for part in parts {
        let name = Name::parse(part).map_err(|error| error.to_string())?;
        if groups.contains(&name) {
            return Err(format!("{name} is there twice"));
        }
        groups.push(name);
    }
    if groups.len() > MAX_GROUPS {
        return Err(format!("has more than {MAX_GROUPS} columns"));
    }
    Ok(groups)
}

fn read_filters(texts: &[String]) -> Result<Vec<(Name, Vec<String>)>, Problem> {
    parse_filters(texts).map_err(|message| bad_member("filter", message))
}

/// Filters, written `column:value`, by column.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn parse_filters(texts: &[String]) -> Result<Vec<(Name, Vec<String>)>, String> {
    let mut filters: Vec<(Name, Vec<String>)> = Vec::new();
    for text in texts {
        let (column, value) = text.split_once(':').ok_or("is written column:value")?;
        let name = Name::parse(column).map_err(|error| error.to_string())?;
        let value = value.to_owned();
        match filters.iter_mut().find(|(column, _)| *column == name) {
            Some((_, values)) => values.push(value),
            None => filters.push((name, vec![value])),
        }
    }
    if filters.len() > MAX_FILTERS {
        return Err(format!("names more than {MAX_FILTERS} columns"));
    }
    Ok(filters)
}

fn read_day(members: &mut QueryMembers, name: &str) -> Result<Option<Date>, Problem> {
    let Some(text) = members.optional(name)? else {
        return Ok(None);
    };
    let day = parse_day(&text);
    day.map(Some)
        .ok_or_else(|| bad_member(name, "has to be a day, written YYYY-MM-DD"))
}

/// A calendar day in the one form that is taken.
pub(crate) fn parse_day(text: &str) -> Option<Date> {
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().ok().filter(|_| is_plain)
}

/// Cells that wait for rows of their dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingDetail {
    /// How many dimension keys are missing.
    pub keys: u64,
    /// How many cells wait for them.
    pub cells: u64,
    /// How many rows those were made from.
    pub rows: u64,
    /// The first ten of the keys.
    pub examples: Vec<String>,
}

/// A page of KPI figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct KpiPage {
    /// The figures.
    #[serde(flatten)]
    pub page: RowPage,
    /// What is not counted in them, since the dimension lacks its keys.
    pub waiting: WaitingDetail,
}

impl From<Waiting> for WaitingDetail {
    fn from(waiting: Waiting) -> Self {
        Self {
            keys: waiting.keys,
            cells: waiting.cells,
            rows: waiting.rows,
            examples: waiting.examples,
        }
    }
}
