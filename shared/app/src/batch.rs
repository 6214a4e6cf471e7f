//! Batches of JSON rows: checked as they come in, and stored as they came, a line a row.

use millrace_core::failure::Failure;
use millrace_core::row_error::RowCounts;
use millrace_table::{FileFormat, JsonCheck, Limits, RejectedRow, read_rejected};

/// A batch that was checked, before anything of it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedBatch {
    /// Its object: the rows as they came, a line each.
    pub object: Vec<u8>,
    /// The rows that will be kept and rejected.
    pub counts: RowCounts,
    /// The first that will be rejected.
    pub first_rejected: Vec<RejectedRow>,
}

/// Checks rows, each of them JSON as it was written, with the check that their object will go through. Nothing is
/// called: what it says of the rows holds for the spec version whose format it was given.
///
/// # Errors
/// [`Failure`] for a spec that cannot be checked against: a defect. Bad rows are no error.
pub fn check_batch<'a>(
    rows: impl IntoIterator<Item = &'a str>,
    format: FileFormat<'_>,
    most_rejected: usize,
) -> Result<CheckedBatch, Failure> {
    let object = lines(rows);
    let mut check = JsonCheck::new(format, Limits::default(), None).map_err(defect)?;
    check.push(&object).map_err(defect)?;
    let summary = check.finish().map_err(defect)?;
    let (mut first_rejected, _) = read_rejected(&check.take_row_error_bytes());
    first_rejected.truncate(most_rejected);
    Ok(CheckedBatch {
        object,
        counts: summary.counts,
        first_rejected,
    })
}

/// A line a row. Line ends within a row's JSON stand between its tokens alone, where a blank means the same.
fn lines<'a>(rows: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut object = Vec::new();
    for row in rows {
        let blank = |byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        object.extend(row.bytes().map(blank));
        object.push(b'\n');
    }
    object
}

fn defect(error: impl std::error::Error) -> Failure {
    Failure::invalid("batch.check", error.to_string())
}

#[cfg(test)]
mod tests {
    use millrace_core::field::Field;
    use millrace_table::FileFormat;

    use super::check_batch;

    #[test]
    fn rows_become_lines_and_are_counted() {
        let fields: Vec<Field> =
            serde_json::from_str(r#"[{"name":"n","type":"integer","required":true}]"#).unwrap();
        let rows = ["{\r\n  \"n\": 1\n}", "{\"n\":\"\\n\"}", "{}", "7"];
        let batch = check_batch(rows, FileFormat::plain(&fields), 2).unwrap();
        assert_eq!(
            String::from_utf8(batch.object).unwrap(),
            "{    \"n\": 1 }\n{\"n\":\"\\n\"}\n{}\n7\n"
        );
        assert_eq!(
            (batch.counts.rows, batch.counts.kept, batch.counts.rejected),
            (4, 1, 3)
        );
        let records: Vec<u64> = batch.first_rejected.iter().map(|row| row.record).collect();
        assert_eq!(records, [2, 3]);
    }
}
