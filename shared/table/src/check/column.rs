//! One column of the file: its field's rules, compiled, and the values that kept them.

use millrace_core::Decimal;
use millrace_core::csv::NumberFormat;
use millrace_core::field::{DateFormat, Field, FieldType};
use millrace_core::row_error::Rule;
use millrace_core::value::{self, Unread, Zone};
use regex::bytes::{Regex, RegexBuilder};

use super::CheckError;
use super::one_of::OneOf;
use crate::block::Column;
use crate::builder::ColumnBuilder;

/// The most memory that one compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

/// A column of the file.
#[derive(Debug)]
pub(super) struct CheckedColumn {
    /// The field's index in the spec.
    pub(super) field: usize,
    pub(super) builder: ColumnBuilder,
    is_required: bool,
    number_format: Option<NumberFormat>,
    one_of: Option<OneOf>,
    rules: TypeRules,
}

/// The rules that go with a type.
#[derive(Debug)]
enum TypeRules {
    Text {
        characters: Option<(usize, usize)>,
        pattern: Option<Box<Regex>>,
    },
    /// Least and greatest, inclusive; no number where the least is above the greatest.
    Integer(i64, i64),
    Decimal(Option<Box<Bounds>>),
    Boolean,
    Date(LastDate),
    Timestamp,
    /// Times without an offset are those of a zone.
    ZonedTimestamp(Box<Zone>),
}

/// A date format, and the date read last: rows that follow one another are mostly of one day.
#[derive(Debug)]
struct LastDate {
    format: DateFormat,
    text: Vec<u8>,
    day: i32,
}

impl LastDate {
    fn new(format: DateFormat) -> Self {
        Self {
            format,
            text: Vec::new(),
            day: 0,
        }
    }

    #[inline]
    fn read(&mut self, text: &[u8]) -> Option<i32> {
        if self.text != text {
            self.day = value::date(text, self.format)?;
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        Some(self.day)
    }
}

/// The bounds of a decimal.
#[derive(Debug)]
struct Bounds {
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
    exclusive_minimum: Option<Decimal>,
    exclusive_maximum: Option<Decimal>,
}

impl CheckedColumn {
    pub(super) fn new(index: usize, field: &Field) -> Result<Self, CheckError> {
        Ok(Self {
            field: index,
            builder: ColumnBuilder::new(field.field_type),
            is_required: field.required,
            number_format: field.number_format.filter(|_| field.field_type.is_numeric()),
            one_of: match &field.rules.one_of {
                Some(values) => Some(OneOf::new(field, zone_of(field)?.as_ref(), values)),
                None => None,
            },
            rules: TypeRules::of(field)?,
        })
    }

    /// Adds a cell's value for `row`, or says which rule the cell breaks first; then nothing may have been added.
    #[inline(always)]
    pub(super) fn push(&mut self, row: usize, text: &[u8]) -> Result<(), Rule> {
        if text.is_empty() {
            if self.is_required {
                return Err(Rule::Required);
            }
            self.builder.push_null(row);
            return Ok(());
        }
        if let Some(format) = self.number_format {
            return self.push_formatted(row, text, format);
        }
        self.push_plain(row, text)
    }

    #[inline(never)]
    fn push_formatted(&mut self, row: usize, text: &[u8], format: NumberFormat) -> Result<(), Rule> {
        let plain = format.plain(text).ok_or(Rule::WrongType)?;
        self.push_plain(row, &plain)
    }

    /// Adds a value that is written in no format but the plain one, otherwise as [`Self::push`].
    #[inline(always)]
    pub(super) fn push_plain(&mut self, row: usize, text: &[u8]) -> Result<(), Rule> {
        self.push_value(text)?;
        self.builder.set_valid(row);
        if let Some(allowed) = &self.one_of
            && !allowed.hold(&self.builder.values, text)
        {
            return Err(Rule::NotAllowed);
        }
        Ok(())
    }

    #[inline(always)]
    fn push_value(&mut self, text: &[u8]) -> Result<(), Rule> {
        match (&mut self.rules, &mut self.builder.values) {
            (TypeRules::Integer(least, greatest), Column::Integer(values)) => {
                let value = value::integer(text).ok_or(Rule::WrongType)?;
                values.push(value);
                in_range((*least..=*greatest).contains(&value))
            }
            (TypeRules::Text { characters, pattern }, Column::Text { offsets, bytes }) => {
                check_length(text, *characters)?;
                if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
                    return Err(Rule::PatternMismatch);
                }
                bytes.extend_from_slice(text);
                // A block is flushed long before its texts reach 4 GiB.
                offsets.push(u32::try_from(bytes.len()).map_err(|_| Rule::TooLong)?);
                Ok(())
            }
            (TypeRules::Decimal(bounds), Column::Decimal(values)) => {
                let value = value::decimal(text).ok_or(Rule::WrongType)?;
                values.push(value);
                in_range(bounds.as_ref().is_none_or(|bounds| bounds.hold(value)))
            }
            (TypeRules::Date(last), Column::Date(values)) => {
                values.push(last.read(text).ok_or(Rule::WrongType)?);
                Ok(())
            }
            (TypeRules::Boolean, Column::Boolean(values)) => {
                values.push(value::boolean(text).ok_or(Rule::WrongType)?);
                Ok(())
            }
            (TypeRules::Timestamp, Column::Timestamp(values)) => {
                values.push(value::timestamp(text).ok_or(Rule::WrongType)?);
                Ok(())
            }
            (TypeRules::ZonedTimestamp(zone), Column::Timestamp(values)) => {
                values.push(zone.timestamp(text).map_err(unread)?);
                Ok(())
            }
            // Rules and builder come from the same field.
            _ => Err(Rule::WrongType),
        }
    }
}

