//! `Field`, the union of all values; exactly one member is set.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Members")]
pub enum Field {
    /// SQL null.
    IsNull(bool),
    /// A truth value.
    BooleanValue(bool),
    /// A whole number.
    LongValue(i64),
    /// A binary floating-point number.
    DoubleValue(#[serde(serialize_with = "serialize_double")] f64),
    /// Text, and everything that travels as text.
    StringValue(String),
    /// Bytes; base64 on the wire.
    BlobValue(Blob),
    /// An array.
    ArrayValue(ArrayValue),
}

/// An array of one type; its lists may hold nulls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ArrayValue {
    /// Truth values.
    BooleanValues(Vec<Option<bool>>),
    /// Whole numbers.
    LongValues(Vec<Option<i64>>),
    /// Binary floating-point numbers.
    DoubleValues(Vec<Option<Double>>),
    /// Texts.
    StringValues(Vec<Option<String>>),
    /// Arrays of arrays.
    ArrayValues(Vec<ArrayValue>),
}

/// Bytes that are base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(|_| D::Error::custom("a blob is not base64"))
    }
}

/// A number that JSON writes as a number, or as `"NaN"`, `"Infinity"`, `"-Infinity"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Double(pub f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_double(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => match text.as_str() {
                "NaN" => Ok(Self(f64::NAN)),
                "Infinity" => Ok(Self(f64::INFINITY)),
                "-Infinity" => Ok(Self(f64::NEG_INFINITY)),
                _ => Err(D::Error::custom("a double is no number")),
            },
        }
    }
}

fn serialize_double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() {
        serializer.serialize_str("NaN")
    } else if value.is_infinite() {
        serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        serializer.serialize_f64(*value)
    }
}

/// The union as it stands in JSON: members that are null count as absent.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Members {
    is_null: Option<bool>,
    boolean_value: Option<bool>,
    long_value: Option<i64>,
    double_value: Option<Double>,
    string_value: Option<String>,
    blob_value: Option<Blob>,
    array_value: Option<ArrayValue>,
}

impl TryFrom<Members> for Field {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let mut set = [
            members.is_null.map(Field::IsNull),
            members.boolean_value.map(Field::BooleanValue),
            members.long_value.map(Field::LongValue),
            members.double_value.map(|double| Field::DoubleValue(double.0)),
            members.string_value.map(Field::StringValue),
            members.blob_value.map(Field::BlobValue),
            members.array_value.map(Field::ArrayValue),
        ]
        .into_iter()
        .flatten();
        match (set.next(), set.next()) {
            (Some(field), None) => Ok(field),
            _ => Err("a value must have exactly one member set"),
        }
    }
}
