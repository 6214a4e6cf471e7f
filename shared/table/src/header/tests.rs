use millrace_core::csv::{CsvFormat, Quote};
use millrace_core::field::Field;
use millrace_core::row_error::{FileError, Rule};

use super::{FileFormat, Header, HeaderErrors, HeaderRead};
use crate::limits::Limits;
use crate::scan::{Dialect, Extent};

fn fields() -> Vec<Field> {
    serde_json::from_str(
        r#"[{"name":"id","type":"integer","required":true},{"name":"name","type":"text","required":false},
            {"name":"day","type":"date","required":true}]"#,
    )
    .unwrap()
}

fn read(bytes: &[u8]) -> Result<HeaderRead, HeaderErrors> {
    Header::read(
        bytes,
        Extent::Whole,
        FileFormat::plain(&fields()),
        &Limits::default(),
    )
}

fn done(columns: &[usize], bytes_used: u64, lines_used: u64) -> HeaderRead {
    HeaderRead::Done(Header {
        columns: columns.iter().copied().map(Some).collect(),
        free_cells: 0,
        dialect: Dialect::default(),
        bytes_used,
        lines_used,
    })
}

fn rules(bytes: &[u8]) -> Vec<Rule> {
    let errors = read(bytes).unwrap_err();
    errors.all().iter().map(|error| error.rule).collect()
}

#[test]
fn columns_come_in_any_order_and_optional_ones_may_be_absent() {
    assert_eq!(read(b"day,id,name\n1").unwrap(), done(&[2, 0, 1], 12, 1));
    assert_eq!(read(b"id,day").unwrap(), done(&[0, 2], 6, 1));
    assert_eq!(read(b"id,\"day\"\r\n\r\n").unwrap(), done(&[0, 2], 10, 1));
    assert_eq!(read(b"\xEF\xBB\xBFid,day\n").unwrap(), done(&[0, 2], 10, 1));
    assert_eq!(read(b"\n\nid,day\n").unwrap(), done(&[0, 2], 9, 3));
}

#[test]
fn single_quotes_are_told_from_the_header() {
    let dialect = |bytes: &[u8]| match read(bytes).unwrap() {
        HeaderRead::Done(header) => (header.dialect.delimiter, header.dialect.quote),
        HeaderRead::NeedMore => panic!("{bytes:?}"),
    };
    assert_eq!(dialect(b"'id','day'\n"), (b',', b'\''));
    assert_eq!(dialect(b"id;'name';day\n"), (b';', b'\''));
    assert_eq!(
        dialect(b"id,day\n'1','2023-01-08'\n"),
        (b',', b'"'),
        "the header has none"
    );
    assert_eq!(
        rules(b"'id,\"day\"\n"),
        [Rule::UnknownHeader, Rule::MissingHeader]
    );
    let declared = CsvFormat {
        quote: Some(Quote::Double),
        ..CsvFormat::PLAIN
    };
    let fields = fields();
    let format = FileFormat {
        fields: &fields,
        csv: &declared,
    };
    let read = Header::read(b"'id','day'\n", Extent::Whole, format, &Limits::default());
    assert_eq!(read.unwrap_err().code(), "unknown_header");
}

#[test]
fn a_beginning_asks_for_more_until_the_line_end_is_certain() {
    let limits = Limits::default();
    let whole = b"id,day\r\n1,2023-01-08\r\n";
    for length in 0..whole.len() {
        let read = Header::read(
            &whole[..length],
            Extent::Prefix,
            FileFormat::plain(&fields()),
            &limits,
        )
        .unwrap();
        if length < 8 {
            assert_eq!(read, HeaderRead::NeedMore, "{length}");
        } else {
            assert_eq!(read, done(&[0, 2], 8, 1), "{length}");
        }
    }
}

#[test]
fn every_problem_is_named_at_once() {
    let errors = read(b"id,id,,extra,id \n").unwrap_err();
    let seen: Vec<_> = errors
        .all()
        .iter()
        .map(|error| (error.rule, error.column.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            (Rule::DuplicateHeader, Some("id")),
            (Rule::EmptyHeader, None),
            (Rule::UnknownHeader, Some("extra")),
            (Rule::UnknownHeader, Some("id ")),
            (Rule::MissingHeader, Some("day")),
        ]
    );
    assert_eq!(
        errors.into_file_error(),
        FileError {
            rule: Rule::DuplicateHeader,
            line: Some(1),
            column: Some("id".to_owned()),
            message: "column `id` is there twice; column 3 has no name; the spec has no column `extra`; \
                      the spec has no column `id `; the required column `day` is missing"
                .to_owned(),
            rows: None,
        }
    );
}

#[test]
fn what_is_no_csv_file_is_refused_by_name() {
    assert_eq!(rules(b""), [Rule::EmptyFile]);
    assert_eq!(rules(b"\xEF\xBB\xBF"), [Rule::EmptyFile]);
    assert_eq!(rules(b"\n\r\n"), [Rule::EmptyFile]);
    for foreign in [&b"\x1F\x8B\x08\0"[..], b"PK\x03\x04x", b"%PDF-1.7"] {
        assert_eq!(rules(foreign), [Rule::NotCsv]);
    }
    assert_eq!(rules(b"id,d\0y\n"), [Rule::NulByte]);
    assert_eq!(rules(b"id,d\xFFy\n"), [Rule::InvalidUtf8]);
    assert_eq!(rules(b"id,\"day\n1,2\n"), [Rule::BadQuoting]);
    assert_eq!(rules(&b"x".repeat(Limits::RECORD_BYTES + 1)), [Rule::TooLong]);
    assert_eq!(rules(&b"x,".repeat(Limits::COLUMNS)), [Rule::TooManyColumns]);
    assert_eq!(
        rules(&b"x,".repeat(Limits::COLUMNS - 1)).len(),
        Limits::COLUMNS + 1
    );
}

