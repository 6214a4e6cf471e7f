//! Documents as callers have them made: ordered, looked at, fetched, made again.
//!
//! What makes a document necessary is committed without an outbox: its own message, which says nothing but its id, is
//! sent with a delay before the commit and without one after it. Both are harmless repeats.

use millrace_core::failure::Failure;
use millrace_core::ids::DocumentId;
use millrace_core::message::{Envelope, PdfMessage, Queue};
use millrace_core::object_key;
use millrace_store::Store;
use millrace_store::documents::{CreateDocument, DocumentQuery, DocumentRecord, DocumentState, NewDocument};

use crate::outbox::to_body;
use crate::ports::{DownloadSigner, MessageSender, ObjectStore, Surroundings};

/// How long an address of a document's content is good.
pub const CONTENT_ADDRESS_SECONDS: u32 = 300;
/// The media type of a document.
const MEDIA_TYPE: &str = "application/pdf";
/// The most characters of a file name, without its extension.
const MAX_FILE_NAME: usize = 80;

/// What ordering and fetching need.
pub struct DocumentPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// Where documents lie.
    pub documents: &'a dyn ObjectStore,
    /// Signs addresses there.
    pub signer: &'a dyn DownloadSigner,
    /// When a document's own message comes again.
    pub reminder_delay_seconds: u16,
}

/// A document that is asked for.
#[derive(Debug, Clone)]
pub struct DocumentOrder<'a> {
    /// Its title.
    pub title: &'a str,
    /// What it shows.
    pub query: &'a DocumentQuery,
    /// Who asks.
    pub client_id: &'a str,
    /// The caller's idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
}

/// What a document's content is at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentContent {
    /// Here.
    At(String),
    /// Not made yet, or being made again.
    Open(Box<DocumentRecord>),
    /// It could not be made.
    Failed(Box<DocumentRecord>),
}

/// Registers a document and has it made.
///
/// # Errors
/// [`Failure`] of the database, or of the queue before anything was registered.
pub async fn order_document(
    ports: &DocumentPorts<'_>,
    surroundings: &dyn Surroundings,
    order: &DocumentOrder<'_>,
) -> Result<CreateDocument, Failure> {
    let document_id = DocumentId::from_time_and_random(surroundings.now_ms(), surroundings.random_bytes());
    send(ports, document_id, ports.reminder_delay_seconds).await?;
    let new = NewDocument {
        document_id,
        title: order.title,
        query: order.query,
        client_id: order.client_id,
        idempotency: order.idempotency,
    };
    let created = ports.store.create_document(&new).await?;
    if let CreateDocument::Created { document_id } | CreateDocument::Replayed { document_id } = &created {
        send_now(ports, *document_id).await;
    }
    Ok(created)
}

/// A document's content; one that has gone is made again.
///
/// # Errors
/// [`Failure`] of the database, the bucket or the queue.
pub async fn fetch_document(
    ports: &DocumentPorts<'_>,
    document_id: DocumentId,
) -> Result<Option<DocumentContent>, Failure> {
    let Some(record) = ports.store.load_document(document_id).await? else {
        return Ok(None);
    };
    match record.state {
        DocumentState::Queued | DocumentState::Running => {
            return Ok(Some(DocumentContent::Open(Box::new(record))));
        }
        DocumentState::Failed => return Ok(Some(DocumentContent::Failed(Box::new(record)))),
        DocumentState::Ready => {}
    }
    let key = object_key::document(record.sha256.as_deref().unwrap_or_default());
    if !record.has_expired && ports.documents.size(&key).await?.is_some() {
        let name = file_name(&record.title);
        let signed = ports
            .signer
            .sign_download(&key, &name, MEDIA_TYPE, CONTENT_ADDRESS_SECONDS);
        return Ok(Some(DocumentContent::At(signed.await?)));
    }
    let record = make_again(ports, &record).await?;
    Ok(Some(DocumentContent::Open(Box::new(record))))
}

/// Has an open document tried at once, and a failed one made again; one that is ready stays as it is.
///
/// # Errors
/// [`Failure`] of the database or the queue.
pub async fn drive_document(
    ports: &DocumentPorts<'_>,
    document_id: DocumentId,
) -> Result<Option<DocumentRecord>, Failure> {
    let Some(record) = ports.store.load_document(document_id).await? else {
        return Ok(None);
    };
    match record.state {
        DocumentState::Ready => Ok(Some(record)),
        DocumentState::Failed => make_again(ports, &record).await.map(Some),
        DocumentState::Queued | DocumentState::Running => {
            send(ports, document_id, 0).await?;
            Ok(Some(record))
        }
    }
}

/// Documents that are driven on at once, at most.
pub const DRIVE_PAGE: u32 = 100;

/// Sends the messages of some of the documents for which something is still to be done, the oldest first; `after` is
/// where the page before this one ended. How many there were, and where the next page starts if there is one.
///
/// # Errors
/// [`Failure`] of the database or the queue; what was sent until then was sent.
pub async fn drive_documents(
    ports: &DocumentPorts<'_>,
    after: Option<i64>,
) -> Result<(usize, Option<i64>), Failure> {
    let open = ports
        .store
        .list_open_documents(after.unwrap_or(0), DRIVE_PAGE)
        .await?;
    for (_, document_id) in &open {
        send(ports, *document_id, 0).await?;
    }
    let is_full = open.len() == DRIVE_PAGE as usize;
    let last = open.last().filter(|_| is_full);
    Ok((open.len(), last.map(|(sequence, _)| *sequence)))
}

async fn make_again(ports: &DocumentPorts<'_>, record: &DocumentRecord) -> Result<DocumentRecord, Failure> {
    let document_id = record.document_id;
    send(ports, document_id, ports.reminder_delay_seconds).await?;
    ports.store.requeue_document(document_id, record.round).await?;
    send_now(ports, document_id).await;
    let now = ports.store.load_document(document_id).await?;
    now.ok_or_else(|| Failure::invalid("documents.make_again", "the document is gone"))
}

/// After the commit a message that cannot be sent is no failure: the one that went before comes a little later.
async fn send_now(ports: &DocumentPorts<'_>, document_id: DocumentId) {
    let _ = send(ports, document_id, 0).await;
}

async fn send(ports: &DocumentPorts<'_>, document_id: DocumentId, delay_seconds: u16) -> Result<(), Failure> {
    let body = to_body(&Envelope::new(PdfMessage::RenderDocument { document_id }))?;
    ports.sender.send(Queue::Pdf, body, delay_seconds).await
}

/// The name that a document is saved under: its title without what file systems or headers read something into.
fn file_name(title: &str) -> String {
    let plain = |character: char| match character {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' | ';' => '-',
        other if other.is_control() => '-',
        other => other,
    };
    let name: String = title.trim().chars().map(plain).take(MAX_FILE_NAME).collect();
    match name.trim_matches(['.', ' ', '-']) {
        "" => "document.pdf".to_owned(),
        name => format!("{name}.pdf"),
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_title_becomes_a_harmless_file_name() {
        for (title, name) in [
            ("Attendance by district", "Attendance by district.pdf"),
            ("../../etc/passwd", "etc-passwd.pdf"),
            ("a\"; filename=\"b.exe", "a-- filename=-b.exe.pdf"),
            ("Präsenz\u{7f} 100 %", "Präsenz- 100.pdf"),
            (" . ", "document.pdf"),
        ] {
            assert_eq!(file_name(title), name, "{title}");
        }
        assert_eq!(file_name(&"x".repeat(500)).len(), 84);
    }
}
