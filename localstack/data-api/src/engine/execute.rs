//! `ExecuteStatement`.

use std::io;
use std::sync::Arc;

use super::Inner;
use super::call::{AfterTimeout, Failure, Stop, read_sql, run};
use super::sessions::{Lease, result_too_large};
use super::target::check_schema;
use crate::api::{
    ApiError, ApiErrorKind, ExecuteStatementRequest, ExecuteStatementResponse, RecordsFormat,
    ResultSetOptions,
};
use crate::limits::Limits;
use crate::values::{Binding, Catalog, PgType, bind, describe, json_text, records};
use crate::wire::{RowLimits, Rows, Status};

/// What the answer is to look like.
#[derive(Debug, Clone, Copy)]
struct Form {
    options: ResultSetOptions,
    format: RecordsFormat,
    includes_metadata: bool,
    limits: Limits,
}

pub(super) async fn execute(
    inner: &Arc<Inner>,
    request: &ExecuteStatementRequest,
) -> Result<ExecuteStatementResponse, ApiError> {
    inner.check_sql(&request.sql)?;
    check_schema(request.schema.as_deref())?;
    let statement = read_sql(&request.sql)?;
    let binding = bind(&statement.names, &request.parameters)?;
    let database = request.database.as_deref();
    let target = inner
        .target(&request.resource_arn, &request.secret_arn, database)
        .await?;
    let form = Form {
        options: request.result_set_options,
        format: request.format_records_as,
        includes_metadata: request.include_result_metadata,
        limits: inner.limits,
    };
    let after = if request.continue_after_timeout {
        AfterTimeout::Continue
    } else {
        AfterTimeout::Cancel
    };
    let lease = inner
        .lease(target, request.transaction_id.as_deref(), database.is_some())
        .await?;
    run(inner, lease, after, |inner, mut lease, stop| async move {
        let outcome = answer(&inner, &mut lease, &statement.sql, &binding, form, &stop).await;
        (lease, outcome)
    })
    .await
}

/// Executes, reads and checks the answer, and only then commits.
async fn answer(
    inner: &Inner,
    lease: &mut Lease,
    sql: &str,
    binding: &Binding,
    form: Form,
    stop: &Stop,
) -> Result<(ExecuteStatementResponse, Status), Failure> {
    let limits = RowLimits {
        row_bytes: form.limits.row_bytes,
        result_bytes: form.limits.result_bytes,
    };
    let session = &mut lease.session;
    let rows = session
        .execute(sql, &binding.types, &binding.values, limits)
        .await?;
    let response = match &rows.columns {
        None => ExecuteStatementResponse {
            number_of_records_updated: updated(&rows.tag),
            generated_fields: Some(Vec::new()),
            ..ExecuteStatementResponse::default()
        },
        Some(columns) => {
            let types = inner
                .catalog
                .types(session, &lease.target.database, columns)
                .await?;
            let mut response = form.fill(&rows, &types)?;
            if form.includes_metadata && form.format == RecordsFormat::None {
                let origins = Catalog::origins(session, columns).await?;
                response.column_metadata = Some(describe(columns, &types, &origins));
            }
            response
        }
    };
    let status = stop.finish(session).await?;
    Ok((response, status))
}

impl Form {
    fn fill(&self, rows: &Rows, types: &[PgType]) -> Result<ExecuteStatementResponse, ApiError> {
        let records = records(rows, types, self.options)?;
        let mut response = ExecuteStatementResponse::default();
        if self.format == RecordsFormat::Json {
            let text = json_text(rows.columns.as_deref().unwrap_or_default(), records)?;
            if text.len() > self.limits.formatted_bytes {
                let message = "The size of the formatted records exceeded the limit";
                return Err(ApiError::new(ApiErrorKind::BadRequest, message));
            }
            if text.len() > self.limits.result_bytes {
                return Err(result_too_large());
            }
            response.formatted_records = Some(text);
            return Ok(response);
        }
        let mut size = Size(0);
        let counted = serde_json::to_writer(&mut size, &records);
        if counted.is_err() || size.0 > self.limits.result_bytes {
            return Err(result_too_large());
        }
        response.records = Some(records);
        Ok(response)
    }
}

/// Counts bytes without keeping them.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The count at the end of a command's tag: `INSERT 0 3`, `UPDATE 3`; 0 for `CREATE TABLE`.
fn updated(tag: &str) -> i64 {
    tag.rsplit(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or(0)
}
