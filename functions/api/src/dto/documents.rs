//! Documents on the wire: ordered, shown.

use millrace_core::{DocumentId, Name};
use millrace_store::documents::{DocumentError, DocumentQuery, DocumentRecord, DocumentState, SourceVersion};
use millrace_store::selection::Grain;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::dto::files::sequence_cursor;
use crate::dto::kpi::{TO_BEHIND_FROM, parse_day, parse_filters, parse_groups};
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::{Problem, rules_are_broken};

/// The most characters of a title.
const MAX_TITLE: usize = 200;
/// The most filters.
const MAX_FILTERS: usize = 100;
/// The most bytes of all filters: as many as the address of a KPI query can hold, and as a document can show.
const MAX_FILTERS_BYTES: usize = 8 * 1_024;
/// The most measures that are named.
const MAX_MEASURES: usize = 100;

/// Asks for a document.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentAsked {
    /// `kpi`: figures of a dataset.
    #[schema(example = "kpi")]
    pub kind: String,
    /// Its heading; the dataset's name when absent.
    #[schema(example = "Attendance by district")]
    pub title: Option<String>,
    /// What it shows.
    pub query: DocumentQueryAsked,
}

/// A KPI query, in the words of `GET /kpis/{name}`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentQueryAsked {
    /// The dataset.
    #[schema(example = "SAC_stds_atd_cmp_by_school")]
    pub dataset: String,
    /// Keys of the dataset or attributes of its dimension. The dataset's own grouping when absent, one total when empty.
    #[schema(example = json!(["district_id"]))]
    pub group_by: Option<Vec<String>>,
    /// The period that dates are grouped by: `day`, `week` (ISO), `month` or `year`.
    #[schema(example = "month")]
    pub grain: Option<String>,
    /// `column:value`, many times: columns are all to match, each by one of its values.
    #[serde(default)]
    #[schema(example = json!(["grade:7"]))]
    pub filter: Vec<String>,
    /// The first day (`YYYY-MM-DD`).
    #[schema(example = "2023-01-01")]
    pub from: Option<String>,
    /// The day after the last.
    #[schema(example = "2023-02-01")]
    pub to: Option<String>,
    /// The measures that are shown, in this order; all of the dataset's when absent. The chart shows the first.
    #[schema(example = json!(["percentage"]))]
    pub measures: Option<Vec<String>>,
}

/// A query whose shape is right; the dataset has yet to take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedQuery {
    /// The dataset.
    pub dataset: Name,
    /// What is grouped by, if it is said.
    pub group_by: Option<Vec<Name>>,
    /// The rest; its grouping is not filled in.
    pub rest: DocumentQuery,
}

/// Rules that are broken: pointer, code, message.
type Broken = Vec<(&'static str, &'static str, String)>;

fn keep<T>(broken: &mut Broken, pointer: &'static str, read: Result<T, String>) -> Option<T> {
    read.map_err(|message| broken.push((pointer, "wrong_value", message)))
        .ok()
}

impl DocumentAsked {
    /// Checks the order's own shape.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn check(&self) -> Result<CheckedQuery, Problem> {
        let mut broken = Broken::new();
        if self.kind != "kpi" {
            broken.push(("/kind", "wrong_value", "has to be kpi".to_owned()));
        }
        if self.title.as_deref().is_some_and(|title| !is_title(title)) {
            let message = format!("has 1 to {MAX_TITLE} characters, none of them a control character");
            broken.push(("/title", "wrong_value", message));
        }
        match (self.query.check(&mut broken), broken.is_empty()) {
            (Some(query), true) => Ok(query),
            _ => {
                let detail = rules_are_broken(broken.len());
                let problem = Problem::invalid("invalid_document", detail);
                Err(broken
                    .into_iter()
                    .fold(problem, |problem, (pointer, code, message)| {
                        problem.at(pointer, code, message)
                    }))
            }
        }
    }

    /// The document's heading.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.query.dataset)
    }
}

