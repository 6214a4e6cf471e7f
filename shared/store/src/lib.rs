//! Every SQL use case of the product, over one small [`Sql`] trait.
//!
//! A method is a commit: one statement, or one short transaction, whose unique keys make a repeat harmless. Nothing
//! here decides what should happen next; nothing here knows of the Data API. Identifiers that come from specs never
//! reach a table or column name (tables and columns have neutral names and numbers) except in the views that readers
//! see, where `millrace_sql::identifier` quotes them. Start at [`Store`].

pub mod chunk_objects;
pub mod contributions;
pub mod datasets;
pub mod dimensions;
pub mod documents;
pub mod drops;
pub mod files;
pub mod health;
pub mod moves;
pub mod outbox;
pub mod pipelines;
pub mod reconciliation;
pub mod repairs;
pub mod schedules;
pub mod selection;
pub mod shares;
pub mod snapshot;
pub mod sources;
pub mod specs;
pub mod sql;
pub mod stage;
pub mod tables;

use std::sync::Arc;

use millrace_core::failure::{Failure, FailureKind};
use serde::de::DeserializeOwned;
pub use sql::{Rows, Sql, Statement, TransactionId, Value};
pub use stage::STAGE_CHUNK_BYTES;

/// Characters in a piece of a long text: with four bytes each they fit an answer's row.
const PIECE_CHARACTERS: u32 = 15_000;
/// Bytes of pieces in an answer: with its quotes escaped it stays below 1 MiB.
const ANSWER_BYTES: u32 = 600_000;

/// Documents that the first answer looks at, and that any answer does.
const FIRST_DOCUMENTS: u32 = 32;
const MOST_DOCUMENTS: u32 = 4_096;

/// A piece of a document.
struct Piece {
    key: String,
    /// The character where it begins, from 1.
    at: i64,
    text: String,
    /// How many pieces there were to bring, and from how many documents.
    pieces: i64,
    documents: i64,
}

impl Piece {
    fn read(row: Vec<Value>) -> Result<Self, Failure> {
        match <[Value; 5]>::try_from(row) {
            Ok(
                [
                    Value::Text(key),
                    Value::Long(at),
                    Value::Text(text),
                    Value::Long(pieces),
                    Value::Long(documents),
                ],
            ) => Ok(Self {
                key,
                at,
                text,
                pieces,
                documents,
            }),
            _ => Err(unexpected("a piece of a document was expected")),
        }
    }
}

/// The pieces of the next documents, as many as an answer holds. `:after` is the last key that was met; with `:after_at`
/// its document goes on behind the piece that begins there.
fn pieces_of(documents: &str) -> String {
    format!(
        "select key, at, piece, pieces, documents from (select p.key, p.at, p.piece, p.documents, \
         count(*) over () as pieces, sum(octet_length(p.piece)) over (order by p.key, p.at) as bytes \
         from (select d.key, x.at, substr(d.doc, x.at, {PIECE_CHARACTERS}) as piece, d.documents \
            from (select l.key, l.doc, count(*) over () as documents from (select a.key, a.doc \
                from ({documents}) a (key, doc) where cast(:after as text) is null or a.key > cast(:after as text) \
                or (a.key = cast(:after as text) and cast(:after_at as integer) is not null) \
                order by a.key limit cast(:most as integer)) l) d, \
            generate_series(1, length(d.doc), {PIECE_CHARACTERS}) as x (at)) p \
         where cast(:after as text) is null or p.key > cast(:after as text) or p.at > cast(:after_at as integer)) q \
         where bytes <= {ANSWER_BYTES} order by key, at"
    )
}

/// The database, as the product uses it.
#[derive(Clone)]
pub struct Store {
    sql: Arc<dyn Sql>,
}

impl Store {
    /// A store over a database in which the migrations have run.
    #[must_use]
    pub fn new(sql: Arc<dyn Sql>) -> Self {
        Self { sql }
    }

    /// The rows of a statement that runs and commits by itself.
    async fn rows(&self, statement: Statement) -> Result<Rows, Failure> {
        self.sql.execute(&statement).await
    }

    /// Whether a statement answers true.
    async fn is_true(&self, statement: Statement) -> Result<bool, Failure> {
        Ok(self.rows(statement).await?.into_first_value() == Some(Value::Bool(true)))
    }

