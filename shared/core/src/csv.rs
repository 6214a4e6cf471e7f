//! How the CSV files of a dimension or an event are written, as far as its spec says so.

use serde::{Deserialize, Serialize};

/// The format of the files. The default takes what most programs write: UTF-8, or UTF-16 with a mark of byte order;
/// commas, semicolons, tabs or bars; double quotes, or single ones where the header has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CsvFormat {
    /// What the bytes mean, unless a mark of byte order says it.
    #[serde(skip_serializing_if = "is_default")]
    pub encoding: Encoding,
    /// What stands between cells: an ASCII character; detected from the header where the spec does not say.
    #[serde(skip_serializing_if = "is_default")]
    pub delimiter: Option<char>,
    /// What encloses cells; detected from the header where the spec does not say.
    #[serde(skip_serializing_if = "is_default")]
    pub quote: Option<Quote>,
    /// Texts that mean an empty cell, beside the empty text.
    #[serde(skip_serializing_if = "is_default")]
    pub null_values: Vec<String>,
    /// Rows with fewer cells than columns.
    #[serde(skip_serializing_if = "is_default")]
    pub short_rows: ShortRows,
    /// Columns that no field names.
    #[serde(skip_serializing_if = "is_default")]
    pub unknown_columns: UnknownColumns,
    /// What a rejected row does to the rest of its file, where the file itself does not say.
    #[serde(skip_serializing_if = "is_default")]
    pub on_error: OnError,
}

impl CsvFormat {
    /// The default.
    pub const PLAIN: Self = Self {
        encoding: Encoding::Utf8,
        delimiter: None,
        quote: None,
        null_values: Vec::new(),
        short_rows: ShortRows::Reject,
        unknown_columns: UnknownColumns::Refuse,
        on_error: OnError::Partial,
    };

    /// Whether it is the default.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }
}

/// What bytes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little end first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big end first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows-1252, also for ISO 8859-1.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    /// The encoding that the first bytes of a file name by a mark of byte order, and the bytes of the mark.
    #[must_use]
    pub fn marked(bytes: &[u8]) -> Option<(Self, usize)> {
        [
            (&b"\xEF\xBB\xBF"[..], Self::Utf8),
            (b"\xFF\xFE", Self::Utf16Le),
            (b"\xFE\xFF", Self::Utf16Be),
        ]
        .into_iter()
        .find(|(mark, _)| bytes.starts_with(mark))
        .map(|(mark, encoding)| (encoding, mark.len()))
    }
}

/// What encloses cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quote {
    /// `"`, doubled inside.
    #[serde(rename = "\"")]
    Double,
    /// `'`, doubled inside.
    #[serde(rename = "'")]
    Single,
    /// Nothing: quotes are characters like others, and no cell holds a delimiter or a line end.
    #[serde(rename = "none")]
    None,
}

impl Quote {
    /// The byte, if there is one.
    #[must_use]
    pub fn byte(self) -> Option<u8> {
        match self {
            Self::Double => Some(b'"'),
            Self::Single => Some(b'\''),
            Self::None => None,
        }
    }
}

/// What becomes of rows with fewer cells than columns. Empty cells behind the last named column count for nothing
/// either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortRows {
    /// They are rejected.
    #[default]
    Reject,
    /// The missing cells are empty ones.
    Fill,
}

/// What becomes of columns that no field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownColumns {
    /// The file is refused.
    #[default]
    Refuse,
    /// They are read over, whatever they hold.
    Ignore,
}

/// What a rejected row does to the rest of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Nothing: the kept rows count.
    #[default]
    Partial,
    /// The file is refused, and nothing of it counts.
    RejectAll,
}

impl OnError {
    /// The choice as callers, specs and the tracker write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::RejectAll => "reject_all",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Partial, Self::RejectAll]
            .into_iter()
            .find(|choice| choice.as_str() == text)
    }
}

/// The characters between which a file without a declared delimiter is told apart, in the order of preference.
pub const DETECTED_DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How numbers of a field are written, beside plain digits with a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NumberFormat {
    /// What stands between groups of digits, as the comma in `1,30,721` or `1,234,567`: two or three digits a group,
    /// three in the last. A number without it is taken as well.
    #[serde(skip_serializing_if = "is_default")]
    pub group_mark: Option<char>,
    /// What stands before the decimals, instead of the point.
    #[serde(skip_serializing_if = "is_default")]
    pub decimal_mark: Option<char>,
}

