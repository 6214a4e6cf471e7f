//! The service's exceptions: when they come, their names and statuses, their messages.

use std::net::TcpListener;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_data_api::api::{ApiErrorKind, BeginTransactionRequest, ExecuteStatementRequest};
use millrace_data_api::{Credentials, Engine, EngineConfig, Limits, ManualClock, SecretError, SecretSource};

use crate::bench::{Bench, CLUSTER, SECRET, WRONG_SECRET, engine, refusal, statement};

#[test]
fn every_exception_has_its_name_and_status() {
    for (kind, name, status) in [
        (ApiErrorKind::AccessDenied, "AccessDeniedException", 403),
        (ApiErrorKind::BadRequest, "BadRequestException", 400),
        (ApiErrorKind::DatabaseError, "DatabaseErrorException", 400),
        (ApiErrorKind::DatabaseNotFound, "DatabaseNotFoundException", 404),
        (ApiErrorKind::DatabaseResuming, "DatabaseResumingException", 400),
        (
            ApiErrorKind::DatabaseUnavailable,
            "DatabaseUnavailableException",
            504,
        ),
        (ApiErrorKind::Forbidden, "ForbiddenException", 403),
        (
            ApiErrorKind::HttpEndpointNotEnabled,
            "HttpEndpointNotEnabledException",
            400,
        ),
        (
            ApiErrorKind::InternalServerError,
            "InternalServerErrorException",
            500,
        ),
        (
            ApiErrorKind::InvalidResourceState,
            "InvalidResourceStateException",
            400,
        ),
        (ApiErrorKind::InvalidSecret, "InvalidSecretException", 400),
        (ApiErrorKind::NotFound, "NotFoundException", 404),
        (ApiErrorKind::SecretsError, "SecretsErrorException", 400),
        (ApiErrorKind::ServiceUnavailable, "ServiceUnavailableError", 503),
        (ApiErrorKind::StatementTimeout, "StatementTimeoutException", 400),
        (
            ApiErrorKind::TransactionNotFound,
            "TransactionNotFoundException",
            404,
        ),
        (ApiErrorKind::UnsupportedResult, "UnsupportedResultException", 400),
        (ApiErrorKind::Validation, "ValidationException", 400),
    ] {
        assert_eq!(
            (kind.name(), kind.status(), kind.has_message()),
            (name, status, status < 500)
        );
    }
}

#[tokio::test]
async fn the_databases_errors_read_as_the_services() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create table t (x int primary key)").await.unwrap();
    for (sql, message) in [
        (
            "select * from nowhere",
            "ERROR: relation \"nowhere\" does not exist\n  Position: 15; SQLState: 42P01",
        ),
        (
            "selec 1",
            "ERROR: syntax error at or near \"selec\"\n  Position: 1; SQLState: 42601",
        ),
        (
            "insert into t values (1), (1)",
            "ERROR: duplicate key value violates unique constraint \"t_pkey\"\n  \
             Detail: Key (x)=(1) already exists.; SQLState: 23505",
        ),
        (
            "do $$ begin raise exception 'stop' using errcode = 'MR001', hint = 'why'; end $$",
            "ERROR: stop\n  Hint: why\n  Where: PL/pgSQL function inline_code_block line 1 at RAISE; SQLState: MR001",
        ),
    ] {
        let error = bench.sql(sql).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ApiErrorKind::DatabaseError, message)
        );
    }
}

#[tokio::test]
async fn the_schema_member_is_refused() {
    let Some(bench) = Bench::new() else { return };
    let request = ExecuteStatementRequest {
        schema: Some("public".to_owned()),
        ..statement("select 1", Vec::new())
    };
    let error = bench.execute(request).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ApiErrorKind::Validation, "The schema parameter isn't supported")
    );
    let begin = BeginTransactionRequest {
        resource_arn: CLUSTER.to_owned(),
        secret_arn: SECRET.to_owned(),
        schema: Some("public".to_owned()),
        ..BeginTransactionRequest::default()
    };
    assert_eq!(
        refusal(bench.engine.begin_transaction(begin).await).0,
        ApiErrorKind::Validation
    );
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_database() {
    let Some(bench) = Bench::new() else { return };
    let request = ExecuteStatementRequest {
        secret_arn: WRONG_SECRET.to_owned(),
        ..statement("select 1", Vec::new())
    };
    assert_eq!(
        refusal(bench.execute(request).await),
        (ApiErrorKind::DatabaseError, Some("28P01".to_owned()))
    );
    let request = ExecuteStatementRequest {
        secret_arn: format!("{SECRET}-none"),
        ..statement("select 1", Vec::new())
    };
    assert_eq!(
        refusal(bench.execute(request).await).0,
        ApiErrorKind::SecretsError
    );
}

struct Broken(SecretError);

#[async_trait]
impl SecretSource for Broken {
    async fn credentials(&self, _arn: &str) -> Result<Credentials, SecretError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn secrets_fail_in_three_ways() {
    let text = || "because".to_owned();
    for (error, kind) in [
        (SecretError::Unavailable(text()), ApiErrorKind::SecretsError),
        (SecretError::Invalid(text()), ApiErrorKind::InvalidSecret),
        (SecretError::AccessDenied(text()), ApiErrorKind::AccessDenied),
    ] {
        let engine = Engine::new(EngineConfig::new(1, CLUSTER, "millrace", Arc::new(Broken(error))));
        let error = engine
            .execute_statement(statement("select 1", Vec::new()))
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, "because"));
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let engine = engine(free, "millrace", Limits::default(), Arc::new(ManualClock::new()));
    let error = engine
        .execute_statement(statement("select 1", Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.kind.status()),
        (ApiErrorKind::DatabaseUnavailable, 504)
    );
    assert_eq!(error.body(), serde_json::json!({}));
}
