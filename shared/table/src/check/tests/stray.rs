//! What becomes of lines between two stray quotes, and of records that only look like them.

use millrace_core::csv::CsvFormat;
use millrace_core::field::Field;

use super::check_as;
use crate::header::FileFormat;
use crate::limits::Limits;

const FIVE: &str = r#"[{"name":"id","type":"integer","required":true},{"name":"a","type":"text","required":false},
    {"name":"b","type":"text","required":false},{"name":"v","type":"integer","required":false},
    {"name":"w","type":"text","required":false}]"#;

const TWO: &str = r#"[{"name":"id","type":"integer","required":true},
    {"name":"note","type":"text","required":false,"rules":{"max_length":20}}]"#;

/// `record line id` of the kept rows, and `record line rule` of the rejected ones; the same for pieces of every size.
fn shown_as(fields: &str, csv: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let fields: Vec<Field> = serde_json::from_str(fields).unwrap();
    let csv: CsvFormat = serde_json::from_str(csv).unwrap();
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let whole = check_as(format, text.as_bytes(), usize::MAX, Limits::default()).0;
    for piece in [1, 2, 3, 7] {
        let pieces = check_as(format, text.as_bytes(), piece, Limits::default()).0;
        assert_eq!(pieces, whole, "in pieces of {piece}");
    }
    let kept = whole.kept.iter();
    let kept = kept.map(|row| format!("{} {} {}", row.record, row.line, row.values[0]));
    let errors = whole.errors.iter();
    let errors = errors.map(|error| format!("{} {} {}", error.record, error.line, error.rule.code()));
    (kept.collect(), errors.collect())
}

fn shown(fields: &str, text: &str) -> (Vec<String>, Vec<String>) {
    shown_as(fields, "{}", text)
}

#[test]
fn lines_between_two_stray_quotes_are_rows() {
    let (kept, errors) = shown(
        FIVE,
        "id,a,b,v,w\n1,a,b,1,k\n2,\"c,d,2,k\n3,e,f,3,k\n4,g,h\",4,k\n5,i,j,5,k\n",
    );
    assert_eq!(kept, ["1 2 1", "3 4 3", "5 6 5"]);
    assert_eq!(errors, ["2 3 bad_quoting", "4 5 bad_quoting"]);
}

#[test]
fn they_are_where_the_count_of_cells_is_right_by_chance() {
    // The quotes enclose `v` over three lines: five cells, and no number.
    let (kept, errors) = shown(FIVE, "id,a,b,v,w\n2,c,d,\"2,k\n3,e,f,3,k\n4,g,h,4\",k\n");
    assert_eq!(kept, ["2 3 3"]);
    assert_eq!(errors, ["1 2 bad_quoting", "3 4 bad_quoting"]);
}

#[test]
fn they_are_at_the_end_of_a_file_and_with_line_ends_of_every_kind() {
    for end in ["\r\n", "\r", "\n", "\n\n", "\r\n\r\n"] {
        let lines = ["id,a,b,v,w", "2,\"c,d,2,k", "3,e,f,3,k", "4,g,h,4,k\""];
        let (kept, errors) = shown(FIVE, &lines.join(end));
        let rules: Vec<_> = errors
            .iter()
            .filter_map(|error| error.rsplit(' ').next())
            .collect();
        assert_eq!(rules, ["bad_quoting", "bad_quoting"], "{end:?}");
        assert_eq!(kept.len(), 1, "{end:?}");
        assert!(
            kept[0].starts_with("2 ") && kept[0].ends_with(" 3"),
            "{end:?}: {kept:?}"
        );
    }
}

