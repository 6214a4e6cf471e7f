//! What an import takes: JSON, or a form with the files as they are.

use std::convert::Infallible;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::{Map, Value, json};

use crate::dto::import::{ImportAsked, ImportFile};
use crate::extract::json_body::decode;
use crate::extract::limits::{MAX_JSON_BYTES, read_body};
use crate::extract::multipart::{bad_form, bad_member, read_text};
use crate::extract::{JsonBody, strict_json};
use crate::problem::Problem;

/// The member that holds a file; there are several.
const FILE: &str = "file";
/// The members that hold plain texts, and those that hold JSON.
const TEXTS: [&str; 3] = ["format", "kind", "program"];
const JSON: [&str; 6] = ["dates", "keys", "csv", "validate_only", "all_or_nothing", "from"];
/// The most bytes of either.
const MAX_TEXT_BYTES: u64 = 16 * 1024;

/// What is asked for, whichever way it came.
#[derive(Debug, Clone)]
pub struct ImportRequest(pub ImportAsked);

impl<S: Send + Sync> FromRequest<S> for ImportRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let declared = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let Ok(boundary) = multer::parse_boundary(declared.unwrap_or_default()) else {
            return JsonBody::from_request(request, state)
                .await
                .map(|body| Self(body.value));
        };
        let body = read_body(request, MAX_JSON_BYTES).await?;
        read_form(body, &boundary).await.map(Self)
    }
}

async fn read_form(body: Bytes, boundary: &str) -> Result<ImportAsked, Problem> {
    let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    let members = || TEXTS.into_iter().chain(JSON);
    let sizes = members().fold(SizeLimit::new(), |sizes, name| {
        sizes.for_field(name, MAX_TEXT_BYTES)
    });
    let allowed: Vec<&str> = members().chain([FILE]).collect();
    let constraints = Constraints::new().size_limit(sizes).allowed_fields(allowed);
    let mut form = Multipart::with_constraints(stream, boundary, constraints);
    let mut asked = Map::new();
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| bad_form(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == FILE {
            files.push(read_file(field).await?);
            continue;
        }
        let text = read_text(&name, field).await?;
        let value = match JSON.contains(&name.as_str()) {
            true => read_json(&name, &text)?,
            false => json!(text),
        };
        if asked.insert(name.clone(), value).is_some() {
            return Err(bad_member(&name, "is there twice"));
        }
    }
    let mut asked: ImportAsked = decode(Value::Object(asked))?;
    asked.files = files;
    Ok(asked)
}

fn read_json(name: &str, text: &str) -> Result<Value, Problem> {
    strict_json::parse(text.as_bytes()).map_err(|error| bad_member(name, error.message))
}

async fn read_file(field: Field<'_>) -> Result<ImportFile, Problem> {
    let name = field.file_name().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(bad_member(FILE, "has to have a file name"));
    }
    let bytes = field.bytes().await.map_err(|error| bad_form(&error))?;
    // Names come out of files, so what stands for a character that was lost is refused here as well.
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) if !text.contains(char::REPLACEMENT_CHARACTER) => Ok(ImportFile { name, text }),
        _ => Err(bad_member(
            FILE,
            &format!("holds a file that is not UTF-8: `{name}`"),
        )),
    }
}
