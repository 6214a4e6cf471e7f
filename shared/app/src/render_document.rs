//! From a document that was asked for to its bytes: read, compose, render, store, record; ready once.
//!
//! Two at once, or again after being killed, do the same work again: the key of the bytes is their hash, and
//! `complete_document` counts the first alone. An attempt ends before its worker is ended, so that its reason is known;
//! of those that are killed all the same the next ones keep count.

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::ids::DocumentId;
use millrace_core::object_key;
use millrace_pdf::{Rendered, render};
use millrace_store::Store;
use millrace_store::documents::{
    BeginDocument, DocumentAttempt, DocumentError, DocumentState, MadeDocument, Sources,
};

use crate::authenticate::sha256_hex;
use crate::compose::compose;
use crate::figures::{FiguresError, read_figures, refused};
use crate::ports::{ObjectStore, Timer, write_all};
use crate::{Disposition, Handled};

/// On how many of its attempts a document may die before it is given up: fewer than the queue delivers its message, so
/// that one of these is left to say so. A template test compares.
pub const MOST_DEATHS: u32 = 5;
/// Kept for recording why there is no document when the time is up: a tenth of it, at most this.
const MOST_RESERVE_MS: u64 = 10_000;

/// What rendering needs.
pub struct RenderPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// Where documents lie.
    pub documents: &'a dyn ObjectStore,
    /// Says when the time is up.
    pub timer: &'a dyn Timer,
}

/// The delivery of a message that asks for a document.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// Whether the queue gives the message up after this one.
    pub is_last: bool,
    /// When the worker is ended, in milliseconds since 1970.
    pub deadline_ms: u64,
}

/// The bytes of a document, and what is kept beside them.
struct Made {
    rendered: Rendered,
    sha256: String,
    rows: u32,
    sources: Sources,
}

/// Makes a document, once. What can never be made fails with its reason at once; so does what could not be made when
/// this is the message's last delivery, whose failure is reported all the same: the message is not lost in silence.
/// What kills its workers is given up.
///
/// # Errors
/// A failure of the bucket or the database, or time that was up: recorded with the document where that can be done.
pub async fn render_document(
    ports: &RenderPorts<'_>,
    document_id: DocumentId,
    delivery: Delivery,
) -> Handled {
    let left_ms = delivery.deadline_ms.saturating_sub(ports.timer.now_ms()).max(1);
    // Behind the last delivery comes none that could count it.
    let most_deaths = if delivery.is_last { 1 } else { MOST_DEATHS };
    let begun = ports.store.begin_document(document_id, left_ms, most_deaths);
    let attempt = match begun.await? {
        BeginDocument::Begun(attempt) => attempt,
        BeginDocument::Settled {
            state: DocumentState::Failed,
        } => return Ok(Disposition::Reject(format!("document {document_id} has failed"))),
        BeginDocument::Settled { .. } => return Ok(Disposition::Done),
        BeginDocument::None => {
            return Ok(Disposition::Reject(format!("there is no document {document_id}")));
        }
    };
    let ends_ms = delivery
        .deadline_ms
        .saturating_sub((left_ms / 10).min(MOST_RESERVE_MS));
    let (reason, failure) = match make_in_time(ports, ends_ms, document_id, &attempt).await {
        Ok(()) => return Ok(Disposition::Done),
        Err(Trouble::Figures(FiguresError::Refused(reason))) => (reason, None),
        Err(Trouble::Figures(FiguresError::Failed(failure))) => {
            let what = match failure.is_transient() {
                true => "a part of the service was away",
                false => "a call could not be done, for a reason that was logged",
            };
            let message = format!("{what} ({})", failure.operation);
            (
                reason(failure.code(), &message, &attempt, delivery),
                Some(failure),
            )
        }
        Err(Trouble::TimeUp) => {
            let message = format!("it was not made in the {} s that a worker has", left_ms / 1000);
            let failure = Failure::explained(FailureKind::Transient, "render_document", "the time was up");
            (reason("timed_out", &message, &attempt, delivery), Some(failure))
        }
    };
    let for_good = failure.is_none() || delivery.is_last;
    let recorded = ports
        .store
        .fail_document(document_id, &attempt, &reason, for_good)
        .await;
    match failure {
        // What is away may be the database itself; the failure is the one to report.
        Some(failure) => Err(failure),
        None => recorded.map(|_| Disposition::Done),
    }
}

/// Why an attempt made no document.
enum Trouble {
    Figures(FiguresError),
    TimeUp,
}

/// Makes a document, or gives the attempt up at a moment: a snapshot that is open then is ended by its own time-out. A
/// defect in the making is the document's end and nobody else's.
async fn make_in_time(
    ports: &RenderPorts<'_>,
    ends_ms: u64,
    document_id: DocumentId,
    attempt: &DocumentAttempt,
) -> Result<(), Trouble> {
    let making = pin!(AssertUnwindSafe(make(ports, document_id, attempt)).catch_unwind());
    match select(making, ports.timer.reach(ends_ms)).await {
        Either::Left((Ok(made), _)) => made.map_err(Trouble::Figures),
        Either::Left((Err(_), _)) => {
            let message = "the renderer met a defect of ours, which was logged";
            Err(Trouble::Figures(refused("internal_error", message)))
        }
        Either::Right(((), _)) => Err(Trouble::TimeUp),
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
    let document = compose(&attempt.title, &attempt.query, figures);
    let rendered = render(&document).map_err(|error| refused(error.code(), error.to_string()))?;
    let made = Made {
        sha256: sha256_hex(&rendered.bytes),
        rendered,
        rows,
        sources,
    };
    keep(ports, document_id, attempt.round, made).await?;
    Ok(())
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

fn reason(code: &str, what: &str, attempt: &DocumentAttempt, delivery: Delivery) -> DocumentError {
    let outlook = match delivery.is_last {
        true => format!(
            "given up after {} attempts; have it made again with POST …/drive",
            attempt.attempt
        ),
        false => "it is tried again".to_owned(),
    };
    DocumentError {
        code: code.to_owned(),
        message: format!("{what}; {outlook}"),
    }
}