impl DocumentQueryAsked {
    fn check(&self, broken: &mut Broken) -> Option<CheckedQuery> {
        let dataset = Name::parse(&self.dataset).map_err(|error| error.to_string());
        let dataset = keep(broken, "/query/dataset", dataset);
        let group_by = self
            .group_by
            .as_ref()
            .map(|names| names.iter().map(String::as_str));
        let group_by = keep(broken, "/query/group_by", group_by.map(parse_groups).transpose());
        let grain = self
            .grain
            .as_deref()
            .map(|text| Grain::parse(text).ok_or_else(|| "has to be day, week, month or year".to_owned()));
        let grain = keep(broken, "/query/grain", grain.transpose());
        let filters = keep(broken, "/query/filter", read_filters(&self.filter));
        let from = keep(broken, "/query/from", read_day(self.from.as_deref()));
        let to = keep(broken, "/query/to", read_day(self.to.as_deref()));
        let is_empty = matches!((&from, &to), (Some(Some(from)), Some(Some(to))) if from >= to);
        broken.extend(is_empty.then(|| ("/query/to", "wrong_value", TO_BEHIND_FROM.to_owned())));
        let measures = keep(broken, "/query/measures", read_measures(self.measures.as_deref()));
        let dataset = dataset?;
        Some(CheckedQuery {
            dataset: dataset.clone(),
            group_by: group_by?,
            rest: DocumentQuery {
                dataset,
                group_by: Vec::new(),
                grain: grain?,
                filters: filters?,
                from: from?,
                to: to?,
                measures: measures?,
            },
        })
    }
}

fn is_title(title: &str) -> bool {
    !title.trim().is_empty() && title.chars().count() <= MAX_TITLE && !title.chars().any(char::is_control)
}

fn read_filters(texts: &[String]) -> Result<Vec<(Name, Vec<String>)>, String> {
    let size_bytes: usize = texts.iter().map(String::len).sum();
    if texts.len() > MAX_FILTERS || size_bytes > MAX_FILTERS_BYTES {
        return Err(format!(
            "has more than {MAX_FILTERS} values, or more than {MAX_FILTERS_BYTES} bytes"
        ));
    }
    if texts.iter().any(|text| text.chars().any(char::is_control)) {
        return Err("holds control characters".to_owned());
    }
    parse_filters(texts)
}

fn read_day(text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let day = parse_day(text).ok_or("has to be a day, written YYYY-MM-DD")?;
    Ok(Some(day.to_string()))
}

fn read_measures(texts: Option<&[String]>) -> Result<Option<Vec<Name>>, String> {
    let Some(texts) = texts else { return Ok(None) };
    if texts.is_empty() || texts.len() > MAX_MEASURES {
        return Err(format!("names 1 to {MAX_MEASURES} measures, or is absent"));
    }
    let mut measures: Vec<Name> = Vec::new();
    for text in texts {
        let name = Name::parse(text).map_err(|error| error.to_string())?;
        if measures.contains(&name) {
            return Err(format!("{name} is there twice"));
        }
        measures.push(name);
    }
    Ok(Some(measures))
}

/// Which documents a listing shows.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentPageQuery {
    /// Only those in a state: `queued`, `running`, `ready` or `failed`.
    #[param(value_type = Option<String>, example = "failed")]
    pub state: Option<DocumentState>,
    /// The most items of the page, of which 200 come at most. A page may be shorter and still have a `next`.
    #[param(required = false, minimum = 1, maximum = 10_000, example = 100)]
    pub limit: u32,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    pub cursor: Option<i64>,
}

impl ReadQuery for DocumentPageQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let state = members.optional("state")?.map(|text| {
            let known = DocumentState::parse(&text);
            known.ok_or_else(|| bad_member("state", "has to be queued, running, ready or failed"))
        });
        Ok(Self {
            state: state.transpose()?,
            limit: members.limit()?,
            cursor: sequence_cursor(members)?,
        })
    }
}

/// The figures of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentQueryDetail {
    /// The dataset.
    #[schema(value_type = String, example = "SAC_stds_atd_cmp_by_school")]
    pub dataset: Name,
    /// What they are grouped by.
    #[schema(value_type = Vec<String>)]
    pub group_by: Vec<Name>,
    /// The period that dates are grouped by.
    #[schema(value_type = Option<String>, example = "month")]
    pub grain: Option<Grain>,
    /// `column:value` each.
    pub filter: Vec<String>,
    /// The first day.
    pub from: Option<String>,
    /// The day after the last.
    pub to: Option<String>,
    /// The measures that are shown, if not all.
    #[schema(value_type = Option<Vec<String>>)]
    pub measures: Option<Vec<Name>>,
}