#[test]
fn the_first_record_starts_behind_the_header() {
    let HeaderRead::Done(header) = read(b"day,id\n").unwrap() else {
        panic!("the header is whole");
    };
    let start = header.start();
    assert_eq!((start.offset, start.record, start.line), (7, 1, 2));
}

/// The columns and the dialect that a header is read with, or the rules that it breaks.
fn read_as(text: &str, fields: &str, csv: &str) -> Result<(Vec<Option<usize>>, Dialect), Vec<Rule>> {
    let fields: Vec<Field> = serde_json::from_str(fields).unwrap();
    let csv: CsvFormat = serde_json::from_str(csv).unwrap();
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    match Header::read(text.as_bytes(), Extent::Whole, format, &Limits::default()) {
        Ok(HeaderRead::Done(header)) => Ok((header.columns, header.dialect)),
        Ok(HeaderRead::NeedMore) => panic!("the header is whole"),
        Err(errors) => Err(errors.all().iter().map(|error| error.rule).collect()),
    }
}

const PLAIN: &str = r#"[{"name":"id","type":"integer","required":true},{"name":"name","type":"text","required":false},
    {"name":"day","type":"date","required":true}]"#;

#[test]
fn the_delimiter_with_which_most_names_fit_is_the_files() {
    for delimiter in [',', ';', '\t', '|'] {
        let text = format!("day{delimiter}name{delimiter}id\n");
        let (columns, dialect) = read_as(&text, PLAIN, "{}").unwrap();
        assert_eq!(columns, [Some(2), Some(1), Some(0)]);
        assert_eq!(char::from(dialect.delimiter), delimiter);
    }
    // Names that hold another candidate do not mislead; quotes belong to every candidate.
    let fields = r#"[{"name":"a","type":"text","required":true,"header":{"text":"a;b|c","occurrence":1}},
        {"name":"d","type":"text","required":true}]"#;
    let (columns, dialect) = read_as("\"a;b|c\"\td\n", fields, "{}").unwrap();
    assert_eq!((columns.len(), dialect.delimiter), (2, b'\t'));
    assert_eq!(
        read_as("id|day\n", PLAIN, r#"{"delimiter":";"}"#),
        Err(vec![
            Rule::UnknownHeader,
            Rule::MissingHeader,
            Rule::MissingHeader
        ])
    );
    let (columns, dialect) = read_as("id:day", PLAIN, r#"{"delimiter":":"}"#).unwrap();
    assert_eq!((columns.len(), dialect.delimiter), (2, b':'));
    let (columns, _) = read_as("'id','day'", PLAIN, r#"{"quote":"'"}"#).unwrap();
    assert_eq!(columns, [Some(0), Some(2)]);
    assert_eq!(
        read_as("\"id\",\"day\"", PLAIN, r#"{"quote":"none"}"#).unwrap_err()[0],
        Rule::UnknownHeader
    );
}

#[test]
fn columns_are_told_apart_by_their_header_and_its_number() {
    let fields = r#"[{"name":"state_name","type":"text","required":true,"header":{"text":"state_code","occurrence":1}},
        {"name":"state_code","type":"text","required":true,"header":{"text":"state_code","occurrence":2}},
        {"name":"share","type":"decimal","required":false,"header":{"text":"certification%","occurrence":1}}]"#;
    let read = |text: &str| read_as(text, fields, "{}").map(|(columns, _)| columns);
    assert_eq!(
        read("state_code,certification%,state_code\n").unwrap(),
        [Some(0), Some(2), Some(1)]
    );
    assert_eq!(
        read("state_code,certification%\n"),
        Err(vec![Rule::MissingHeader])
    );
    assert_eq!(
        read("state_code,state_code,state_code\n"),
        Err(vec![Rule::DuplicateHeader])
    );
    assert_eq!(
        read("state_code,state_code,share\n"),
        Err(vec![Rule::UnknownHeader])
    );
}

#[test]
fn columns_that_nobody_names_are_nothing_behind_the_last_one_and_ignored_where_the_spec_says_so() {
    let columns = |text: &str, csv: &str| read_as(text, PLAIN, csv).map(|(columns, _)| columns);
    assert_eq!(columns("id,day,,,\n", "{}").unwrap(), [Some(0), Some(2)]);
    assert_eq!(columns("id,,day\n", "{}"), Err(vec![Rule::EmptyHeader]));
    let ignoring = r#"{"unknown_columns":"ignore"}"#;
    assert_eq!(
        columns("id,,day,extra,\n", ignoring).unwrap(),
        [Some(0), None, Some(2), None]
    );
    assert_eq!(columns("x,y\n", ignoring).unwrap_err().len(), 2);
    let nothing_required = PLAIN.replace("true", "false");
    assert_eq!(
        read_as("x,y\n", &nothing_required, ignoring).map(|(columns, _)| columns),
        Err(vec![Rule::UnknownHeader])
    );
    assert_eq!(columns("id,day,id\n", ignoring), Err(vec![Rule::DuplicateHeader]));
}
