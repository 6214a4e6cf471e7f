//! One field: its type and its rules.

use millrace_core::csv::NumberFormat;
use millrace_core::field::{ColumnHeader, DateFormat, Field, FieldRules, FieldType};
use millrace_core::{Decimal, Name, value};
use regex::RegexBuilder;
use serde_json::Value;

use crate::number;
use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The most bytes of a pattern; the schemas say the same of its characters.
pub const MAX_PATTERN_BYTES: usize = 4_000;
/// The most fields with a pattern in one spec.
pub const MAX_PATTERNS: usize = 200;
/// The most memory that a compiled pattern may take.
pub const PATTERN_SIZE_LIMIT_BYTES: usize = 1 << 20;

/// The rules that belong to numbers.
const NUMBER_RULES: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
/// The rules that belong to texts.
const TEXT_RULES: [&str; 3] = ["minLength", "maxLength", "pattern"];

/// Reads a property of a row's schema.
pub(crate) fn read(
    name: &str,
    property: &Value,
    is_listed_required: bool,
    at: &Pointer,
    problems: &mut Problems,
) -> Option<Field> {
    let name = Name::parse(name).ok()?;
    let field_type = read_type(property, at, problems)?;
    let is_true = |member: &str| property.get(member).and_then(Value::as_bool) == Some(true);
    let date_format = read_date_format(property, field_type, at, problems);
    check_applicable(property, field_type, at, problems);
    Some(Field {
        name,
        field_type,
        required: is_listed_required || is_true("shouldnotnull") || is_true("shouldNotNull"),
        header: read_header(property, at, problems),
        date_format,
        time_zone: read_time_zone(property, field_type, at, problems),
        number_format: read_number_format(property, field_type, at, problems),
        rules: read_rules(property, (field_type, date_format), at, problems),
    })
}

fn read_type(property: &Value, at: &Pointer, problems: &mut Problems) -> Option<FieldType> {
    let declared = property.get("type")?.as_str()?;
    let format = property.get("format").and_then(Value::as_str);
    match (declared, format) {
        ("string", None) => Some(FieldType::Text),
        ("string", Some("date")) => Some(FieldType::Date),
        ("string", Some("date-time")) => Some(FieldType::Timestamp),
        ("integer", None) => Some(FieldType::Integer),
        ("number", None) => Some(FieldType::Decimal),
        ("boolean", None) => Some(FieldType::Boolean),
        _ => {
            let message = format!("a format does not apply to the type {declared}");
            problems.add(&at.member("format"), "rule_not_applicable", message);
            None
        }
    }
}

fn read_header(property: &Value, at: &Pointer, problems: &mut Problems) -> Option<ColumnHeader> {
    let text = property.get("header").and_then(Value::as_str);
    let occurrence = property.get("headerOccurrence").and_then(Value::as_u64);
    if text.is_none() && occurrence.is_some() {
        let message = "goes with the header that it counts";
        problems.add(&at.member("headerOccurrence"), "rule_not_applicable", message);
    }
    Some(ColumnHeader {
        text: text?.to_owned(),
        occurrence: u32::try_from(occurrence.unwrap_or(1)).ok()?,
    })
}

fn read_number_format(
    property: &Value,
    field_type: FieldType,
    at: &Pointer,
    problems: &mut Problems,
) -> Option<NumberFormat> {
    let mut mark = |member: &str, applies: bool| {
        let mark = property.get(member)?.as_str()?.chars().next();
        if !applies {
            let message = format!("the rule {member} does not apply to this type");
            problems.add(&at.member(member), "rule_not_applicable", message);
        }
        mark
    };
    let format = NumberFormat {
        group_mark: mark("groupMark", field_type.is_numeric()),
        decimal_mark: mark("decimalMark", field_type == FieldType::Decimal),
    };
    // Without a mark of their own, decimals stand behind the point.
    let decimal_mark = match field_type {
        FieldType::Decimal => format.decimal_mark.or(Some('.')),
        _ => None,
    };
    if format.group_mark.is_some() && format.group_mark == decimal_mark {
        let message = "stands before the decimals as well";
        problems.add(&at.member("groupMark"), "ambiguous_mark", message);
    }
    (format != NumberFormat::default()).then_some(format)
}

