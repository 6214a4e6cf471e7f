//! Files in other formats than the plain one.

use millrace_core::csv::CsvFormat;
use millrace_core::field::Field;

use super::{Expected, check_as};
use crate::check::FileCheck;
use crate::header::{FileFormat, Header, HeaderRead};
use crate::limits::Limits;
use crate::part::PartReader;
use crate::rejected::read_rejected;
use crate::scan::Extent;

const FIELDS: &str = r#"[{"name":"id","type":"text","required":true},
    {"name":"total","type":"integer","required":false,"number_format":{"group_mark":","}},
    {"name":"share","type":"decimal","required":false,"number_format":{"decimal_mark":","}},
    {"name":"day","type":"date","required":false,"date_format":"MONTH D, YYYY"}]"#;

/// What comes out, the same for pieces of every size.
fn outcome(text: &str, csv: &str) -> Expected {
    let fields: Vec<Field> = serde_json::from_str(FIELDS).unwrap();
    let csv: CsvFormat = serde_json::from_str(csv).unwrap();
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let (whole, _) = check_as(format, text.as_bytes(), usize::MAX, Limits::default());
    for piece in [1, 2, 3, 7] {
        let (pieces, _) = check_as(format, text.as_bytes(), piece, Limits::default());
        assert_eq!(pieces, whole, "in pieces of {piece}");
    }
    whole
}

/// The kept rows' values and the broken rules as `record line column rule found`.
fn shown(text: &str, csv: &str) -> (Vec<String>, Vec<String>) {
    let outcome = outcome(text, csv);
    let kept = outcome
        .kept
        .iter()
        .map(|row| serde_json::to_string(&row.values).unwrap());
    let errors = outcome.errors.iter().map(|error| {
        let column = error.column.as_deref().unwrap_or("-");
        format!(
            "{} {} {column} {} {}",
            error.record,
            error.line,
            error.rule.code(),
            error.found
        )
    });
    (kept.collect(), errors.collect())
}

