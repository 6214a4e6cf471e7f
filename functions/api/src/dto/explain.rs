//! Where a figure comes from, on the wire.

use millrace_app::explain::{FileShare, TracedLines, filter_words, formula_words};
use millrace_core::FileId;
use millrace_core::definition::DatasetDefinition;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::dto::answer::RowPage;
use crate::dto::kpi::KpiParameters;
use crate::extract::query::bad_member;
use crate::extract::{QueryMembers, ReadQuery};
use crate::problem::Problem;

/// The group of a KPI question's answer that is explained.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KeyParameter {
    /// The values of the columns that are grouped by, in their order, as a JSON array of strings and nulls; everything
    /// that the question covers when absent.
    #[param(value_type = Option<String>, example = r#"["2023-01-08","1000000001"]"#)]
    pub key: Option<Vec<Option<String>>>,
}

/// The file whose lines are listed.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FileParameter {
    /// The file.
    #[param(value_type = String, example = "01859000-0000-7000-8000-000000000000")]
    pub file_id: FileId,
}

/// A figure: a question and the group of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainQuery {
    /// The question.
    pub question: KpiParameters,
    /// The group.
    pub key: KeyParameter,
}

/// A figure and a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesQuery {
    /// The figure.
    pub figure: ExplainQuery,
    /// The file.
    pub file: FileParameter,
}

impl ReadQuery for ExplainQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let key = members.optional("key")?.map(|text| {
            let parsed: Option<Vec<Option<String>>> = serde_json::from_str(&text).ok();
            let is_text =
                |values: &Vec<Option<String>>| !values.iter().flatten().any(|value| value.contains('\0'));
            parsed
                .filter(is_text)
                .ok_or_else(|| bad_member("key", "has to be a JSON array of strings and nulls"))
        });
        Ok(Self {
            key: KeyParameter {
                key: key.transpose()?,
            },
            question: KpiParameters::read(members)?,
        })
    }
}

impl ReadQuery for LinesQuery {
    fn read(members: &mut QueryMembers) -> Result<Self, Problem> {
        let file_id = members.optional("file_id")?.and_then(|text| text.parse().ok());
        let file_id = file_id.ok_or_else(|| bad_member("file_id", "has to be the id of a file"))?;
        Ok(Self {
            file: FileParameter { file_id },
            figure: ExplainQuery::read(members)?,
        })
    }
}

/// How an output is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FormulaDetail {
    /// The output.
    #[schema(example = "percentage")]
    pub output: String,
    /// How it is made of the measures.
    #[schema(example = "100 × sum(students_attendance_marked) ÷ sum(total_students)")]
    pub formula: String,
}

/// What is added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeasureDetail {
    /// The event's field, or the other dataset's column.
    #[schema(example = "total_students")]
    pub field: String,
    /// Which rows it is made of; null for all.
    pub filter: Option<String>,
}

/// What a file adds to a measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeasureShareDetail {
    /// How many of its rows have a value.
    pub count: u64,
    /// Their exact sum; of days and instants, which have none, 0.
    #[schema(example = "1035")]
    pub sum: String,
    /// Their least value, where the dataset serves a least or greatest one of the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Their greatest value, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

/// What a file adds to a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileShareDetail {
    /// The file.
    #[schema(value_type = String)]
    pub file_id: FileId,
    /// The version that counts.
    pub version: u32,
    /// The file's name.
    pub file_name: String,
    /// The version of the event's spec that it was checked against.
    pub spec_version: u32,
    /// How many of its rows count.
    pub rows: u64,
    /// What they add, in the order of the measures.
    pub measures: Vec<MeasureShareDetail>,
}

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// The figure itself, as the KPI query answers it.
    pub figure: RowPage,
    /// The version of the dataset's spec.
    pub spec_version: u32,
    /// How each output is made.
    pub formulas: Vec<FormulaDetail>,
    /// What is added up.
    pub measures: Vec<MeasureDetail>,
    /// Which rows of the feed count at all; null for all.
    pub filter: Option<String>,
    /// The event or the dataset that it is computed from.
    pub computed_from: String,
    /// How many stored cells make the figure; null for a dataset that is computed from another.
    pub cells: Option<u64>,
    /// A page of the files that make it.
    pub files: Vec<FileShareDetail>,
    /// For a dataset that is computed from another: a page of the other one's groups, each with what it counts as.
    pub groups: Option<RowPage>,
    /// Hand this back as `cursor` to get the next page of files or groups; null on the last one.
    pub next: Option<String>,
}

/// A line that counts in a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineDetail {
    /// Its record, from 1 behind the header.
    pub record: u64,
    /// The physical line on which it starts.
    pub line: u64,
    /// The member of the zip archive that it stands in, where the file is one; the line is the member's. Of files that came
    /// before members were kept it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Its values of the dataset's key fields.
    pub keys: Vec<Option<String>>,
    /// Its value of each measure; null where it is not part of it.
    pub measures: Vec<Option<String>>,
}

/// A page of the lines that make a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinePage {
    /// The file.
    #[schema(value_type = String)]
    pub file_id: FileId,
    /// The version that counts.
    pub version: u32,
    /// The names of the key fields.
    pub keys: Vec<String>,
    /// What is added up.
    pub measures: Vec<MeasureDetail>,
    /// The lines, in the order of the file, those that were mended later behind them. A page may be empty and still have a next one.
    pub items: Vec<LineDetail>,
    /// Hand this back as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// The formulas of a dataset.
#[must_use]
pub fn formulas(definition: &DatasetDefinition) -> Vec<FormulaDetail> {
    let outputs = definition.outputs.iter();
    let detail = outputs.map(|output| FormulaDetail {
        output: output.name.to_string(),
        formula: formula_words(definition, &output.formula),
    });
    detail.collect()
}

/// The measures of a dataset.
#[must_use]
pub fn measures(definition: &DatasetDefinition) -> Vec<MeasureDetail> {
    let measures = definition.measures.iter();
    let detail = measures.map(|measure| MeasureDetail {
        field: measure.field.to_string(),
        filter: (!measure.filter.is_empty()).then(|| filter_words(&measure.filter)),
    });
    detail.collect()
}

impl FileShareDetail {
    /// A file's share in a figure of a dataset.
    #[must_use]
    pub fn new(definition: &DatasetDefinition, file: FileShare) -> Self {
        let types = definition.measures.iter().map(|measure| measure.field_type);
        let measures = file.measures.into_iter().zip(types);
        let measures = measures.map(|(measure, field_type)| {
            let (min, max) = measure.bounds_as(field_type).unzip();
            MeasureShareDetail {
                count: measure.count,
                sum: measure.sum.to_string(),
                min,
                max,
            }
        });
        Self {
            file_id: file.share.file.file_id,
            version: file.share.file.version,
            file_name: file.share.file_name,
            spec_version: file.share.spec_version,
            rows: file.rows,
            measures: measures.collect(),
        }
    }
}

/// A page of lines.
#[must_use]
pub fn line_page(definition: &DatasetDefinition, traced: TracedLines) -> LinePage {
    let items = traced.lines.into_iter().map(|line| LineDetail {
        record: line.record,
        line: line.line,
        member: line.member,
        keys: line.keys,
        measures: line.measures,
    });
    LinePage {
        file_id: traced.file.file_id,
        version: traced.file.version,
        keys: definition.keys.iter().map(|key| key.field.to_string()).collect(),
        measures: measures(definition),
        items: items.collect(),
        next: traced.next,
    }
}