fn read_date_format(
    property: &Value,
    field_type: FieldType,
    at: &Pointer,
    problems: &mut Problems,
) -> DateFormat {
    let Some(declared) = property.get("dateFormat") else {
        return DateFormat::default();
    };
    if field_type != FieldType::Date {
        let message = "a date format applies to {\"type\": \"string\", \"format\": \"date\"} alone";
        problems.add(&at.member("dateFormat"), "rule_not_applicable", message);
    }
    serde_json::from_value(declared.clone()).unwrap_or_default()
}

fn read_time_zone(
    property: &Value,
    field_type: FieldType,
    at: &Pointer,
    problems: &mut Problems,
) -> Option<String> {
    let declared = property.get("timeZone")?.as_str()?;
    let at = at.member("timeZone");
    if field_type != FieldType::Timestamp {
        let message =
            "a time zone applies to {\"type\": \"string\", \"format\": \"date-time\"} alone: a day has none";
        problems.add(&at, "rule_not_applicable", message);
    } else if value::Zone::find(declared).is_none() {
        let message = format!(
            "{} is no time zone of the IANA database, such as \"Asia/Kolkata\"",
            quoted(declared)
        );
        problems.add(&at, "unknown_time_zone", message);
    }
    Some(declared.to_owned())
}

fn check_applicable(property: &Value, field_type: FieldType, at: &Pointer, problems: &mut Problems) {
    let refused: &[&[&str]] = match field_type {
        FieldType::Text => &[&NUMBER_RULES],
        FieldType::Integer | FieldType::Decimal => &[&TEXT_RULES],
        FieldType::Boolean | FieldType::Date | FieldType::Timestamp => &[&NUMBER_RULES, &TEXT_RULES],
    };
    for rule in refused.iter().copied().flatten() {
        if property.get(*rule).is_some() {
            let message = format!("the rule {rule} does not apply to this type");
            problems.add(&at.member(rule), "rule_not_applicable", message);
        }
    }
}

fn read_rules(
    property: &Value,
    types: (FieldType, DateFormat),
    at: &Pointer,
    problems: &mut Problems,
) -> FieldRules {
    let mut bound = |rule: &str| read_bound(property, rule, at, problems);
    let minimum = bound("minimum");
    let maximum = bound("maximum");
    let exclusive_minimum = bound("exclusiveMinimum");
    let exclusive_maximum = bound("exclusiveMaximum");
    let rules = FieldRules {
        minimum,
        maximum,
        exclusive_minimum,
        exclusive_maximum,
        min_length: read_length(property, "minLength", at, problems),
        max_length: read_length(property, "maxLength", at, problems),
        pattern: read_pattern(property, at, problems),
        one_of: read_one_of(property, types, at, problems),
    };
    check_ranges(&rules, at, problems);
    rules
}

fn read_bound(property: &Value, rule: &str, at: &Pointer, problems: &mut Problems) -> Option<Decimal> {
    let Value::Number(written) = property.get(rule)? else {
        return None;
    };
    let read = number::decimal(written);
    if read.is_none() {
        let message = format!("{written} has more than 28 digits or more than 18 decimal places");
        problems.add(&at.member(rule), "number_not_exact", message);
    }
    read
}

fn read_length(property: &Value, rule: &str, at: &Pointer, problems: &mut Problems) -> Option<u32> {
    let read = property
        .get(rule)?
        .as_u64()
        .and_then(|length| u32::try_from(length).ok());
    if read.is_none() {
        problems.add(
            &at.member(rule),
            "wrong_type",
            "must be a whole number, without a decimal point",
        );
    }
    read
}

