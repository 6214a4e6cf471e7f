use millrace_core::csv::{CsvFormat, NumberFormat, Quote};
use millrace_core::field::{DateFormat, Field, FieldType};

use super::{checked, field, repair_file};
use crate::header::FileFormat;

/// The suggestion for a cell.
fn suggested(field: &Field, cell: &str) -> String {
    let name = field.name.as_str();
    let bytes = format!("{name}\tother\n{cell}\t1\n");
    let csv = CsvFormat {
        quote: Some(Quote::None),
        ..CsvFormat::default()
    };
    let fields = [field.clone(), super::field("other", FieldType::Text, false)];
    let format = FileFormat {
        fields: &fields,
        csv: &csv,
    };
    let file = checked(format, bytes.as_bytes());
    let text = String::from_utf8(repair_file(format, &file)).unwrap();
    let row = text.lines().nth(1).unwrap().to_owned();
    row.rsplit('\t').next().unwrap().to_owned()
}

#[test]
fn numbers_lose_quotes_blanks_and_groups() {
    let mut grouped = field("amount", FieldType::Integer, true);
    for (cell, expected) in [
        ("'4", "4"),
        ("\"130\"", "130"),
        ("1,30,721", "130721"),
        ("1,234,567", "1234567"),
        (" 12 ", "12"),
        ("1 200", "1200"),
        ("4.00", "4"),
        ("4.5", ""),
        ("1,2", ""),
        ("seven", ""),
        ("=1+1", ""),
    ] {
        assert_eq!(suggested(&grouped, cell), expected, "{cell}");
    }
    grouped.field_type = FieldType::Decimal;
    grouped.number_format = Some(NumberFormat {
        group_mark: Some('.'),
        decimal_mark: Some(','),
    });
    assert_eq!(suggested(&grouped, "'1.234,5"), "1.234,5");
}

#[test]
fn days_are_written_as_declared_where_they_can_be_read_in_one_way() {
    let mut day = field("day", FieldType::Date, true);
    for (cell, expected) in [
        ("13/08/2023", "2023-08-13"),
        ("08/08/2023", "2023-08-08"),
        // The eighth of January or the first of August.
        ("08/01/2023", ""),
        ("8-Jan-2023", ""),
        ("08-Jan-2023", "2023-01-08"),
        ("January 8, 2023", "2023-01-08"),
        ("2023-01-08 00:00:00", "2023-01-08"),
        ("2023-01-08 10:00:00", ""),
        ("20230108", "2023-01-08"),
    ] {
        assert_eq!(suggested(&day, cell), expected, "{cell}");
    }
    for format in DateFormat::ALL {
        day.date_format = format;
        let expected = match format {
            DateFormat::YearMonthDay => continue,
            DateFormat::DayMonthYearSlash => "13/08/2023",
            DateFormat::DayMonthYearDash => "13-08-2023",
            DateFormat::DayMonthYearDot => "13.08.2023",
            DateFormat::YearMonthDaySlash => "2023/08/13",
            DateFormat::YearMonthDayCompact => "20230813",
            DateFormat::MonthDayYearSlash => "08/13/2023",
            DateFormat::DayMonthShortYearSlash => "13/08/23",
            DateFormat::DayMonthShortYearDash => "13-08-23",
            DateFormat::DayMonthNameYear => "13-Aug-2023",
            DateFormat::MonthNameDayYear => "August 13, 2023",
        };
        assert_eq!(suggested(&day, "2023-08-13"), expected);
    }
}

#[test]
fn the_nearest_allowed_value_is_named_where_it_is_near() {
    let mut state = field("state", FieldType::Text, true);
    state.rules.one_of = Some(["Goa", "Kerala", "Karnataka"].map(str::to_owned).to_vec());
    for (cell, expected) in [
        ("GOA", "Goa"),
        ("keral", "Kerala"),
        ("Karnatka ", "Karnataka"),
        ("Punjab", ""),
        ("K", ""),
    ] {
        assert_eq!(suggested(&state, cell), expected, "{cell}");
    }
}