/// Why a document could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentErrorDetail {
    /// Stable.
    #[schema(example = "too_many_rows")]
    pub code: String,
    /// In words.
    pub message: String,
}

/// What a document was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceVersionDetail {
    /// `dataset` or `dimension`.
    #[schema(example = "dataset")]
    pub kind: String,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// Its version.
    pub version: i64,
    /// How many files it was made from.
    pub files: u64,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentDetail {
    /// The document.
    #[schema(value_type = String, format = Uuid)]
    pub document_id: DocumentId,
    /// `kpi`.
    #[schema(example = "kpi")]
    pub kind: &'static str,
    /// Its heading.
    pub title: String,
    /// What it shows.
    pub query: DocumentQueryDetail,
    /// `queued`, `running`, `ready` or `failed`.
    #[schema(value_type = String, example = "ready")]
    pub state: DocumentState,
    /// How many times it was tried, since it was last asked for.
    pub attempts: u32,
    /// Why the last attempt failed, if it did.
    pub error: Option<DocumentErrorDetail>,
    /// Its pages.
    pub pages: Option<u32>,
    /// The rows of its table.
    pub rows: Option<u32>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// The hash of its bytes.
    pub sha256: Option<String>,
    /// When what it shows became so: the instant of the data's version (RFC 3339).
    pub as_of: Option<String>,
    /// What it was made from.
    pub sources: Option<Vec<SourceVersionDetail>>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: String,
    /// When it was last asked for: its content is made again once it has gone.
    pub queued_at: String,
    /// When the last attempt began.
    pub started_at: Option<String>,
    /// When it was made, or given up.
    pub ended_at: Option<String>,
    /// Until when its content is kept; who fetches it later has it made again.
    pub expires_at: Option<String>,
}

impl From<DocumentRecord> for DocumentDetail {
    fn from(record: DocumentRecord) -> Self {
        let sources = |all: Vec<SourceVersion>| all.into_iter().map(SourceVersionDetail::from).collect();
        Self {
            document_id: record.document_id,
            kind: "kpi",
            title: record.title,
            query: record.query.into(),
            state: record.state,
            attempts: record.attempts,
            error: record.error.map(DocumentErrorDetail::from),
            pages: record.pages,
            rows: record.rows,
            size_bytes: record.size_bytes,
            sha256: record.sha256,
            as_of: record.as_of,
            sources: record.sources.map(sources),
            created_by: record.created_by,
            created_at: record.created_at,
            queued_at: record.queued_at,
            started_at: record.started_at,
            ended_at: record.ended_at,
            expires_at: record.expires_at,
        }
    }
}

impl From<DocumentQuery> for DocumentQueryDetail {
    fn from(query: DocumentQuery) -> Self {
        let filters = query.filters.iter();
        let filter =
            filters.flat_map(|(column, values)| values.iter().map(move |value| format!("{column}:{value}")));
        Self {
            filter: filter.collect(),
            dataset: query.dataset,
            group_by: query.group_by,
            grain: query.grain,
            from: query.from,
            to: query.to,
            measures: query.measures,
        }
    }
}

impl From<DocumentError> for DocumentErrorDetail {
    fn from(error: DocumentError) -> Self {
        Self {
            code: error.code,
            message: error.message,
        }
    }
}

impl From<SourceVersion> for SourceVersionDetail {
    fn from(source: SourceVersion) -> Self {
        Self {
            kind: source.kind,
            name: source.name,
            version: source.version,
            files: source.files,
        }
    }
}

/// A page of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentPage {
    /// The documents, the newest first.
    pub items: Vec<DocumentDetail>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// Documents that were driven on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentsDriven {
    /// How many.
    pub documents: usize,
    /// Hand this back as `cursor` to drive more of them on; null when there are none.
    pub next: Option<String>,
}