    /// The only value of a statement that answers one JSON text, or none.
    async fn json<T: DeserializeOwned>(&self, statement: Statement) -> Result<Option<T>, Failure> {
        match self.rows(statement).await?.into_first_value() {
            Some(Value::Text(text)) => serde_json::from_str(&text).map(Some).map_err(unreadable),
            Some(Value::Null) | None => Ok(None),
            Some(_) => Err(unexpected("JSON text was expected")),
        }
    }

    /// The JSON texts of a statement that answers one column of them.
    async fn json_list<T: DeserializeOwned>(&self, statement: Statement) -> Result<Vec<T>, Failure> {
        let rows = self.rows(statement).await?;
        let texts = rows.rows.into_iter().filter_map(|row| row.into_iter().next());
        texts
            .map(|value| match value {
                Value::Text(text) => serde_json::from_str(&text).map_err(unreadable),
                _ => Err(unexpected("JSON text was expected")),
            })
            .collect()
    }

    /// JSON documents of any length, in the order of their keys, each of which is there once.
    ///
    /// `documents` is a query of keys and texts. An answer's row holds 64 KiB at most and an answer 1 MiB, so the texts
    /// come in pieces, in as many answers as it takes; for all but the largest that is one. An answer looks at no more
    /// documents than the one before could bring, so that the work grows with the texts and not with its square.
    async fn documents<T: DeserializeOwned>(
        &self,
        documents: &str,
        parameters: &[(&'static str, Value)],
    ) -> Result<Vec<T>, Failure> {
        let text = pieces_of(documents);
        let mut found: Vec<(String, String)> = Vec::new();
        let (mut after, mut after_at, mut most) = (Value::Null, Value::Null, FIRST_DOCUMENTS);
        loop {
            let mut statement = Statement::new(text.clone())
                .bind("after", after.clone())
                .bind("after_at", after_at.clone())
                .bind("most", most);
            let own = parameters.iter();
            let own = own.map(|(name, value)| ((*name).into(), value.clone()));
            statement.parameters.extend(own);
            let rows = self.rows(statement).await?.rows;
            let (known, count) = (found.len(), rows.len());
            let (mut pieces, mut looked_at) = (0, 0);
            for row in rows {
                let piece = Piece::read(row)?;
                (after, after_at) = (Value::Text(piece.key.clone()), Value::Long(piece.at));
                (pieces, looked_at) = (piece.pieces, piece.documents);
                match found.last_mut().filter(|(last, _)| *last == piece.key) {
                    Some((_, text)) => text.push_str(&piece.text),
                    None => found.push((piece.key, piece.text)),
                }
            }
            let is_whole = i64::try_from(count).is_ok_and(|count| count >= pieces);
            if is_whole && looked_at < i64::from(most) {
                break;
            }
            if is_whole {
                after_at = Value::Null;
                most = (most * 2).min(MOST_DOCUMENTS);
            } else {
                most = u32::try_from(found.len() - known).unwrap_or(MOST_DOCUMENTS) + 1;
            }
        }
        let texts = found.into_iter();
        texts
            .map(|(_, text)| serde_json::from_str(&text).map_err(unreadable))
            .collect()
    }

    /// As [`Self::documents`], for a query of at most one.
    async fn document<T: DeserializeOwned>(
        &self,
        documents: &str,
        parameters: &[(&'static str, Value)],
    ) -> Result<Option<T>, Failure> {
        Ok(self.documents(documents, parameters).await?.into_iter().next())
    }

    /// As [`Self::json`], for statements that always answer.
    async fn expect_json<T: DeserializeOwned>(&self, statement: Statement) -> Result<T, Failure> {
        self.json(statement)
            .await?
            .ok_or_else(|| unexpected("an answer was expected"))
    }
}

/// JSON that is not of the shape that was expected. The error quotes values, so it says no more than where it is.
fn unreadable(error: serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let place = format!("{:?} error at line {line} column {column}", error.classify());
    Failure::new(FailureKind::Invalid, "store.read_answer", error).with_detail(place)
}

/// An answer that is not of the shape that was expected.
fn unexpected(what: &'static str) -> Failure {
    Failure::invalid("store.read_answer", what)
}
