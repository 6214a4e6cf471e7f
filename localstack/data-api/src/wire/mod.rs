//! A small client of PostgreSQL's protocol 3.0: explicit parameter types, all values as text.

mod connect;
mod session;

use std::io;

use postgres_protocol::message::backend::ErrorFields;

pub(crate) use connect::Address;
pub(crate) use session::{Column, RowLimits, Rows, Session, Status, Value};

/// What PostgreSQL says of a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerError {
    pub(crate) severity: String,
    pub(crate) state: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<String>,
    context: Option<String>,
}

impl ServerError {
    fn read(mut fields: ErrorFields<'_>) -> io::Result<Box<Self>> {
        use fallible_iterator::FallibleIterator as _;
        let mut error = Self::default();
        while let Some(field) = fields.next()? {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'S' => error.severity = text,
                b'C' => error.state = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = Some(text),
                b'W' => error.context = Some(text),
                _ => {}
            }
        }
        Ok(Box::new(error))
    }

    /// The text as pgjdbc composes it, with the state at its end as the service appends it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}: {}", self.severity, self.message);
        let parts = [
            ("Detail", &self.detail),
            ("Hint", &self.hint),
            ("Position", &self.position),
            ("Where", &self.context),
        ];
        for (label, part) in parts {
            if let Some(part) = part {
                text.push_str(&format!("\n  {label}: {part}"));
            }
        }
        text.push_str("; SQLState: ");
        text.push_str(&self.state);
        text
    }
}

/// Why a statement or a connection failed.
#[derive(Debug)]
pub(crate) enum WireError {
    /// PostgreSQL said so; the session can be used on.
    Sql(Box<ServerError>),
    /// The connection is gone.
    Io(io::Error),
    /// A row is larger than allowed; the session is in the middle of the answer.
    RowTooLarge,
    /// All rows together are larger than allowed; the session is in the middle of the answer.
    ResultTooLarge,
    /// `COPY … TO STDOUT` or `FROM STDIN`: the Data API has no stream.
    Copy,
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