#[test]
fn they_are_in_every_format() {
    let expected = (
        vec!["2 3 3".to_owned()],
        vec!["1 2 bad_quoting".to_owned(), "3 4 bad_quoting".to_owned()],
    );
    let single = "id;a;b;v;w\n2;'c;d;2;k\n3;e;f;3;k\n4;g;h';4;k\n";
    assert_eq!(
        shown_as(FIVE, r#"{"delimiter":";","quote":"'"}"#, single),
        expected
    );
    let tabs = "id\ta\tb\tv\tw\n2\t\"c\td\t2\tk\n3\te\tf\t3\tk\n4\tg\th\"\t4\tk\n";
    assert_eq!(shown(FIVE, tabs), expected);
    // Empty cells behind the last column are nobody's, in a line as in a record.
    let wide = "id,a,b,v,w,,\n2,\"c,d,2,k,,\n3,e,f,3,k,,\n4,g,h\",4,k,,\n";
    assert_eq!(shown(FIVE, wide), expected);
    let filled = r#"{"short_rows":"fill"}"#;
    let short = "id,a,b,v,w\n2,c,d,\"2,k\n3,e,f,3,k\n4,g,h,4,k\"\n";
    assert_eq!(shown_as(FIVE, filled, short), expected);
}

#[test]
fn a_row_in_between_that_is_bad_itself_is_one_more_rejected_record() {
    let text = "id,a,b,v,w\n2,\"c,d,2,k\n3,e,f,3\n4,e,f,4,k\nfive,e,f,5,k\n6,g,h\",6,k\n";
    let (kept, errors) = shown(FIVE, text);
    assert_eq!(kept, ["3 4 4"]);
    assert_eq!(
        errors,
        [
            "1 2 bad_quoting",
            "2 3 wrong_cell_count",
            "4 5 wrong_type",
            "5 6 bad_quoting"
        ]
    );
}

#[test]
fn a_row_as_it_stands_wins_whatever_its_lines_look_like() {
    let (kept, errors) = shown(
        FIVE,
        "id,a,b,v,w\n1,\"x,b,1,k\n2,c,d,2,k\n3,y\",b,1,k\n4,\"5,a,b,5,c\n6,a,b,6,c\n\",,,\n",
    );
    assert_eq!((kept, errors), (vec!["1 2 1".into(), "2 5 4".into()], vec![]));
}

#[test]
fn a_bad_row_with_line_ends_that_do_not_look_like_rows_is_one_rejected_record() {
    let (kept, errors) = shown(
        FIVE,
        "id,a,b,v,w\none,\"two\nlines\",b,1,k\n2,\"c\nd,e\nf\",b,1,k,more\n3,a,b,3,k\n",
    );
    assert_eq!(kept, ["3 7 3"]);
    assert_eq!(errors, ["1 2 wrong_type", "2 4 wrong_cell_count"]);
    let (kept, errors) = shown(
        TWO,
        "id,note\n1,\"Dear Sir,\nI am, yours,\nvery truly, B\"\n2,x\n",
    );
    assert_eq!(kept, ["2 5 2"]);
    assert_eq!(errors, ["1 2 length"]);
}

#[test]
fn the_only_column_tells_nothing_where_it_is_a_text() {
    let text = "note\n\"a\nb\nc, and more\nd\"\ne\n";
    let notes = r#"[{"name":"note","type":"text","required":true,"rules":{"max_length":6}}]"#;
    let (kept, errors) = shown(notes, text);
    assert_eq!(kept, ["2 6 \"e\""]);
    assert_eq!(errors, ["1 2 length"]);
    let numbers = r#"[{"name":"n","type":"integer","required":true}]"#;
    let (kept, errors) = shown(numbers, "n\n1\n\"2\n3\n4\"\n5\n");
    assert_eq!(kept, ["1 2 1", "3 4 3", "5 6 5"]);
    assert_eq!(errors, ["2 3 bad_quoting", "4 5 bad_quoting"]);
}

#[test]
fn every_one_of_many_such_records_is_told() {
    // A quote that opens in its line closes in the next that has one, so that each such record is taken back.
    let lines = "3,a,b,\"\"\",k\n".to_owned() + &"4,c,d,4,k\n".repeat(20);
    let text = format!("id,a,b,v,w\n{}", lines.repeat(10_000));
    let fields: Vec<Field> = serde_json::from_str(FIVE).unwrap();
    let format = FileFormat::plain(&fields);
    let outcome = check_as(format, text.as_bytes(), 4_096, Limits::default()).0;
    let counts = outcome.counts.unwrap();
    assert_eq!((counts.kept, counts.rejected), (200_000, 10_000));
}
