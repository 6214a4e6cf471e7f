//! A small CSV in a `multipart/form-data` form. A raw `text/csv` body is refused: gateways decode text lossily.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use multer::{Constraints, Field, Multipart, SizeLimit};
use sha2::{Digest as _, Sha256};

use crate::extract::limits::{MAX_FORM_BYTES, body_too_large, read_body};
use crate::problem::Problem;

/// The member that holds the file.
const FILE: &str = "file";
/// The members that hold texts.
const TEXTS: [&str; 5] = ["ingestion_type", "ingestion_name", "mode", "file_id", "on_error"];
/// The most bytes of a text member.
const MAX_TEXT_BYTES: u64 = 1_024;

/// A form with a file in it.
#[derive(Debug, Clone)]
pub struct CsvForm {
    /// The text members.
    pub texts: BTreeMap<String, String>,
    /// The file's name, as the form gives it.
    pub file_name: String,
    /// The file.
    pub bytes: Bytes,
}

impl CsvForm {
    /// Hash of what the form says, whatever its boundary.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let texts = self
            .texts
            .iter()
            .map(|(name, text)| (name.as_bytes(), text.as_bytes()));
        let file = [
            (FILE.as_bytes(), self.file_name.as_bytes()),
            (b"", &self.bytes[..]),
        ];
        for (name, bytes) in texts.chain(file) {
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        hex(&hash.finalize())
    }
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<S: Send + Sync> FromRequest<S> for CsvForm {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let declared = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let boundary = multer::parse_boundary(declared.unwrap_or_default()).map_err(|_| not_a_form())?;
        let body = read_body(request, MAX_FORM_BYTES).await?;
        read_form(body, &boundary).await
    }
}

fn not_a_form() -> Problem {
    let detail = "send the file as multipart/form-data (member \"file\"), or ask POST /ingestion/uploads for an \
                  address; a plain text body may change on its way";
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}

async fn read_form(body: Bytes, boundary: &str) -> Result<CsvForm, Problem> {
    let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    let sizes = TEXTS.iter().fold(SizeLimit::new(), |sizes, name| {
        sizes.for_field(*name, MAX_TEXT_BYTES)
    });
    let mut allowed = vec![FILE];
    allowed.extend(TEXTS);
    let constraints = Constraints::new().size_limit(sizes).allowed_fields(allowed);
    let mut form = Multipart::with_constraints(stream, boundary, constraints);
    let mut texts = BTreeMap::new();
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(|error| bad_form(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_new = match name.as_str() {
            FILE => file.replace(read_file(field).await?).is_none(),
            _ => texts
                .insert(name.clone(), read_text(&name, field).await?)
                .is_none(),
        };
        if !is_new {
            return Err(bad_member(&name, "is there twice"));
        }
    }
    let (file_name, bytes) = file.ok_or_else(|| bad_member(FILE, "has to be there"))?;
    Ok(CsvForm {
        texts,
        file_name,
        bytes,
    })
}

async fn read_file(field: Field<'_>) -> Result<(String, Bytes), Problem> {
    let file_name = field.file_name().unwrap_or_default().to_owned();
    if file_name.is_empty() {
        return Err(bad_member(FILE, "has to have a file name"));
    }
    let bytes = field.bytes().await.map_err(|error| bad_form(&error))?;
    Ok((file_name, bytes))
}

pub(crate) async fn read_text(name: &str, field: Field<'_>) -> Result<String, Problem> {
    let bytes = field.bytes().await.map_err(|error| bad_form(&error))?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| bad_member(name, "is not UTF-8"))?;
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(bad_member(name, "is not UTF-8"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad_member(name, "holds control characters"));
    }
    Ok(text)
}

pub(crate) fn bad_member(name: &str, message: &str) -> Problem {
    let name: String = name.chars().take(60).collect();
    Problem::malformed("bad_form", format!("{name}: {message}")).at(
        format!("/form/{name}"),
        "bad_form",
        message,
    )
}

pub(crate) fn bad_form(error: &multer::Error) -> Problem {
    match error {
        multer::Error::UnknownField { field_name } => bad_member(
            field_name.as_deref().unwrap_or_default(),
            "is not a member of this form",
        ),
        multer::Error::FieldSizeExceeded { field_name, .. } => {
            bad_member(field_name.as_deref().unwrap_or_default(), "has too many bytes")
        }
        multer::Error::StreamSizeExceeded { .. } => body_too_large(None, MAX_FORM_BYTES),
        _ => Problem::malformed("bad_form", "the body is not a complete multipart form"),
    }
}
