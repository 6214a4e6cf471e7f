use millrace_core::field::Field;
use millrace_core::row_error::{FileError, Rule};

use super::{Header, HeaderErrors, HeaderRead};
use crate::limits::Limits;
use crate::scan::Extent;

fn fields() -> Vec<Field> {
    serde_json::from_str(
        r#"[{"name":"id","type":"integer","required":true},{"name":"name","type":"text","required":false},
            {"name":"day","type":"date","required":true}]"#,
    )
    .unwrap()
}

fn read(bytes: &[u8]) -> Result<HeaderRead, HeaderErrors> {
    Header::read(bytes, Extent::Whole, &fields(), &Limits::default())
}

fn done(columns: &[usize], bytes_used: u64, lines_used: u64) -> HeaderRead {
    HeaderRead::Done(Header {
        columns: columns.to_vec(),
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
fn a_beginning_asks_for_more_until_the_line_end_is_certain() {
    let limits = Limits::default();
    let whole = b"id,day\r\n1,2023-01-08\r\n";
    for length in 0..whole.len() {
        let read = Header::read(&whole[..length], Extent::Prefix, &fields(), &limits).unwrap();
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
    for foreign in [
        &b"\xFF\xFEi\0d\0"[..],
        b"\xFE\xFF\0i",
        b"\x1F\x8B\x08\0",
        b"PK\x03\x04x",
        b"%PDF-1.7",
    ] {
        assert_eq!(rules(foreign), [Rule::NotCsv]);
    }
    assert_eq!(rules(b"id,d\0y\n"), [Rule::NulByte]);
    assert_eq!(rules(b"id,d\xFFy\n"), [Rule::InvalidUtf8]);
    assert_eq!(rules(b"id,\"day\n1,2\n"), [Rule::BadQuoting]);
    assert_eq!(rules(&b"x".repeat(Limits::RECORD_BYTES + 1)), [Rule::TooLong]);
    assert_eq!(rules(&b"x,".repeat(Limits::COLUMNS)), [Rule::TooManyColumns]);
    assert_eq!(
        rules(&b"x,".repeat(Limits::COLUMNS - 1)).len(),
        Limits::COLUMNS + 2
    );
}

#[test]
fn a_header_survives_json() {
    let HeaderRead::Done(header) = read(b"day,id\n").unwrap() else {
        panic!("the header is whole");
    };
    let text = serde_json::to_string(&header).unwrap();
    assert_eq!(text, r#"{"columns":[2,0],"bytes_used":7,"lines_used":1}"#);
    assert_eq!(serde_json::from_str::<Header>(&text).unwrap(), header);
    let start = header.start();
    assert_eq!((start.offset, start.record, start.line), (7, 1, 2));
}