#[test]
fn numbers_and_days_are_read_as_the_fields_say() {
    let text = "id|total|share|day\n\
        a|1,30,721|0,5|March 28, 2019\n\
        b|130721|12|may 5, 2020\n\
        c|1,3||\n\
        d||0.5|\n\
        e|'4||\n\
        f|||28 March 2019\n";
    let (kept, errors) = shown(text, "{}");
    assert_eq!(
        kept,
        [r#"["a",130721,"0.5",17983]"#, r#"["b",130721,"12",18387]"#]
    );
    assert_eq!(
        errors,
        [
            "3 4 total wrong_type 1,3",
            "4 5 share wrong_type 0.5",
            "5 6 total wrong_type '4",
            "6 7 day wrong_type 28 March 2019"
        ]
    );
    let expected = &outcome(text, "{}").errors;
    assert!(
        expected[0].expected.ends_with("digits in groups by `,`"),
        "{:?}",
        expected[0]
    );
    assert!(
        expected[1].expected.ends_with("decimals behind `,`"),
        "{:?}",
        expected[1]
    );
    assert_eq!(expected[3].expected, "a day as MONTH D, YYYY");
}

#[test]
fn texts_that_mean_nothing_are_empty_cells() {
    let csv = r#"{"null_values":["NULL","-"]}"#;
    let (kept, errors) = shown("id,total\nNULL,1\na,NULL\nb,\"NULL\"\nc,-\nd,null\n", csv);
    assert_eq!(
        kept,
        [
            r#"["a",null,null,null]"#,
            r#"["b",null,null,null]"#,
            r#"["c",null,null,null]"#
        ]
    );
    assert_eq!(errors, ["1 2 id required ", "5 6 total wrong_type null"]);
}

#[test]
fn short_rows_are_filled_where_the_spec_says_so_and_empty_cells_behind_the_last_column_are_nobodys() {
    let text = "total,id,,\n1,a\n2,b,,\n3,c,,,,\n4,d,x\n5\n,e,\"\"\n";
    let (kept, errors) = shown(text, "{}");
    assert_eq!(
        kept,
        [
            r#"["a",1,null,null]"#,
            r#"["b",2,null,null]"#,
            r#"["c",3,null,null]"#
        ]
    );
    assert_eq!(
        errors,
        [
            "4 5 - wrong_cell_count 3 cells",
            "5 6 - wrong_cell_count 1 cell",
            "6 7 - wrong_cell_count 3 cells"
        ]
    );
    let (kept, errors) = shown("id,total\na\n\nb,1\n", r#"{"short_rows":"fill"}"#);
    assert_eq!(kept, [r#"["a",null,null,null]"#, r#"["b",1,null,null]"#]);
    assert_eq!(errors, [""; 0]);
    let (kept, errors) = shown("total,id\n1\n", r#"{"short_rows":"fill"}"#);
    assert_eq!((kept.len(), errors), (0, vec!["1 2 id required ".to_owned()]));
}

#[test]
fn columns_that_are_read_over_may_hold_anything_but_bytes_that_are_no_text() {
    let csv = r#"{"unknown_columns":"ignore","delimiter":";"}"#;
    let (kept, errors) = shown("x;id;;y\n1;a;2;3\n;b;;\n\"q;r\";c;;\nn\0;d;;\n1;e;2\n", csv);
    assert_eq!(
        kept,
        [
            r#"["a",null,null,null]"#,
            r#"["b",null,null,null]"#,
            r#"["c",null,null,null]"#
        ]
    );
    assert_eq!(errors, ["4 5 - nul_byte n\0", "5 6 - wrong_cell_count 3 cells"]);
    // Columns without a name behind the last one hold anything too, or are not there; beyond them is nothing.
    let csv = r#"{"unknown_columns":"ignore"}"#;
    let (kept, errors) = shown("id,total,\na,1,x\nb,2\nc,3,,\nd,4,x,y\n", csv);
    assert_eq!(kept.len(), 3);
    assert_eq!(errors, ["4 5 - wrong_cell_count 4 cells"]);
}

#[test]
fn without_quotes_every_quote_is_a_character() {
    let (kept, errors) = shown("id\tshare\n\"a\t1\nb\"c\"\t2\n", r#"{"quote":"none"}"#);
    assert_eq!(kept, [r#"["\"a",null,"1",null]"#, r#"["b\"c\"",null,"2",null]"#]);
    assert_eq!(errors, [""; 0]);
    let (kept, _) = shown("id;total\n'a;b';'7'\n'it''s';\n", r#"{"quote":"'"}"#);
    assert_eq!(kept, [r#"["a;b",7,null,null]"#, r#"["it's",null,null,null]"#]);
}

#[test]
fn members_of_an_archive_are_one_file_whose_records_are_numbered_through() {
    let fields: Vec<Field> = serde_json::from_str(
        r#"[{"name":"n","type":"integer","required":true},{"name":"t","type":"text","required":false}]"#,
    )
    .unwrap();
    let format = FileFormat::plain(&fields);
    let limits = Limits::default();
    let header = |bytes: &[u8]| match Header::read(bytes, Extent::Whole, format, &limits) {
        Ok(HeaderRead::Done(header)) => header,
        other => panic!("{other:?}"),
    };
    let members = [
        ("a", "n,t\n1,x\nbad,y"),
        ("b", "t;n\n;z\n\nw;2\n"),
        ("c", "n\n3\n"),
        ("d", "n\n"),
    ];
    for piece in [1, 100] {
        let first = header(members[0].1.as_bytes());
        let mut check = FileCheck::new(format, &first, first.start(), limits).unwrap();
        for (name, text) in members {
            let header = header(text.as_bytes());
            let line = header.start().line;
            check.begin_member(format, &header, line, name).unwrap();
            let body = &text.as_bytes()[usize::try_from(header.bytes_used).unwrap()..];
            body.chunks(piece).for_each(|piece| check.push(piece).unwrap());
        }
        let summary = check.finish().unwrap();
        let seen = (summary.counts.kept, summary.counts.rejected, summary.last_record);
        assert_eq!(seen, (3, 2, 5));
        let part = check.take_part_bytes();
        let mut reader = PartReader::new(&part[..]).unwrap();
        let mut kept = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            for row in 0..block.rows() {
                let text = |column: usize| block.columns[column].text_at(row).unwrap();
                let member = reader.member().map(str::to_owned);
                kept.push((member, block.records[row], block.lines[row], text(0), text(1)));
            }
        }
        let some = |text: &str| Some(text.to_owned());
        let expected = [
            (some("a"), 1, 2, some("1"), some("x")),
            (some("b"), 4, 4, some("2"), some("w")),
            (some("c"), 5, 2, some("3"), None),
        ];
        assert_eq!(kept, expected, "{piece}");
        let (rejected, _) = read_rejected(&check.take_row_error_bytes());
        let told: Vec<_> = rejected
            .iter()
            .map(|row| {
                (
                    row.record,
                    row.line,
                    row.member.as_deref(),
                    row.errors[0].column.as_deref(),
                )
            })
            .collect();
        assert_eq!(told, [(2, 3, Some("a"), Some("n")), (3, 2, Some("b"), Some("n"))]);
    }
}
