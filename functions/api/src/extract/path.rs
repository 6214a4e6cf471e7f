//! Names, ids and kinds in paths. What cannot be one does not exist: 404.

use std::collections::HashMap;
use std::str::FromStr as _;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use millrace_core::definition::SpecKind;
use millrace_core::ids::FileVersion;
use millrace_core::{DocumentId, FileId, Name, RunId};

use crate::problem::Problem;

/// `{name}`: the name of a spec, dataset or dimension.
#[derive(Debug, Clone)]
pub struct NameInPath(pub Name);

/// `{file_id}`.
#[derive(Debug, Clone, Copy)]
pub struct FileIdInPath(pub FileId);

/// `{file_id}` and `{version}`.
#[derive(Debug, Clone, Copy)]
pub struct FileVersionInPath(pub FileVersion);

/// `{document_id}`.
#[derive(Debug, Clone, Copy)]
pub struct DocumentIdInPath(pub DocumentId);

/// `{run_id}`.
#[derive(Debug, Clone, Copy)]
pub struct RunIdInPath(pub RunId);

/// `{kind}`: `dimension`, `event`, `dataset`, `source`, `transformer`, `pipeline` or `schedule`.
#[derive(Debug, Clone, Copy)]
pub struct KindInPath(pub SpecKind);

async fn member<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Problem> {
    let members = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
    let member = members.ok().and_then(|mut members| members.remove(name));
    member.ok_or_else(|| Problem::not_found("there is nothing at this address"))
}

impl<S: Send + Sync> FromRequestParts<S> for NameInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = member(parts, state, "name").await?;
        Name::parse(&text)
            .map(Self)
            .map_err(|error| Problem::not_found(format!("there is none of that name: {error}")))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FileIdInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = member(parts, state, "file_id").await?;
        let id = Some(text)
            .filter(|text| text.len() == 36)
            .and_then(|text| FileId::from_str(&text).ok());
        id.map(Self)
            .ok_or_else(|| Problem::not_found("there is no such file: an id is a UUID"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FileVersionInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let FileIdInPath(file_id) = FileIdInPath::from_request_parts(parts, state).await?;
        let text = member(parts, state, "version").await?;
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let version = i32::from_str(&text)
            .ok()
            .filter(|version| is_plain && *version > 0);
        let version = version.and_then(|version| u32::try_from(version).ok());
        let version = version
            .ok_or_else(|| Problem::not_found("there is no such version: they are whole numbers from 1"))?;
        Ok(Self(FileVersion { file_id, version }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DocumentIdInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = member(parts, state, "document_id").await?;
        let id = Some(text)
            .filter(|text| text.len() == 36)
            .and_then(|text| DocumentId::from_str(&text).ok());
        id.map(Self)
            .ok_or_else(|| Problem::not_found("there is no such document: an id is a UUID"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RunIdInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = member(parts, state, "run_id").await?;
        let id = Some(text)
            .filter(|text| text.len() == 36)
            .and_then(|text| RunId::from_str(&text).ok());
        id.map(Self)
            .ok_or_else(|| Problem::not_found("there is no such run: an id is a UUID"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for KindInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = member(parts, state, "kind").await?;
        let kind = SpecKind::parse(&text).map(Self);
        kind.ok_or_else(|| {
            Problem::not_found(
                "specs are of kind dimension, event, dataset, source, transformer, pipeline or schedule",
            )
        })
    }
}
