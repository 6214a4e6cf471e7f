//! Dates as sources write them into names.

/// What a format is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Literal(char),
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

/// How a date is written: `YYYY` or `YY` (2000 to 2099), `MM` or `MON` (`JAN`), `DD` (the first where it is not
/// there); everything else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat(Vec<Piece>);

impl DateFormat {
    /// Reads a format; it names a year, and nothing twice.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let known = [
                ("YYYY", Piece::Year),
                ("YY", Piece::ShortYear),
                ("MON", Piece::MonthName),
                ("MM", Piece::Month),
                ("DD", Piece::Day),
            ];
            match known.iter().find(|(word, _)| rest.starts_with(word)) {
                Some((word, piece)) => {
                    pieces.push(*piece);
                    rest = &rest[word.len()..];
                }
                None if first.is_ascii_alphanumeric() => return None,
                None => {
                    pieces.push(Piece::Literal(first));
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        let count = |wanted: &[Piece]| pieces.iter().filter(|piece| wanted.contains(piece)).count();
        let months = count(&[Piece::Month, Piece::MonthName]);
        let days = count(&[Piece::Day]);
        let is_whole = count(&[Piece::Year, Piece::ShortYear]) == 1 && months <= 1 && days <= months;
        is_whole.then_some(Self(pieces))
    }

    /// Reads a date; a time behind it (`T…` or a blank) is not looked at. The answer is `YYYY-MM-DD`.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<String> {
        let (mut year, mut month, mut day) = (0, 1, 1);
        let mut rest = text.trim();
        for piece in &self.0 {
            match piece {
                Piece::Year => year = digits(&mut rest, 4)?,
                Piece::ShortYear => year = 2_000 + digits(&mut rest, 2)?,
                Piece::Month => month = digits(&mut rest, 2)?,
                Piece::Day => day = digits(&mut rest, 2)?,
                Piece::MonthName => {
                    let word = rest.get(..3)?.to_ascii_uppercase();
                    let place = MONTHS.iter().position(|name| *name == word)?;
                    month = u32::try_from(place).ok()? + 1;
                    rest = &rest[3..];
                }
                Piece::Literal(expected) => rest = rest.strip_prefix(*expected)?,
            }
        }
        let is_end = rest.is_empty() || rest.starts_with(['T', ' ']);
        (is_end && year > 0 && day >= 1 && day <= days_of(year, month))
            .then(|| format!("{year:04}-{month:02}-{day:02}"))
    }
}

fn digits(rest: &mut &str, count: usize) -> Option<u32> {
    let text = rest
        .get(..count)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    *rest = &rest[count..];
    text.parse().ok()
}

/// Days of a month; none of a month that does not exist.
fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::DateFormat;

    fn read(format: &str, text: &str) -> Option<String> {
        DateFormat::parse(format).unwrap().read(text)
    }

    #[test]
    fn dates_of_real_sources_are_read() {
        assert_eq!(read("YYYY-MM-DD", "2024-02-29").unwrap(), "2024-02-29");
        assert_eq!(read("YYYYMMDD", "20240131").unwrap(), "2024-01-31");
        assert_eq!(read("YYMM", "2310").unwrap(), "2023-10-01");
        assert_eq!(read("MON_YYYY", "feb_2021").unwrap(), "2021-02-01");
        assert_eq!(read("DD.MM.YYYY", "31.12.1999").unwrap(), "1999-12-31");
        assert_eq!(read("YYYY-MM-DD", "2024-01-31T10:00:00Z").unwrap(), "2024-01-31");
        assert_eq!(read("YYYY", "2024").unwrap(), "2024-01-01");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "0000-01-01",
            "2024-1-1",
            "2024-01-311",
            "é",
            "",
        ] {
            assert_eq!(read("YYYY-MM-DD", text), None, "{text}");
        }
        assert_eq!(read("MON_YYYY", "FEV_2021"), None);
        for format in [
            "",
            "MM",
            "DD-YYYY",
            "YYYY-YY",
            "YYYY MM MON",
            "Week YYYY",
            "YYYY-MM-DD DD",
        ] {
            assert_eq!(DateFormat::parse(format), None, "{format}");
        }
    }
}
