//! The specs of the generated events, and the product's own way from their bytes to a partial.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use millrace_aggregate::{AggregationPlan, Partial, PartialBuilder};
use millrace_core::definition::{DatasetDefinition, EventDefinition, SpecKind};
use millrace_core::field::Field;
use millrace_spec::{Catalogue, check_dataset, check_event};
use millrace_table::{
    CheckSummary, Extent, FileCheck, FileFormat, Header, HeaderRead, Limits, PartReader, PartSpec,
};
use serde_json::{Value, json};

/// Bytes that are read and checked at a time, as a function gets them from S3.
const PIECE_BYTES: usize = 64 * 1024;

/// The event's body, as a person would post it.
#[must_use]
pub fn event_body() -> Value {
    json!({ "ingestion_type": "event", "event_name": "attendance", "input": { "type": "object",
        "required": ["event_name", "event"], "properties": { "event_name": { "type": "string" },
        "event": { "type": "array", "items": { "type": "object",
            "required": ["date", "school_id", "grade", "students_total"],
            "properties": {
                "date": { "type": "string", "format": "date", "shouldnotnull": true },
                "school_id": { "type": "integer", "shouldnotnull": true },
                "grade": { "type": "integer", "minimum": 1, "maximum": 12, "shouldnotnull": true },
                "students_total": { "type": "integer", "minimum": 0, "shouldnotnull": true },
                "students_present": { "type": "integer", "minimum": 0 },
                "teacher_id": { "type": "string", "maxLength": 16 },
                "lat": { "type": "number" },
                "remarks": { "type": "string", "maxLength": 200 } } } } } } })
}

/// What a dataset groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// The dataset's name.
    pub dataset: &'static str,
    /// The field beside the day, an integer.
    pub field: &'static str,
}

/// By day and grade: some 250 groups in half a million records.
pub const BY_GRADE: Grouping = Grouping {
    dataset: "attendance_by_grade",
    field: "grade",
};
/// By day and school: some 42,000 groups.
pub const BY_SCHOOL: Grouping = Grouping {
    dataset: "attendance_by_school",
    field: "school_id",
};

/// The dataset's body: sums, counts and extremes by day and another field.
#[must_use]
pub fn dataset_body(grouping: Grouping) -> Value {
    let Grouping { dataset, field } = grouping;
    let names = ["students_total", "students_present"];
    let served = names.iter().flat_map(|name| {
        let functions = ["sum", "count", "min", "max"];
        functions.map(|function| (format!("{function}_{name}"), json!({ "type": "integer" })))
    });
    let mut served: serde_json::Map<String, Value> = served.collect();
    let updated: Vec<String> = served.keys().cloned().collect();
    served.insert("date".to_owned(), json!({ "type": "string" }));
    served.insert(field.to_owned(), json!({ "type": "integer" }));
    let required: Vec<String> = served.keys().cloned().collect();
    json!({ "ingestion_type": "dataset", "dataset_name": dataset, "event_name": "attendance",
        "input": { "type": "object", "required": ["dataset_name", "dataset"], "properties": {
        "dataset_name": { "type": "string" }, "dataset": { "type": "object", "required": ["items"], "properties": {
            "items": { "type": "array", "items": { "type": "object", "required": required, "properties": served } },
            "group_by": ["date", field],
            "aggregate": { "type": "object", "required": ["target_table"], "properties": {
                "function": ["sum", "count", "min", "max"],
                "target_table": { "type": "string", "pattern": format!("ingestion.{dataset}") },
                "update_cols": updated,
                "columns": { "type": "array", "items": { "type": "object", "required": ["column"],
                    "properties": { "column": names } } } } } } } } } })
}

/// The event, compiled.
///
/// # Errors
/// When the spec's own rules refuse it.
pub fn event() -> anyhow::Result<EventDefinition> {
    check_event(&event_body()).map_err(|errors| anyhow!("{errors:?}"))
}

/// The dataset, compiled.
///
/// # Errors
/// When the spec's own rules refuse it.
pub fn dataset(grouping: Grouping) -> anyhow::Result<DatasetDefinition> {
    let catalogue = Catalogue {
        events: vec![event()?],
        dimensions: Vec::new(),
        ..Catalogue::default()
    };
    check_dataset(&dataset_body(grouping), &catalogue).map_err(|errors| anyhow!("{errors:?}"))
}

/// The header of a file, and where its first record begins.
///
/// # Errors
/// When the bytes begin with no header of these fields.
pub fn read_header(bytes: &[u8], fields: &[Field]) -> anyhow::Result<(Header, usize)> {
    match Header::read(
        bytes,
        Extent::Prefix,
        FileFormat::plain(fields),
        &Limits::default(),
    )? {
        HeaderRead::Done(header) => {
            let used = usize::try_from(header.bytes_used)?;
            Ok((header, used))
        }
        HeaderRead::NeedMore => bail!("the first piece ends before the header"),
    }
}

/// What came of checking a file.
pub struct Checked {
    /// The part.
    pub part: Vec<u8>,
    /// Bytes of row errors.
    pub row_error_bytes: usize,
    /// The counts.
    pub summary: CheckSummary,
}

/// Reads a file, checks it, and makes its part: what ingestion does between two calls.
///
/// # Errors
/// When the file cannot be read or the check cannot be done.
pub fn check_file(path: &Path, event: &EventDefinition) -> anyhow::Result<Checked> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut filled = file.read(&mut piece)?;
    let (header, mut begin) = read_header(&piece[..filled], &event.fields)?;
    let spec = PartSpec {
        kind: SpecKind::Event,
        name: event.name.clone(),
        version: 1,
    };
    let start = header.start();
    let mut check = FileCheck::of_spec(
        FileFormat::plain(&event.fields),
        &header,
        start,
        Limits::default(),
        Some(spec),
    )?;
    let (mut part, mut row_error_bytes) = (Vec::new(), 0);
    while filled > 0 {
        check.push(&piece[begin..filled])?;
        part.append(&mut check.take_part_bytes());
        row_error_bytes += check.take_row_error_bytes().len();
        begin = 0;
        filled = file.read(&mut piece)?;
    }
    let summary = check.finish()?;
    part.append(&mut check.take_part_bytes());
    row_error_bytes += check.take_row_error_bytes().len();
    Ok(Checked {
        part,
        row_error_bytes,
        summary,
    })
}

/// Reduces a part to a partial, as aggregation does with a part that it has read.
///
/// # Errors
/// When the part or its rows do not fit the dataset.
pub fn aggregate(part: &[u8], dataset: &DatasetDefinition) -> anyhow::Result<Partial> {
    let reader = PartReader::new(Cursor::new(part))?;
    let plan = AggregationPlan::new(dataset, reader.schema())?;
    let mut reader = reader.with_columns(&plan.columns());
    let mut builder = PartialBuilder::new(plan);
    while let Some(block) = reader.next_block()? {
        builder.add_block(&block)?;
    }
    Ok(builder.finish()?)
}
