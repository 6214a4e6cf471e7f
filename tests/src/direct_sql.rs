//! The store's `Sql` on one PostgreSQL connection with prepared statements: for thousands of cases in seconds.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::BytesMut;
use millrace_core::failure::{Failure, FailureKind};
use millrace_sql::parameters::rewrite;
use millrace_store::{Rows, Sql, Statement, TransactionId, Value};
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};

/// One connection; statements commit by themselves, and there are no transactions.
pub struct DirectSql {
    client: Client,
    prepared: Mutex<HashMap<String, (tokio_postgres::Statement, Vec<String>)>>,
}

impl DirectSql {
    pub(crate) async fn connect(connection: &str) -> Self {
        let (client, driver) = tokio_postgres::connect(connection, NoTls).await.unwrap();
        tokio::spawn(driver);
        Self {
            client,
            prepared: Mutex::default(),
        }
    }

    async fn prepared(&self, text: &str) -> Result<(tokio_postgres::Statement, Vec<String>), Failure> {
        let known = self
            .prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(text)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let rewritten =
            rewrite(text).map_err(|error| Failure::new(FailureKind::Invalid, "direct.rewrite", error))?;
        let statement = self.client.prepare(&rewritten.sql).await.map_err(failure)?;
        let prepared = (statement, rewritten.names);
        let mut cache = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(text.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

fn failure(error: tokio_postgres::Error) -> Failure {
    let state = error
        .code()
        .map(|code| code.code().to_owned())
        .unwrap_or_default();
    let kind = match state.as_str() {
        "40001" | "40P01" | "55P03" => FailureKind::Transient,
        "23505" | "42P07" => FailureKind::Conflict,
        _ => FailureKind::Invalid,
    };
    Failure::new(kind, "direct.execute", error).with_detail(state)
}

/// A value that travels as text, whatever the statement casts it to.
#[derive(Debug)]
struct AsText<'a>(&'a Value);

impl ToSql for AsText<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let text = match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(flag) => flag.to_string(),
            Value::Long(number) => number.to_string(),
            Value::Text(text) => text.clone(),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }
}

fn value(row: &Row, at: usize) -> Result<Value, Failure> {
    let read = match *row.columns()[at].type_() {
        Type::BOOL => row.try_get::<_, Option<bool>>(at).map(Value::from),
        Type::INT4 => row
            .try_get::<_, Option<i32>>(at)
            .map(|number| Value::from(number.map(i64::from))),
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
        _ => row.try_get::<_, Option<String>>(at).map(Value::from),
    };
    read.map_err(failure)
}

#[async_trait]
impl Sql for DirectSql {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        let (prepared, names) = self.prepared(&statement.text).await?;
        let find = |name: &String| {
            let mut parameters = statement.parameters.iter();
            let found = parameters.find(|(other, _)| other == name);
            AsText(found.map_or(&Value::Null, |(_, value)| value))
        };
        let bound: Vec<AsText<'_>> = names.iter().map(find).collect();
        let bound: Vec<&(dyn ToSql + Sync)> =
            bound.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&prepared, &bound).await.map_err(failure)?;
        let rows = rows.iter().map(|row| {
            (0..row.len())
                .map(|at| value(row, at))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(Rows {
            rows: rows.collect::<Result<_, _>>()?,
        })
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        Err(Failure::invalid("direct.begin", "there are no transactions here"))
    }

    async fn commit(&self, _: &TransactionId) -> Result<(), Failure> {
        Err(Failure::invalid(
            "direct.commit",
            "there are no transactions here",
        ))
    }

    async fn rollback(&self, _: &TransactionId) -> Result<(), Failure> {
        Err(Failure::invalid(
            "direct.rollback",
            "there are no transactions here",
        ))
    }
}
