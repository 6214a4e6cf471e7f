//! The service's exceptions, with their names and HTTP statuses (service model 2018-08-01).

use std::fmt;

/// Which exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiErrorKind {
    /// The caller may not do this.
    AccessDenied,
    /// A request the service cannot serve.
    BadRequest,
    /// The database refused the statement, or the transaction is busy.
    DatabaseError,
    /// The cluster has no (writer) instance.
    DatabaseNotFound,
    /// The cluster wakes up from a pause.
    DatabaseResuming,
    /// The writer cannot be reached.
    DatabaseUnavailable,
    /// The caller may not do this.
    Forbidden,
    /// The Data API is not switched on for the cluster.
    HttpEndpointNotEnabled,
    /// The service failed.
    InternalServerError,
    /// The cluster is in no state to answer.
    InvalidResourceState,
    /// The secret holds no credentials.
    InvalidSecret,
    /// A resource does not exist.
    NotFound,
    /// The secret cannot be fetched.
    SecretsError,
    /// The body is no JSON, or a member has the wrong type.
    Serialization,
    /// The service is overloaded.
    ServiceUnavailable,
    /// The statement took longer than a call may.
    StatementTimeout,
    /// The transaction has ended or never was.
    TransactionNotFound,
    /// There is no such operation.
    UnknownOperation,
    /// The result holds a type that the service cannot return.
    UnsupportedResult,
    /// A member breaks a constraint of the model.
    Validation,
    /// No answer at all: the connection was cut (by a fault or a hold).
    ConnectionDropped,
}

impl ApiErrorKind {
    /// The name in `x-amzn-ErrorType`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.parts().0
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.parts().1
    }

    /// Whether the model gives the exception a message.
    #[must_use]
    pub fn has_message(self) -> bool {
        self.status() < 500
    }

    fn parts(self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied => ("AccessDeniedException", 403),
            Self::BadRequest => ("BadRequestException", 400),
            Self::DatabaseError => ("DatabaseErrorException", 400),
            Self::DatabaseNotFound => ("DatabaseNotFoundException", 404),
            Self::DatabaseResuming => ("DatabaseResumingException", 400),
            Self::DatabaseUnavailable => ("DatabaseUnavailableException", 504),
            Self::Forbidden => ("ForbiddenException", 403),
            Self::HttpEndpointNotEnabled => ("HttpEndpointNotEnabledException", 400),
            Self::InternalServerError => ("InternalServerErrorException", 500),
            Self::InvalidResourceState => ("InvalidResourceStateException", 400),
            Self::InvalidSecret => ("InvalidSecretException", 400),
            Self::NotFound => ("NotFoundException", 404),
            Self::SecretsError => ("SecretsErrorException", 400),
            Self::Serialization => ("SerializationException", 400),
            Self::ServiceUnavailable => ("ServiceUnavailableError", 503),
            Self::StatementTimeout => ("StatementTimeoutException", 400),
            Self::TransactionNotFound => ("TransactionNotFoundException", 404),
            Self::UnknownOperation => ("UnknownOperationException", 404),
            Self::UnsupportedResult => ("UnsupportedResultException", 400),
            Self::Validation => ("ValidationException", 400),
            Self::ConnectionDropped => ("ConnectionDropped", 500),
        }
    }
}

/// An exception of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Which.
    pub kind: ApiErrorKind,
    /// Its text. Errors of the database end in `; SQLState: xxxxx`.
    pub message: String,
    /// The database's process, where a time-out names it.
    pub db_connection_id: Option<i64>,
}

impl ApiError {
    pub(crate) fn new(kind: ApiErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            db_connection_id: None,
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::Validation, message)
    }

    /// The body that goes over the wire.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        let mut body = serde_json::Map::new();
        if self.kind.has_message() {
            body.insert("message".to_owned(), self.message.clone().into());
        }
        if let Some(id) = self.db_connection_id {
            body.insert("dbConnectionId".to_owned(), id.into());
        }
        body.into()
    }

    /// The SQLSTATE at the message's end, as a client reads it.
    #[must_use]
    pub fn sql_state(&self) -> Option<&str> {
        self.message.rsplit_once("; SQLState: ").map(|(_, state)| state)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for ApiError {}
