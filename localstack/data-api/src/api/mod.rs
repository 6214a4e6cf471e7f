//! The service's wire format: requests, responses, fields, errors. Unknown members are ignored, as the service does.

mod error;
mod field;
mod request;
mod response;

pub use error::{ApiError, ApiErrorKind};
pub use field::{ArrayValue, Blob, Double, Field};
pub use request::{
    BatchExecuteStatementRequest, BeginTransactionRequest, CommitTransactionRequest, DecimalReturnType,
    ExecuteStatementRequest, LongReturnType, RecordsFormat, ResultSetOptions, RollbackTransactionRequest,
    SqlParameter, TypeHint,
};
pub use response::{
    BatchExecuteStatementResponse, BeginTransactionResponse, ColumnMetadata, CommitTransactionResponse,
    ExecuteStatementResponse, RollbackTransactionResponse, UpdateResult,
};