impl NumberFormat {
    /// The number as plain digits with a point; none where it is not written in this format.
    ///
    /// ```
    /// use millrace_core::csv::NumberFormat;
    ///
    /// let indian = NumberFormat { group_mark: Some(','), decimal_mark: None };
    /// assert_eq!(indian.plain(b"1,30,721.5").as_deref(), Some(&b"130721.5"[..]));
    /// assert_eq!(indian.plain(b"1,3"), None);
    /// ```
    #[must_use]
    pub fn plain(self, cell: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(cell).ok()?;
        // Points between groups leave none for decimals.
        let mark = match self {
            Self {
                group_mark: Some('.'),
                decimal_mark: None,
            } => None,
            _ => Some(self.decimal_mark.unwrap_or('.')),
        };
        let (whole, decimals) = match mark.and_then(|mark| text.split_once(mark)) {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        let (sign, whole) = match whole.strip_prefix('-') {
            Some(whole) => ("-", whole),
            None => ("", whole),
        };
        let mut plain = sign.as_bytes().to_vec();
        plain.extend(self.ungroup(whole)?);
        if let Some(decimals) = decimals {
            // Another point, or a group in the decimals, is left to whoever reads the plain number.
            if decimals.contains('.') && mark != Some('.') {
                return None;
            }
            plain.push(b'.');
            plain.extend(decimals.as_bytes());
        }
        Some(plain)
    }

    fn ungroup(self, whole: &str) -> Option<Vec<u8>> {
        let Some(mark) = self.group_mark.filter(|mark| whole.contains(*mark)) else {
            return (self.decimal_mark.is_none() || !whole.contains('.')).then(|| whole.as_bytes().to_vec());
        };
        let groups: Vec<&str> = whole.split(mark).collect();
        let last = groups.len() - 1;
        let is_good = groups.iter().enumerate().all(|(at, group)| {
            let digits = group.len();
            group.bytes().all(|byte| byte.is_ascii_digit())
                && match at {
                    _ if at == last => digits == 3,
                    0 => (1..=3).contains(&digits),
                    _ => (2..=3).contains(&digits),
                }
        });
        is_good.then(|| groups.concat().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{CsvFormat, Encoding, NumberFormat};

    fn plain(format: NumberFormat, cell: &str) -> Option<String> {
        let plain = format.plain(cell.as_bytes())?;
        Some(String::from_utf8(plain).unwrap())
    }

    #[test]
    fn groups_are_checked_and_taken_out() {
        let commas = NumberFormat {
            group_mark: Some(','),
            decimal_mark: None,
        };
        for (cell, expected) in [
            ("1,30,721", "130721"),
            ("-1,234,567.50", "-1234567.50"),
            ("130721", "130721"),
            ("12", "12"),
            ("10,00,00,000", "100000000"),
            (".5", ".5"),
        ] {
            assert_eq!(plain(commas, cell).as_deref(), Some(expected), "{cell}");
        }
        for cell in ["1,3", "1,2345", ",123", "1,,123", "12345,678", "1,30,72", "a,123"] {
            assert_eq!(plain(commas, cell), None, "{cell}");
        }
        let german = NumberFormat {
            group_mark: Some('.'),
            decimal_mark: Some(','),
        };
        assert_eq!(plain(german, "1.234,5").as_deref(), Some("1234.5"));
        assert_eq!(plain(german, "0,25").as_deref(), Some("0.25"));
        assert_eq!(plain(german, "1.5"), None);
        let points = NumberFormat {
            group_mark: Some('.'),
            decimal_mark: None,
        };
        assert_eq!(plain(points, "-1.000.000").as_deref(), Some("-1000000"));
        assert_eq!(plain(points, "1.5"), None);
        let comma_alone = NumberFormat {
            group_mark: None,
            decimal_mark: Some(','),
        };
        assert_eq!(plain(comma_alone, "1.5"), None);
        assert_eq!(plain(comma_alone, "1,5.5"), None);
        let spaced = NumberFormat {
            group_mark: Some('\u{a0}'),
            decimal_mark: Some(','),
        };
        assert_eq!(plain(spaced, "12\u{a0}345,6").as_deref(), Some("12345.6"));
    }

    #[test]
    fn a_format_is_written_as_far_as_it_differs() {
        assert_eq!(CsvFormat::PLAIN, CsvFormat::default());
        assert_eq!(serde_json::to_string(&CsvFormat::PLAIN).unwrap(), "{}");
        let read: CsvFormat = serde_json::from_str(r#"{"encoding":"windows-1252","quote":"none"}"#).unwrap();
        assert_eq!(read.encoding, Encoding::Windows1252);
        assert_eq!(read.quote, Some(super::Quote::None));
    }

    #[test]
    fn a_mark_of_byte_order_names_the_encoding() {
        assert_eq!(Encoding::marked(b"\xEF\xBB\xBFid"), Some((Encoding::Utf8, 3)));
        assert_eq!(Encoding::marked(b"\xFF\xFEi\0"), Some((Encoding::Utf16Le, 2)));
        assert_eq!(Encoding::marked(b"id"), None);
    }
}
