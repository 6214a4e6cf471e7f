//! Documents: registering, the attempts that make them, what they were made from.

use millrace_core::failure::Failure;
use millrace_core::ids::DocumentId;
use millrace_core::name::Name;
use serde::{Deserialize, Serialize};

use crate::selection::Grain;
use crate::{Statement, Store};

mod sources;

pub use sources::{SourceVersion, Sources};

/// The figures that a document shows: the words of a KPI query, with its grouping spelled out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentQuery {
    /// The dataset.
    pub dataset: Name,
    /// What the figures are grouped by.
    pub group_by: Vec<Name>,
    /// The period that dates are grouped by.
    pub grain: Option<Grain>,
    /// Columns and the values that they may have; a column is named once.
    pub filters: Vec<(Name, Vec<String>)>,
    /// First day (`YYYY-MM-DD`), inclusive.
    pub from: Option<String>,
    /// Last day, exclusive.
    pub to: Option<String>,
    /// The measures that are shown, in this order; all of the dataset's without.
    pub measures: Option<Vec<Name>>,
}

/// A document to be registered.
#[derive(Debug, Clone)]
pub struct NewDocument<'a> {
    /// The id that it gets.
    pub document_id: DocumentId,
    /// Its title.
    pub title: &'a str,
    /// What it shows.
    pub query: &'a DocumentQuery,
    /// Who asks for it.
    pub client_id: &'a str,
    /// The caller's idempotency key and the hash of the request.
    pub idempotency: Option<(&'a str, &'a str)>,
}

/// What became of a request to register a document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CreateDocument {
    /// Registered now.
    Created {
        /// The document.
        document_id: DocumentId,
    },
    /// Registered before, under the same idempotency key.
    Replayed {
        /// The document.
        document_id: DocumentId,
    },
    /// The idempotency key stands for another request.
    KeyReused,
}

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentState {
    /// It waits for its first attempt, or for the next one.
    Queued,
    /// An attempt has begun.
    Running,
    /// It is made.
    Ready,
    /// It could not be made; the reason is kept.
    Failed,
}

impl DocumentState {
    /// The state as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Ready, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// Whether something is still to be done.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// Why an attempt made no document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentError {
    /// Stable.
    pub code: String,
    /// In words.
    pub message: String,
}

/// What became of the beginning of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BeginDocument {
    /// The document is to be made.
    Begun(DocumentAttempt),
    /// Made or given up, before or just now.
    Settled {
        /// Which of both.
        state: DocumentState,
    },
    /// There is none of that id: its commit failed, or has not happened yet.
    None,
}

/// An attempt to make a document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DocumentAttempt {
    /// The making that it belongs to.
    pub round: u32,
    /// Its number in the round, from 1.
    pub attempt: u32,
    /// The document's title.
    pub title: String,
    /// What it shows.
    pub query: DocumentQuery,
}

/// A document that was made.
#[derive(Debug, Clone)]
pub struct MadeDocument<'a> {
    /// Its pages.
    pub pages: u32,
    /// The rows of its table.
    pub rows: u32,
    /// Its size.
    pub size_bytes: u64,
    /// Lowercase hexadecimal SHA-256 of its bytes.
    pub sha256: &'a str,
    /// What it was made from.
    pub sources: &'a Sources,
}

/// A document as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DocumentRecord {
    /// Its id.
    pub document_id: DocumentId,
    /// Order of asking over all documents.
    pub sequence: i64,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub query: DocumentQuery,
    /// Where it stands.
    pub state: DocumentState,
    /// The making that it is in, from 1.
    pub round: u32,
    /// Attempts of this making.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: Option<DocumentError>,
    /// Its pages.
    pub pages: Option<u32>,
    /// The rows of its table.
    pub rows: Option<u32>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// The hash of its bytes.
    pub sha256: Option<String>,
    /// When what it shows became so.
    pub as_of: Option<String>,
    /// What it was made from.
    pub sources: Option<Vec<SourceVersion>>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: String,
    /// When this making was asked for.
    pub queued_at: String,
    /// When the last attempt began.
    pub started_at: Option<String>,
    /// When it was made or given up.
    pub ended_at: Option<String>,
    /// Until when its bytes are kept.
    pub expires_at: Option<String>,
    /// Whether that is over, by the database's clock.
    pub has_expired: bool,
}

const DOCUMENT_RECORD: &str = "
    jsonb_build_object('document_id', d.document_id, 'sequence', d.sequence, 'title', d.title, 'query', d.query,
        'state', d.state, 'round', d.round, 'attempts', d.attempts, 'error', d.error, 'pages', d.pages,
        'rows', d.rows, 'size_bytes', d.size_bytes, 'sha256', d.sha256, 'as_of', d.as_of, 'sources', d.sources,
        'created_by', d.created_by, 'created_at', d.created_at, 'queued_at', d.queued_at,
        'started_at', d.started_at, 'ended_at', d.ended_at, 'expires_at', d.expires_at,
        'has_expired', coalesce(d.expires_at <= now(), false))::text";

