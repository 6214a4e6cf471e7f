mod formats;
mod members;
mod stray;
mod suggestions;

use std::collections::BTreeMap;

use millrace_core::field::{DateFormat, Field, FieldRules, FieldType};
use millrace_core::row_error::{FileError, RowCounts, Rule};
use millrace_core::{Decimal, Name};

use super::{COLUMNS, Mended, RepairFile, RepairWriter, RowLayout, RowsOf};
use crate::check::FileCheck;
use crate::header::{FileFormat, Header, HeaderRead};
use crate::limits::Limits;
use crate::part::PartReader;
use crate::rejected::{RejectedRow, read_rejected};
use crate::scan::Extent;

fn field(name: &str, field_type: FieldType, required: bool) -> Field {
    Field {
        name: Name::parse(name).unwrap(),
        field_type,
        required,
        header: None,
        date_format: DateFormat::default(),
        time_zone: None,
        number_format: None,
        rules: FieldRules::default(),
    }
}

/// Day, school (pattern), gender (one of), grade (1 to 12), name (2 to 5 characters, optional).
fn fields() -> Vec<Field> {
    let mut fields = vec![
        field("day", FieldType::Date, true),
        field("school", FieldType::Text, true),
        field("gender", FieldType::Text, false),
        field("grade", FieldType::Integer, true),
        field("name", FieldType::Text, false),
    ];
    fields[1].rules.pattern = Some("^[0-9]{4}$".to_owned());
    fields[2].rules.one_of = Some(["Male", "Female", "Other"].map(str::to_owned).to_vec());
    fields[3].rules.minimum = Decimal::parse_bytes(b"1").ok();
    fields[3].rules.maximum = Decimal::parse_bytes(b"12").ok();
    (fields[4].rules.min_length, fields[4].rules.max_length) = (Some(2), Some(5));
    fields
}

/// A checked file.
struct Checked {
    layout: RowLayout,
    header: Header,
    rejected: Vec<RejectedRow>,
    kept: BTreeMap<u64, String>,
    counts: RowCounts,
}

fn outcome(check: &mut FileCheck) -> (BTreeMap<u64, String>, Vec<RejectedRow>, RowCounts) {
    let counts = check.finish().unwrap().counts;
    let part = check.take_part_bytes();
    let mut reader = PartReader::new(&part[..]).unwrap();
    let mut kept = BTreeMap::new();
    while let Some(block) = reader.next_block().unwrap() {
        for row in 0..block.rows() {
            let texts = block.columns.iter().map(|column| column.text_at(row).unwrap());
            let texts: Vec<String> = texts.map(|text| text.unwrap_or_else(|| "-".to_owned())).collect();
            kept.insert(block.lines[row], texts.join("|"));
        }
    }
    let bytes = check.take_row_error_bytes();
    let (rejected, consumed) = read_rejected(&bytes);
    assert_eq!(consumed, bytes.len());
    assert_eq!(
        (kept.len() as u64, rejected.len() as u64),
        (counts.kept, counts.rejected)
    );
    (kept, rejected, counts)
}

fn checked(format: FileFormat<'_>, bytes: &[u8]) -> Checked {
    let limits = Limits::default();
    let Ok(HeaderRead::Done(header)) = Header::read(bytes, Extent::Whole, format, &limits) else {
        panic!("the header does not fit");
    };
    let mut check = FileCheck::new(format, &header, header.start(), limits).unwrap();
    check
        .push(&bytes[usize::try_from(header.bytes_used).unwrap()..])
        .unwrap();
    let (kept, rejected, counts) = outcome(&mut check);
    Checked {
        layout: RowLayout::of(bytes, &header, format.csv),
        header,
        rejected,
        kept,
        counts,
    }
}

fn repair_file(format: FileFormat<'_>, file: &Checked) -> Vec<u8> {
    let mut writer = RepairWriter::new(file.layout.clone(), RowsOf::File, format.fields).unwrap();
    let mut output = Vec::new();
    writer.write_header(&mut output);
    for row in &file.rejected {
        writer.write_row(row, &file.layout, &mut output);
    }
    output
}

/// Takes a repaired file back: what is kept of it, and what is rejected then.
fn repaired(
    format: FileFormat<'_>,
    file: &Checked,
    sent: &[u8],
) -> Result<(BTreeMap<u64, String>, Vec<RejectedRow>), FileError> {
    let mut repair = RepairFile::read(sent, format.csv, file.layout.clone(), RowsOf::File)?;
    let start = file.header.start();
    let mut check = FileCheck::new(format, &file.header, start, Limits::default()).unwrap();
    for row in &file.rejected {
        match repair.take(row, &file.layout) {
            Mended::No => check.push_rejected(row).unwrap(),
            Mended::Line(line) => check.push_row(row.record, row.line, &line).unwrap(),
        }
    }
    for row in repair.into_refused() {
        check.push_rejected(&row).unwrap();
    }
    let (kept, rejected, _) = outcome(&mut check);
    Ok((kept, rejected))
}

