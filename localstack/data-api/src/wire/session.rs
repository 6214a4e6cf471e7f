//! One session: statements in, text rows out.
//!
//! A statement is executed before it is committed ([`Session::execute`], then [`Session::finish`]), so that whoever
//! dislikes the answer can still drop the session and with it the effect.

use std::io;

use bytes::{Bytes, BytesMut};
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message, RowDescriptionBody};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connect::Address;
use super::{ServerError, WireError};

/// A value as PostgreSQL's text, or null.
pub(crate) type Value = Option<Bytes>;

/// A column as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) label: String,
    pub(crate) type_oid: u32,
    pub(crate) type_modifier: i32,
    pub(crate) table_oid: u32,
    pub(crate) attribute: i16,
}

/// What a statement answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Absent when the statement returns no rows of any kind.
    pub(crate) columns: Option<Vec<Column>>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// The command's tag, such as `INSERT 0 3`.
    pub(crate) tag: String,
}

/// How much a statement may answer, in bytes of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLimits {
    pub(crate) row_bytes: usize,
    pub(crate) result_bytes: usize,
}

/// In which state a session is between statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// In no transaction.
    Idle,
    /// In a transaction.
    InTransaction,
    /// In a transaction that can only be rolled back.
    Failed,
}

/// A connection to PostgreSQL.
#[derive(Debug)]
pub(crate) struct Session {
    stream: TcpStream,
    inbox: BytesMut,
    outbox: BytesMut,
    pub(crate) address: Address,
    pub(crate) process_id: i32,
    pub(crate) secret_key: i32,
    pub(crate) is_standby: bool,
}

impl Session {
    pub(super) fn over(address: Address, stream: TcpStream) -> Self {
        Self {
            stream,
            inbox: BytesMut::with_capacity(8 * 1024),
            outbox: BytesMut::new(),
            address,
            process_id: 0,
            secret_key: 0,
            is_standby: false,
        }
    }

    pub(super) fn keep_key(&mut self, process_id: i32, secret_key: i32) {
        (self.process_id, self.secret_key) = (process_id, secret_key);
    }