fn for_document(text: impl Into<std::borrow::Cow<'static, str>>, document_id: DocumentId) -> Statement {
    Statement::new(text).bind("document_id", document_id.to_string())
}

impl Store {
    /// Registers a document, with the idempotency key in the same commit.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn create_document(&self, new: &NewDocument<'_>) -> Result<CreateDocument, Failure> {
        let text = "select operations.create_document(cast(:document_id as uuid), 'kpi', cast(:title as text), \
             cast(:query as jsonb), cast(:client_id as text), cast(:key as text), cast(:request as text))::text";
        let query = serde_json::to_string(new.query).map_err(crate::unreadable)?;
        let bound = for_document(text, new.document_id)
            .bind("title", new.title)
            .bind("query", query)
            .bind("client_id", new.client_id)
            .bind("key", new.idempotency.map(|(key, _)| key))
            .bind("request", new.idempotency.map(|(_, request)| request));
        self.expect_json(bound).await
    }

    /// Begins an attempt, if the document is still to be made; gives it up when so many of its attempts have died. One has
    /// died of which nothing was heard for `lifetime_ms`, the longest that a worker lives.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn begin_document(
        &self,
        document_id: DocumentId,
        lifetime_ms: u64,
        most_deaths: u32,
    ) -> Result<BeginDocument, Failure> {
        let text = "select operations.begin_document(cast(:document_id as uuid), cast(:lifetime as bigint), \
             cast(:most as integer))::text";
        let bound = for_document(text, document_id)
            .bind("lifetime", lifetime_ms)
            .bind("most", most_deaths);
        self.expect_json(bound).await
    }

    /// Records that a document is made and its bytes are stored; false when it was settled before.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn complete_document(
        &self,
        document_id: DocumentId,
        round: u32,
        made: &MadeDocument<'_>,
    ) -> Result<bool, Failure> {
        let text = "select operations.complete_document(cast(:document_id as uuid), cast(:round as integer), \
             cast(:pages as integer), cast(:rows as integer), cast(:size as bigint), cast(:sha256 as text), \
             cast(:as_of as timestamptz), cast(:sources as jsonb))";
        let sources = serde_json::to_string(&made.sources.versions).map_err(crate::unreadable)?;
        let bound = for_document(text, document_id)
            .bind("round", round)
            .bind("pages", made.pages)
            .bind("rows", made.rows)
            .bind("size", made.size_bytes)
            .bind("sha256", made.sha256)
            .bind("as_of", made.sources.as_of.as_str())
            .bind("sources", sources);
        self.is_true(bound).await
    }

    /// Records why an attempt failed, for good or until the next one; false when the attempt is not the last one.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn fail_document(
        &self,
        document_id: DocumentId,
        attempt: &DocumentAttempt,
        error: &DocumentError,
        for_good: bool,
    ) -> Result<bool, Failure> {
        let text = "select operations.fail_document(cast(:document_id as uuid), cast(:round as integer), \
             cast(:attempt as integer), cast(:error as jsonb), cast(:for_good as boolean))";
        let error = serde_json::to_string(error).map_err(crate::unreadable)?;
        let bound = for_document(text, document_id)
            .bind("round", attempt.round)
            .bind("attempt", attempt.attempt)
            .bind("error", error)
            .bind("for_good", for_good);
        self.is_true(bound).await
    }

    /// Has a settled document made again; false when it is on its way already.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn requeue_document(&self, document_id: DocumentId, round: u32) -> Result<bool, Failure> {
        let text = "select operations.requeue_document(cast(:document_id as uuid), cast(:round as integer))";
        self.is_true(for_document(text, document_id).bind("round", round))
            .await
    }

    /// A document.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn load_document(&self, document_id: DocumentId) -> Result<Option<DocumentRecord>, Failure> {
        let text = format!(
            "select {DOCUMENT_RECORD} from operations.document d where d.document_id = cast(:document_id as uuid)"
        );
        self.json(for_document(text, document_id)).await
    }

    /// Documents, the newest first: those in a state, before a sequence.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_documents(
        &self,
        state: Option<DocumentState>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<DocumentRecord>, Failure> {
        let text = format!(
            "select {DOCUMENT_RECORD} from operations.document d \
             where (cast(:state as text) is null or d.state = cast(:state as text)) \
             and (cast(:before as bigint) is null or d.sequence < cast(:before as bigint)) \
             order by d.sequence desc limit cast(:limit as integer)"
        );
        let statement = Statement::new(text)
            .bind("state", state.map(DocumentState::as_str))
            .bind("before", before)
            .bind("limit", limit);
        self.json_list(statement).await
    }

    /// Documents for which something is still to be done, the oldest first, after a sequence.
    ///
    /// # Errors
    /// [`Failure`] of the database.
    pub async fn list_open_documents(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, DocumentId)>, Failure> {
        let text = "select jsonb_build_array(sequence, document_id)::text from operations.document \
             where state in ('queued', 'running') and sequence > cast(:after as bigint) \
             order by sequence limit cast(:limit as integer)";
        let statement = Statement::new(text).bind("after", after).bind("limit", limit);
        self.json_list(statement).await
    }
}
