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
pub mod files;
pub mod health;
pub mod outbox;
pub mod selection;
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

    /// JSON documents of any length, in the order of their keys.
    ///
    /// `documents` is a query of keys and texts. An answer's row holds 64 KiB at most and an answer 1 MiB, so the texts
    /// come in pieces, in as many answers as it takes; for all but the largest that is one.
    async fn documents<T: DeserializeOwned>(
        &self,
        documents: &str,
        parameters: &[(&'static str, Value)],
    ) -> Result<Vec<T>, Failure> {
        let text = format!(
            "select key, at, piece, pieces from (select p.key, p.at, p.piece, count(*) over () as pieces, \
             sum(octet_length(p.piece)) over (order by p.key, p.at) as bytes \
             from (select d.key, x.at, substr(d.doc, x.at, {PIECE_CHARACTERS}) as piece from ({documents}) d (key, doc), \
                generate_series(1, length(d.doc), {PIECE_CHARACTERS}) as x (at)) p \
             where cast(:after as text) is null \
                or (p.key, p.at) > (cast(:after as text), cast(:after_at as integer))) q \
             where bytes <= {ANSWER_BYTES} order by key, at"
        );
        let mut found: Vec<(String, String)> = Vec::new();
        let (mut after, mut after_at) = (Value::Null, Value::Null);
        loop {
            let mut statement = Statement::new(text.clone())
                .bind("after", after.clone())
                .bind("after_at", after_at.clone());
            statement.parameters.extend(
                parameters
                    .iter()
                    .map(|(name, value)| ((*name).into(), value.clone())),
            );
            let rows = self.rows(statement).await?.rows;
            let (count, mut pieces) = (rows.len(), 0);
            for row in rows {
                let Ok(
                    [
                        Value::Text(key),
                        Value::Long(at),
                        Value::Text(piece),
                        Value::Long(all),
                    ],
                ) = <[Value; 4]>::try_from(row)
                else {
                    return Err(unexpected("a piece of a document was expected"));
                };
                (after, after_at, pieces) = (Value::Text(key.clone()), Value::Long(at), all);
                match found.last_mut().filter(|(last, _)| *last == key) {
                    Some((_, text)) => text.push_str(&piece),
                    None => found.push((key, piece)),
                }
            }
            if i64::try_from(count).is_ok_and(|count| count >= pieces) {
                break;
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