fn unread(why: Unread) -> Rule {
    match why {
        Unread::Wrong => Rule::WrongType,
        Unread::Skipped => Rule::SkippedTime,
    }
}

fn in_range(is_in_range: bool) -> Result<(), Rule> {
    if is_in_range {
        Ok(())
    } else {
        Err(Rule::OutOfRange)
    }
}

#[inline]
fn check_length(text: &[u8], characters: Option<(usize, usize)>) -> Result<(), Rule> {
    let Some((least, greatest)) = characters else {
        return Ok(());
    };
    // A character takes one to four bytes: mostly the bytes alone decide.
    if text.len() <= greatest && text.len() / 4 >= least {
        return Ok(());
    }
    let count = text.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    if (least..=greatest).contains(&count) {
        Ok(())
    } else {
        Err(Rule::Length)
    }
}

/// The zone that a field declares.
pub(super) fn zone_of(field: &Field) -> Result<Option<Zone>, CheckError> {
    let find = |name: &String| {
        Zone::find(name).ok_or_else(|| CheckError::UnknownTimeZone {
            field: field.name.clone(),
            time_zone: name.clone(),
        })
    };
    field.time_zone.as_ref().map(find).transpose()
}

impl TypeRules {
    fn of(field: &Field) -> Result<Self, CheckError> {
        Ok(match field.field_type {
            FieldType::Text => Self::text(field)?,
            FieldType::Integer => Self::integer(field),
            FieldType::Decimal => Self::Decimal(Bounds::of(field)),
            FieldType::Boolean => Self::Boolean,
            FieldType::Date => Self::Date(LastDate::new(field.date_format)),
            FieldType::Timestamp => match zone_of(field)? {
                Some(zone) => Self::ZonedTimestamp(Box::new(zone)),
                None => Self::Timestamp,
            },
        })
    }

    fn text(field: &Field) -> Result<Self, CheckError> {
        let rules = &field.rules;
        let size = |length: Option<u32>| length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let characters = match (size(rules.min_length), size(rules.max_length)) {
            (None, None) => None,
            (least, greatest) => Some((least.unwrap_or(0), greatest.unwrap_or(usize::MAX))),
        };
        let compile = |pattern: &String| {
            let regex = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build();
            regex.map(Box::new).map_err(|source| CheckError::BadPattern {
                field: field.name.clone(),
                source: Box::new(source),
            })
        };
        let pattern = rules.pattern.as_ref().map(compile).transpose()?;
        Ok(Self::Text { characters, pattern })
    }

    fn integer(field: &Field) -> Self {
        let rules = &field.rules;
        let least = [
            rules.minimum.map(|bound| -floor(bound.negated())),
            rules.exclusive_minimum.map(|bound| floor(bound) + 1),
        ];
        let greatest = [
            rules.maximum.map(floor),
            rules.exclusive_maximum.map(|bound| -floor(bound.negated()) - 1),
        ];
        let least = least.into_iter().flatten().max();
        let greatest = greatest.into_iter().flatten().min();
        let least = least.map_or(Some(i64::MIN), |least| {
            i64::try_from(least.max(i64::MIN.into())).ok()
        });
        let greatest = greatest.map_or(Some(i64::MAX), |greatest| {
            i64::try_from(greatest.min(i64::MAX.into())).ok()
        });
        match (least, greatest) {
            (Some(least), Some(greatest)) => Self::Integer(least, greatest),
            _ => Self::Integer(1, 0),
        }
    }
}

fn floor(value: Decimal) -> i128 {
    value.units().div_euclid(10_i128.pow(u32::from(value.scale())))
}

impl Bounds {
    fn of(field: &Field) -> Option<Box<Self>> {
        let rules = &field.rules;
        let bounds = Self {
            minimum: rules.minimum,
            maximum: rules.maximum,
            exclusive_minimum: rules.exclusive_minimum,
            exclusive_maximum: rules.exclusive_maximum,
        };
        let all = [
            bounds.minimum,
            bounds.maximum,
            bounds.exclusive_minimum,
            bounds.exclusive_maximum,
        ];
        all.iter().any(Option::is_some).then(|| Box::new(bounds))
    }

    fn hold(&self, value: Decimal) -> bool {
        self.minimum.is_none_or(|bound| value >= bound)
            && self.maximum.is_none_or(|bound| value <= bound)
            && self.exclusive_minimum.is_none_or(|bound| value > bound)
            && self.exclusive_maximum.is_none_or(|bound| value < bound)
    }
}