/// The file as a spreadsheet program reads it.
fn sheet(bytes: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .from_reader(text);
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

/// The file as such a program writes it.
fn saved(rows: &[Vec<String>], delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.into_inner().unwrap()
}

const NINE: &str = "day,school,gender,grade,name\r\n\
    2023-01-08,1000,Male,4,Asha\r\n\
    08/13/2023,1000,Male,4,Asha\r\n\
    2023-01-08,1000,male ,4,Asha\r\n\
    2023-01-08,,Male,4,Asha\r\n\
    2023-01-08,1000,Male,13,Asha\r\n\
    2023-01-08,'1001,Male,4,Asha\r\n\
    2023-01-08,1000,Male,4,Aishwarya\r\n\
    2023-01-08,1000,Male\r\n\
    2023-01-08,1000,\"Male,4,Asha\r\n\
    2023-01-08,1000,Male,4,\u{0}Asha\r\n\
    2023-01-08,1000,Femal,'4,\"A\nB\"\r\n";

#[test]
fn rows_come_as_they_are_with_what_is_wrong_behind_them() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let file = checked(format, NINE.as_bytes());
    assert_eq!((file.counts.kept, file.counts.rejected), (1, 10));
    let bytes = repair_file(format, &file);
    let rows = sheet(&bytes, b',');
    let own = |row: &[String]| row[5..].to_vec();
    assert_eq!(
        rows[0],
        [&["day", "school", "gender", "grade", "name"][..], &COLUMNS].concat()
    );
    assert_eq!(rows[1][..5], ["08/13/2023", "1000", "Male", "4", "Asha"]);
    assert_eq!(
        own(&rows[1]),
        [
            "3",
            "day",
            "wrong_type: expected a day as YYYY-MM-DD, found `08/13/2023`",
            "2023-08-13"
        ]
    );
    assert_eq!(
        own(&rows[2]),
        [
            "4",
            "gender",
            "not_allowed: expected one of Male, Female, Other, found `male `",
            "Male"
        ]
    );
    assert_eq!(own(&rows[3]), ["5", "school", "required: expected a value", ""]);
    assert_eq!(own(&rows[4])[3], "");
    assert_eq!(own(&rows[5])[3], "1001");
    // A name that is too long is no matter of spelling.
    assert_eq!(
        (own(&rows[6])[1].as_str(), own(&rows[6])[3].as_str()),
        ("name", "")
    );
    // What cannot be laid out is one cell.
    assert_eq!(rows[7][..5], ["2023-01-08,1000,Male", "", "", "", ""]);
    assert_eq!(rows[8][..5], ["2023-01-08,1000,\"Male,4,Asha", "", "", "", ""]);
    assert_eq!(own(&rows[8])[..2], ["10", "gender"]);
    assert_eq!(rows[9][4], "\u{0}Asha");
    assert_eq!(rows[10][4], "A\nB");
    assert_eq!(
        own(&rows[10])[1..],
        [
            "gender; grade",
            "not_allowed: expected one of Male, Female, Other, found `Femal`; wrong_type: expected a whole number of \
             at most 64 bits, such as -42, found `'4`",
            "gender: Female; grade: 4"
        ]
    );
}

#[test]
fn what_nobody_mended_is_what_it_was() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let file = checked(format, NINE.as_bytes());
    let bytes = repair_file(format, &file);
    let (kept, rejected) = repaired(format, &file, &bytes).unwrap();
    assert_eq!((kept.len(), &rejected), (0, &file.rejected));
    // Nor when a program has saved it with another delimiter, sorted, and a column moved.
    let mut rows = sheet(&bytes, b',');
    rows[1..].reverse();
    for row in &mut rows {
        let line = row.remove(5);
        row.insert(0, line);
    }
    let (kept, rejected) = repaired(format, &file, &saved(&rows, b';')).unwrap();
    assert_eq!(kept.len(), 0);
    assert_eq!(rejected, file.rejected);
}

