//! JSON bodies, read strictly, then made into a DTO.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::extract::limits::{MAX_BATCH_BYTES, MAX_JSON_BYTES, read_body};
use crate::extract::strict_json::{self, JsonError};
use crate::problem::Problem;

/// A JSON body as a DTO, with its bytes for whoever needs their hash.
#[derive(Debug, Clone)]
pub struct JsonBody<T> {
    /// The DTO.
    pub value: T,
    /// The body as it came.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        let bytes = read_body(request, MAX_JSON_BYTES).await?;
        let value = decode(parse(&bytes)?)?;
        Ok(Self { value, bytes })
    }
}

/// A JSON body whose rows are taken as they are written: checked strictly, but not made into values.
#[derive(Debug, Clone)]
pub struct BatchBody(
    /// The body as it came.
    pub Bytes,
);

impl BatchBody {
    /// The body as a DTO that may borrow from it.
    ///
    /// # Errors
    /// 422 for what is no such DTO, with its pointer.
    pub fn decode<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        let is_object = self.0.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let mut deserializer = serde_json::Deserializer::from_slice(&self.0);
        decode_from(is_object, &mut deserializer)
    }
}

impl<S: Send + Sync> FromRequest<S> for BatchBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        let bytes = read_body(request, MAX_BATCH_BYTES).await?;
        strict_json::check(&bytes).map_err(|error| malformed(&error))?;
        Ok(Self(bytes))
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if is_json(declared) {
        return Ok(());
    }
    let detail = "the body has to be application/json in UTF-8";
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    ))
}

fn is_json(declared: &str) -> bool {
    let mut parts = declared.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    is_json && parts.all(|parameter| parameter.is_empty() || is_utf8_charset(parameter))
}

fn is_utf8_charset(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
}

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    strict_json::parse(bytes).map_err(|error| malformed(&error))
}

fn malformed(error: &JsonError) -> Problem {
    let detail = format!("{}, at byte {}", error.message, error.offset);
    Problem::malformed(error.code, detail).at(error.pointer.clone(), error.code, error.message)
}

pub(crate) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    decode_from(value.is_object(), value)
}

fn decode_from<'a, T, D>(is_object: bool, deserializer: D) -> Result<T, Problem>
where
    T: serde::Deserialize<'a>,
    D: serde::Deserializer<'a, Error = serde_json::Error>,
{
    // Serde takes an array for an object's members in their order.
    if !is_object {
        let message = "an object is expected";
        return Err(Problem::invalid("invalid_body", message).at("", "invalid_member", message));
    }
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                serde_path_to_error::Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                serde_path_to_error::Segment::Map { key } => {
                    pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                }
                serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => {}
            }
        }
        let message: String = error.inner().to_string().chars().take(300).collect();
        Problem::invalid("invalid_body", message.clone()).at(pointer, "invalid_member", message)
    })
}