fn read_pattern(property: &Value, at: &Pointer, problems: &mut Problems) -> Option<String> {
    let pattern = property.get("pattern")?.as_str()?;
    let message = if pattern.len() > MAX_PATTERN_BYTES {
        Some(format!("has more than {MAX_PATTERN_BYTES} bytes"))
    } else {
        let compiled = RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE_LIMIT_BYTES)
            .build();
        compiled.err().map(|error| regex_words(&error))
    };
    match message {
        None => Some(pattern.to_owned()),
        Some(message) => {
            problems.add(&at.member("pattern"), "bad_pattern", message);
            None
        }
    }
}

fn regex_words(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            "the pattern is too large when compiled: repeat less, or name the characters (\\w stands for all letters of \
             all scripts; [A-Za-z0-9_] is small)"
                .to_owned()
        },
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("not a regular expression without look-around and back-references: {last}")
        }
    }
}

fn read_one_of(
    property: &Value,
    (field_type, date_format): (FieldType, DateFormat),
    at: &Pointer,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    let listed = property.get("enum")?.as_array()?;
    let at = at.member("enum");
    let mut values = Vec::with_capacity(listed.len());
    for (index, value) in listed.iter().enumerate() {
        match enum_text(value, field_type, date_format) {
            Some(text) if values.contains(&text) => {
                problems.add(
                    &at.item(index),
                    "duplicate_value",
                    format!("{} is there twice", quoted(&text)),
                );
            }
            Some(text) => values.push(text),
            None => problems.add(&at.item(index), "wrong_type", not_of_type(field_type)),
        }
    }
    Some(values)
}

/// An allowed value as the text of a cell; none where no cell of the type could have it.
fn enum_text(listed: &Value, field_type: FieldType, date_format: DateFormat) -> Option<String> {
    match (listed, field_type) {
        (Value::String(text), FieldType::Text) => Some(text.clone()),
        (Value::String(text), FieldType::Date) => {
            value::date(text.as_bytes(), date_format).map(|_| text.clone())
        }
        (Value::String(text), FieldType::Timestamp) => {
            value::timestamp(text.as_bytes()).map(|_| text.clone())
        }
        (Value::Bool(truth), FieldType::Boolean) => Some(truth.to_string()),
        (Value::Number(written), FieldType::Integer) => number::decimal(written)
            .map(|read| read.to_string())
            .filter(|text| value::integer(text.as_bytes()).is_some()),
        (Value::Number(written), FieldType::Decimal) => number::decimal(written).map(|read| read.to_string()),
        _ => None,
    }
}

fn not_of_type(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "is no text",
        FieldType::Integer => "is no whole number of 64 bits",
        FieldType::Decimal => "is no number of at most 28 digits and 18 decimal places",
        FieldType::Boolean => "is neither true nor false",
        FieldType::Date => "is no day in the field's date format",
        FieldType::Timestamp => "is no RFC 3339 instant",
    }
}

fn check_ranges(rules: &FieldRules, at: &Pointer, problems: &mut Problems) {
    if let (Some(minimum), Some(maximum)) = (rules.minimum, rules.maximum)
        && minimum > maximum
    {
        problems.add(&at.member("maximum"), "empty_range", "is below the minimum");
    }
    let greatest = [
        (rules.maximum, "maximum"),
        (rules.exclusive_maximum, "exclusiveMaximum"),
    ];
    for (bound, rule) in greatest {
        if let (Some(least), Some(bound)) = (rules.exclusive_minimum, bound)
            && least >= bound
        {
            problems.add(
                &at.member(rule),
                "empty_range",
                "leaves no number above exclusiveMinimum",
            );
        }
    }
    if let (Some(minimum), Some(bound)) = (rules.minimum, rules.exclusive_maximum)
        && minimum >= bound
    {
        problems.add(
            &at.member("exclusiveMaximum"),
            "empty_range",
            "leaves no number from the minimum",
        );
    }
    if let (Some(least), Some(greatest)) = (rules.min_length, rules.max_length)
        && least > greatest
    {
        problems.add(&at.member("maxLength"), "empty_range", "is below minLength");
    }
}