#[test]
fn what_is_mended_is_kept_under_its_own_line() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let file = checked(format, NINE.as_bytes());
    let mut rows = sheet(&repair_file(format, &file), b',');
    rows[1][0] = rows[1][8].clone();
    rows[2][2] = rows[2][8].clone();
    rows[3][1] = "2000".to_owned();
    rows[4][3] = "12".to_owned();
    rows[5][1] = rows[5][8].clone();
    rows[6][4] = "Aishu".to_owned();
    // One line put right where it stands, the other cut into its cells.
    rows[7][0].push_str(",5,Ravi");
    for (at, text) in ["2023-01-08", "1000", "Male", "4", "Asha"].iter().enumerate() {
        rows[8][at] = (*text).to_owned();
    }
    rows[9][4] = "Asha".to_owned();
    // One of two.
    rows[10][3] = "4".to_owned();
    let (kept, rejected) = repaired(format, &file, &saved(&rows, b'\t')).unwrap();
    let expected = [
        (3, "2023-08-13|1000|Male|4|Asha"),
        (4, "2023-01-08|1000|Male|4|Asha"),
        (5, "2023-01-08|2000|Male|4|Asha"),
        (6, "2023-01-08|1000|Male|12|Asha"),
        (7, "2023-01-08|1001|Male|4|Asha"),
        (8, "2023-01-08|1000|Male|4|Aishu"),
        (9, "2023-01-08|1000|Male|5|Ravi"),
        (10, "2023-01-08|1000|Male|4|Asha"),
        (11, "2023-01-08|1000|Male|4|Asha"),
    ];
    let expected: BTreeMap<u64, String> = expected.map(|(line, text)| (line, text.to_owned())).into();
    assert_eq!(kept, expected);
    let [left] = &rejected[..] else {
        panic!("{rejected:?}")
    };
    assert_eq!((left.record, left.line, left.errors.len()), (11, 12, 1));
    assert_eq!(left.raw, b"2023-01-08,1000,Femal,4,\"A\nB\"");
    assert_eq!(file.kept.len(), 1);
}

#[test]
fn a_row_that_stands_for_no_rejected_one_is_refused_and_the_others_are_not() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let file = checked(
        format,
        b"day,school,gender,grade,name\n2023-01-08,1000,,x,\n2023-01-08,1000,,y,\n2023-01-08,1,,1,\n",
    );
    let sent = "day,school,gender,grade,name,millrace_line\n\
        2023-01-08,1000,,1,,2\n\
        2023-01-08,1000,,2,,3\n\
        2023-01-08,1000,,3,,3\n\
        2023-01-08,1000,,3,,3\n\
        2023-01-08,1000,,3,,99\n\
        2023-01-08,1000,,3,,\n\
        2023-01-08,1000,,3,,four\n\
        2023-01-08,1000,\"x\n\
        2023-01-08\n";
    let (kept, rejected) = repaired(format, &file, sent.as_bytes()).unwrap();
    assert_eq!(
        kept.into_iter().collect::<Vec<_>>(),
        [(2, "2023-01-08|1000|-|1|-".to_owned())]
    );
    let told: Vec<_> = rejected
        .iter()
        .map(|row| {
            (
                row.is_of_repair,
                row.line,
                row.errors[0].rule,
                row.errors[0].found.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (false, 3, Rule::WrongType, "y"),
            (false, 4, Rule::PatternMismatch, "1"),
            (true, 3, Rule::RepeatedLine, "3"),
            (true, 4, Rule::RepeatedLine, "3"),
            (true, 5, Rule::RepeatedLine, "3"),
            (true, 6, Rule::LineNotRejected, "99"),
            (true, 7, Rule::WrongType, ""),
            (true, 8, Rule::WrongType, "four"),
            (true, 9, Rule::BadQuoting, "2023-01-08,1000,\"x"),
            (true, 10, Rule::WrongCellCount, "1 cells"),
        ]
    );
}

#[test]
fn a_file_that_is_no_repair_file_is_refused() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let file = checked(format, NINE.as_bytes());
    for (sent, rule, words) in [
        ("", Rule::EmptyFile, "empty"),
        (NINE, Rule::MissingHeader, "`millrace_line`"),
        (
            "day,school,gender,grade,millrace_line\n",
            Rule::MissingHeader,
            "`name`",
        ),
        (
            "day,school,gender,grade,name,more,millrace_line\n",
            Rule::UnknownHeader,
            "no column `more`",
        ),
        ("day,\"school\n", Rule::BadQuoting, "quotes"),
    ] {
        let error = repaired(format, &file, sent.as_bytes()).unwrap_err();
        assert_eq!(error.rule, rule, "{sent}");
        assert!(error.message.contains(words), "{}", error.message);
    }
}
