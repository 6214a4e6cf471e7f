use millrace_core::csv::{CsvFormat, Encoding, Quote, ShortRows};
use proptest::prelude::*;

use super::{Checked, checked, fields, repair_file, repaired};
use crate::header::FileFormat;

#[test]
fn formats_of_all_kinds_go_there_and_back() {
    let fields = fields();
    let csv = CsvFormat {
        encoding: Encoding::Windows1252,
        delimiter: Some('|'),
        quote: Some(Quote::Single),
        short_rows: ShortRows::Fill,
        ..CsvFormat::default()
    };
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let file = checked(
        format,
        "\n\nschool|day|grade|name||\n'10''00'|2023-01-08|4\n1000|2023-01-08|x|'a|b'||\n".as_bytes(),
    );
    let bytes = repair_file(format, &file);
    let text = std::str::from_utf8(&bytes[3..]).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "school|day|grade|name|||millrace_line|millrace_column|millrace_problem|millrace_suggestion"
    );
    assert!(
        lines[1].starts_with("'10''00'|2023-01-08|4||||4|school|"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("1000|2023-01-08|x|'a|b'|||5|grade|"),
        "{}",
        lines[2]
    );
    let (kept, rejected) = repaired(format, &file, &bytes).unwrap();
    assert_eq!((kept.len(), rejected.len()), (0, 2));
    let mended = text.replace("'10''00'", "1000").replace("|x|", "|1|");
    let (kept, _) = repaired(format, &file, mended.as_bytes()).unwrap();
    let kept: Vec<String> = kept.into_values().collect();
    assert_eq!(kept, ["2023-01-08|1000|-|4|-", "2023-01-08|1000|-|1|a|b"]);
    // A program may save it with another delimiter than the spec declares.
    for delimiter in [";", ",", "\t"] {
        let saved =
            "school|day|grade|name|||millrace_line\n1000|2023-01-08|4||||4\n1000|2023-01-08|1|ab|||5\n";
        let saved = saved.replace('|', delimiter);
        let (kept, _) = repaired(format, &file, saved.as_bytes()).unwrap();
        let kept: Vec<String> = kept.into_values().collect();
        assert_eq!(kept, ["2023-01-08|1000|-|4|-", "2023-01-08|1000|-|1|ab"]);
    }
}

#[test]
fn a_line_that_was_cut_off_is_not_taken_for_a_whole_one() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let file = checked(
        format,
        b"day,school,gender,grade,name\n2023-01-08,1,Male,4,Asha\n",
    );
    let mut row = file.rejected[0].clone();
    (row.raw, row.raw_is_cut) = (b"2023-01-08,1000,Male,4,Asha".to_vec(), true);
    let file = Checked {
        rejected: vec![row],
        ..file
    };
    let bytes = repair_file(format, &file);
    let (kept, rejected) = repaired(format, &file, &bytes).unwrap();
    assert_eq!((kept.len(), &rejected), (0, &file.rejected));
    let whole = String::from_utf8(bytes).unwrap().replace("Asha", "Ravi");
    let (kept, _) = repaired(format, &file, whole.as_bytes()).unwrap();
    assert_eq!(
        kept.into_values().collect::<Vec<_>>(),
        ["2023-01-08|1000|Male|4|Ravi"]
    );
}

proptest! {
    /// Whatever a file holds: its repair file, sent back as it is, changes nothing.
    #[test]
    fn a_repair_file_that_comes_back_as_it_went_changes_nothing(
        body in proptest::collection::vec("[a,'\"\\n\\r;0-9 -]{0,12}", 0..12),
        quote in 0..3_usize,
    ) {
        let fields = fields();
        let csv = CsvFormat {
            quote: Some([Quote::Double, Quote::Single, Quote::None][quote]),
            ..CsvFormat::default()
        };
        let format = FileFormat { fields: &fields, csv: &csv };
        let file = checked(format, format!("day,school,gender,grade,name\n{}", body.join("\n")).as_bytes());
        let bytes = repair_file(format, &file);
        let (kept, rejected) = repaired(format, &file, &bytes).unwrap();
        prop_assert_eq!(kept.len(), 0);
        prop_assert_eq!(rejected, file.rejected);
    }
}
