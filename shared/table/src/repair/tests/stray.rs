//! Stray quotes with lines between them, and how they are mended.

use super::{checked, fields, repair_file, repaired, saved, sheet};
use crate::header::FileFormat;

const HEADER: &str = "day,school,gender,grade,name\r\n";

#[test]
fn the_lines_of_two_stray_quotes_are_mended_one_by_one() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    let text = format!(
        "{HEADER}2023-01-08,\"1000,Male,4,Asha\r\n2023-01-08,1001,Male,4,Ravi\r\n2023-01-08,1002\",Male,4,Mira\r\n"
    );
    let file = checked(format, text.as_bytes());
    assert_eq!((file.counts.kept, file.counts.rejected), (1, 2));
    let mut rows = sheet(&repair_file(format, &file), b',');
    assert_eq!((rows[1][5].as_str(), rows[2][5].as_str()), ("2", "4"));
    for row in &mut rows[1..] {
        assert!(row[7].starts_with("bad_quoting: "), "{row:?}");
        row[0] = row[0].replace('"', "");
    }
    let (kept, rejected) = repaired(format, &file, &saved(&rows, b',')).unwrap();
    assert_eq!(rejected, []);
    let told: Vec<String> = kept.iter().map(|(line, row)| format!("{line} {row}")).collect();
    assert!(
        told[0].starts_with("2 ") && told[0].contains("1000|Male|4|Asha"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("4 ") && told[1].contains("1002|Male|4|Mira"),
        "{told:?}"
    );
}

#[test]
fn lines_that_are_left_in_one_row_are_no_row_and_it_is_said_why() {
    let fields = fields();
    let format = FileFormat::plain(&fields);
    // Lines of other widths than the header's: one rejected record.
    let text =
        format!("{HEADER}2023-01-08,\"1000,Male\r\n2023-01-08,1001\r\n2023-01-08,1002\",Male,4,Mira,x\r\n");
    let file = checked(format, text.as_bytes());
    assert_eq!((file.counts.kept, file.counts.rejected), (0, 1));
    let mut rows = sheet(&repair_file(format, &file), b',');
    rows[1][0] = rows[1][0].replace('"', "");
    let (kept, rejected) = repaired(format, &file, &saved(&rows, b',')).unwrap();
    assert!(kept.is_empty());
    let error = &rejected[0].errors[0];
    assert_eq!(
        (error.rule.code(), error.found.as_str()),
        ("bad_quoting", "3 lines")
    );
    assert!(error.expected.contains("the file, which is to be sent again"));
}
