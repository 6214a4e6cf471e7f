//! From a document that was asked for to its bytes: read, compose, render, store, record; ready once.
//!
//! Two at once, or again after being killed, do the same work again: the key of the bytes is their hash, and
//! `complete_document` counts the first alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use millrace_core::failure::Failure;
use millrace_core::ids::DocumentId;
use millrace_core::object_key;
use millrace_pdf::{Document, Rendered, render};
use millrace_store::Store;
use millrace_store::documents::{
    BeginDocument, DocumentAttempt, DocumentError, DocumentState, MadeDocument, Sources,
};

use crate::authenticate::sha256_hex;
use crate::compose::compose;
use crate::figures::{FiguresError, read_figures, refused};
use crate::ports::{ObjectStore, write_all};
use crate::{Disposition, Handled};

/// What rendering needs.
pub struct RenderPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where documents lie.
    pub documents: &'a dyn ObjectStore,
}

/// The bytes of a document, and what is kept beside them.
struct Made {
    rendered: Rendered,
    sha256: String,
    rows: u32,
    sources: Sources,
}

/// Makes a document, once. What can never be made fails with its reason at once; so does what could not be made when
/// this is the message's last attempt, whose failure is reported all the same: the message is not lost in silence.
///
/// # Errors
/// A failure of the bucket or the database, recorded with the document where that can be done.
pub async fn render_document(
    ports: &RenderPorts<'_>,
    document_id: DocumentId,
    is_last_attempt: bool,
) -> Handled {
    let attempt = match ports.store.begin_document(document_id).await? {
        BeginDocument::Begun(attempt) => attempt,
        BeginDocument::Settled {
            state: DocumentState::Failed,
        } => return Ok(Disposition::Reject(format!("document {document_id} has failed"))),
        BeginDocument::Settled { .. } => return Ok(Disposition::Done),
        BeginDocument::None => {
            return Ok(Disposition::Reject(format!("there is no document {document_id}")));
        }
    };
    match make(ports, document_id, &attempt).await {
        Ok(()) => Ok(Disposition::Done),
        Err(FiguresError::Refused(reason)) => {
            let store = ports.store;
            store.fail_document(document_id, &attempt, &reason, true).await?;
            Ok(Disposition::Done)
        }
        Err(FiguresError::Failed(failure)) => {
            let reason = reason(&failure, attempt.attempt, is_last_attempt);
            // What is away may be the database itself; the failure below is the one to report.
            let _ = ports
                .store
                .fail_document(document_id, &attempt, &reason, is_last_attempt)
                .await;
            Err(failure)
        }
    }
}

async fn make(
    ports: &RenderPorts<'_>,
    document_id: DocumentId,
    attempt: &DocumentAttempt,
) -> Result<(), FiguresError> {
    let figures = read_figures(ports.store, &attempt.query).await?;
    let sources = figures.sources.clone();
    let rows = u32::try_from(figures.rows.len()).unwrap_or(u32::MAX);
    let rendered = draw(&compose(&attempt.title, &attempt.query, figures))?;
    let made = Made {
        sha256: sha256_hex(&rendered.bytes),
        rendered,
        rows,
        sources,
    };
    keep(ports, document_id, attempt.round, made).await?;
    Ok(())
}

/// Renders; a defect in there is the document's end and nobody else's.
fn draw(document: &Document) -> Result<Rendered, FiguresError> {
    match catch_unwind(AssertUnwindSafe(|| render(document))) {
        Ok(Ok(rendered)) => Ok(rendered),
        Ok(Err(error)) => Err(refused(error.code(), error.to_string())),
        Err(_) => Err(refused(
            "internal_error",
            "the renderer met a defect of ours, which was logged",
        )),
    }
}

/// First the bytes, then the record: a ready document always has them.
async fn keep(
    ports: &RenderPorts<'_>,
    document_id: DocumentId,
    round: u32,
    made: Made,
) -> Result<bool, Failure> {
    let size_bytes = made.rendered.bytes.len() as u64;
    let key = object_key::document(&made.sha256);
    write_all(ports.documents, &key, made.rendered.bytes).await?;
    let record = MadeDocument {
        pages: made.rendered.pages,
        rows: made.rows,
        size_bytes,
        sha256: &made.sha256,
        sources: &made.sources,
    };
    ports.store.complete_document(document_id, round, &record).await
}

fn reason(failure: &Failure, attempt: u32, is_last_attempt: bool) -> DocumentError {
    let what = match failure.is_transient() {
        true => "a part of the service was away",
        false => "a call could not be done, for a reason that was logged",
    };
    let outlook = match is_last_attempt {
        true => format!("given up after {attempt} attempts; have it made again with POST …/drive"),
        false => "it is tried again".to_owned(),
    };
    DocumentError {
        code: failure.code().to_owned(),
        message: format!("{what} ({}); {outlook}", failure.operation),
    }
}