    /// Executes one statement with typed text values, short of committing it.
    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        types: &[u32],
        values: &[Value],
        limits: RowLimits,
    ) -> Result<Rows, WireError> {
        self.parse(sql, types)?;
        self.bind(values)?;
        frontend::describe(b'P', "", &mut self.outbox)?;
        frontend::execute("", 0, &mut self.outbox)?;
        frontend::flush(&mut self.outbox);
        self.send().await?;
        self.rows(limits).await
    }

    /// Puts a `Parse` of the unnamed statement into the outbox.
    pub(crate) fn parse(&mut self, sql: &str, types: &[u32]) -> Result<(), WireError> {
        Ok(frontend::parse("", sql, types.iter().copied(), &mut self.outbox)?)
    }

    fn bind(&mut self, values: &[Value]) -> Result<(), WireError> {
        let write = |value: &Value, buffer: &mut BytesMut| {
            Ok(value.as_ref().map_or(IsNull::Yes, |value| {
                buffer.extend_from_slice(value);
                IsNull::No
            }))
        };
        frontend::bind("", "", [], values, write, [], &mut self.outbox).map_err(|error| match error {
            frontend::BindError::Serialization(error) => WireError::Io(error),
            frontend::BindError::Conversion(_) => WireError::Io(io::Error::from(io::ErrorKind::InvalidData)),
        })
    }

    /// Executes the parsed statement once for each set, short of committing; rows are thrown away.
    pub(crate) async fn execute_sets(&mut self, sets: &[Vec<Value>]) -> Result<(), WireError> {
        for set in sets {
            self.bind(set)?;
            frontend::execute("", 0, &mut self.outbox)?;
        }
        frontend::flush(&mut self.outbox);
        self.send().await?;
        let mut done = 0;
        while done < sets.len() {
            match self.receive().await? {
                Message::CommandComplete(_) | Message::EmptyQueryResponse => done += 1,
                Message::ErrorResponse(body) => return self.recover(&body).await,
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => return Err(WireError::Copy),
                _ => {}
            }
        }
        Ok(())
    }

    async fn rows(&mut self, limits: RowLimits) -> Result<Rows, WireError> {
        let mut answer = Rows::default();
        let mut total = 0;
        loop {
            match self.receive().await? {
                Message::RowDescription(body) => answer.columns = Some(read_columns(&body)?),
                Message::DataRow(body) => {
                    let (row, bytes) = read_row(&body)?;
                    if bytes > limits.row_bytes {
                        return Err(WireError::RowTooLarge);
                    }
                    total += bytes;
                    if total > limits.result_bytes {
                        return Err(WireError::ResultTooLarge);
                    }
                    answer.rows.push(row);
                }
                Message::CommandComplete(body) => {
                    body.tag()?.clone_into(&mut answer.tag);
                    return Ok(answer);
                }
                Message::EmptyQueryResponse => return Ok(answer),
                Message::ErrorResponse(body) => return self.recover(&body).await,
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => return Err(WireError::Copy),
                _ => {}
            }
        }
    }

    /// Ends the implicit transaction of what was executed: commits it, outside an explicit one.
    pub(crate) async fn finish(&mut self) -> Result<Status, WireError> {
        frontend::sync(&mut self.outbox);
        self.send().await?;
        self.until_ready().await
    }

    /// Runs a command without parameters or rows.
    pub(crate) async fn command(&mut self, sql: &str) -> Result<Status, WireError> {
        frontend::query(sql, &mut self.outbox)?;
        self.send().await?;
        self.until_ready().await
    }

    /// After an error: brings the session to where it takes statements again, and reports the error.
    async fn recover<T>(&mut self, body: &ErrorResponseBody) -> Result<T, WireError> {
        let error = ServerError::read(body.fields())?;
        frontend::sync(&mut self.outbox);
        // the server may be ending the session; what it said first counts
        let _ = match self.send().await {
            Ok(()) => self.until_ready().await,
            Err(error) => Err(error.into()),
        };
        Err(WireError::Sql(error))
    }

    async fn until_ready(&mut self) -> Result<Status, WireError> {
        let mut failure = None;
        loop {
            match self.receive().await? {
                Message::ErrorResponse(body) => failure = Some(ServerError::read(body.fields())?),
                Message::ReadyForQuery(body) => {
                    let status = match body.status() {
                        b'I' => Status::Idle,
                        b'T' => Status::InTransaction,
                        _ => Status::Failed,
                    };
                    return failure.map_or(Ok(status), |error| Err(WireError::Sql(error)));
                }
                _ => {}
            }
        }
    }

    pub(super) async fn write(
        &mut self,
        message: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<(), WireError> {
        message(&mut self.outbox)?;
        Ok(self.send().await?)
    }

    async fn send(&mut self) -> io::Result<()> {
        let message = self.outbox.split();
        self.stream.write_all(&message).await
    }

    /// The next message that is not a notice.
    pub(super) async fn receive(&mut self) -> Result<Message, WireError> {
        loop {
            match Message::parse(&mut self.inbox)? {
                Some(Message::NoticeResponse(_) | Message::NotificationResponse(_)) => {}
                Some(Message::ParameterStatus(body)) => {
                    if body.name()? == "in_hot_standby" {
                        self.is_standby = body.value()? == "on";
                    }
                }
                Some(message) => return Ok(message),
                None => {
                    if self.stream.read_buf(&mut self.inbox).await? == 0 {
                        return Err(WireError::Io(io::Error::from(io::ErrorKind::UnexpectedEof)));
                    }
                }
            }
        }
    }
}

fn read_columns(body: &RowDescriptionBody) -> io::Result<Vec<Column>> {
    body.fields()
        .map(|field| {
            Ok(Column {
                label: field.name().to_owned(),
                type_oid: field.type_oid(),
                type_modifier: field.type_modifier(),
                table_oid: field.table_oid(),
                attribute: field.column_id(),
            })
        })
        .collect()
}

fn read_row(body: &DataRowBody) -> io::Result<(Vec<Value>, usize)> {
    let bytes = body.buffer_bytes();
    let row: Vec<Value> = body
        .ranges()
        .map(|range| Ok(range.map(|range| bytes.slice(range))))
        .collect()?;
    let size = row.iter().flatten().map(Bytes::len).sum();
    Ok((row, size))
}
