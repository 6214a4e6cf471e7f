//! The constant parts of a derived date: those that no calendar has would refuse each file.

use millrace_core::condition::Literal;
use millrace_core::field::FieldType;
use millrace_core::step::Operand;

use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The parts of a date, each with its greatest value; the least is 1.
const PARTS: [(&str, u16); 3] = [("year", 9999), ("month", 12), ("day", 31)];

/// Notes constants out of their range, and a day that its month, or its month in this year, does not have.
pub(super) fn check(parts: [&Operand; 3], at: &Pointer, problems: &mut Problems) {
    let mut numbers = [None; 3];
    for ((part, number), (name, greatest)) in parts.into_iter().zip(&mut numbers).zip(PARTS) {
        let Operand::Constant(text) = part else {
            continue;
        };
        *number = whole(text).filter(|number| (1..=greatest).contains(number));
        if number.is_none() {
            let message = format!("{} is no whole number from 1 to {greatest}", quoted(text));
            problems.add(&at.member(name).member("value"), "out_of_limits", message);
        }
    }
    let [year, Some(month), Some(day)] = numbers else {
        return;
    };
    // Without a year, one that has all days there are.
    let written = format!("{:04}-{month:02}-{day:02}", year.unwrap_or(2000));
    if Literal::parse(FieldType::Date, &written).is_none() {
        let year = year.map_or_else(|| "any year".to_owned(), |year| format!("the year {year}"));
        let message = format!("there is no day {day} in month {month} of {year}");
        problems.add(at, "wrong_value", message);
    }
}

/// A constant's value, which may be written with zeros that mean nothing.
fn whole(text: &str) -> Option<u16> {
    let number = Literal::parse(FieldType::Decimal, text)?.as_decimal()?;
    number.to_string().parse().ok()
}
