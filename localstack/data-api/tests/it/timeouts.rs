//! The call's time-out, with a clock that is moved by hand: cancelled, or continued.

use std::time::Duration;

use millrace_data_api::api::{ApiErrorKind, ExecuteStatementRequest, ExecuteStatementResponse, Field};
use tokio::task::JoinHandle;

use crate::bench::{Bench, refusal, statement, until};

const CALL: Duration = Duration::from_secs(45);

type Running = JoinHandle<Result<ExecuteStatementResponse, millrace_data_api::api::ApiError>>;

/// A statement that waits until `go` has a row, and then writes one.
const SLOW: &str = "do $$ begin while not exists (select from go) loop perform pg_sleep(0.01); end loop; \
                    insert into t values (1); end $$";

async fn with_tables() -> Option<Bench> {
    let bench = Bench::new()?;
    bench.sql("create table t (x int)").await.unwrap();
    bench.sql("create table go (x int)").await.unwrap();
    Some(bench)
}

/// Begins the slow statement and returns when it is running and watched by its time-out.
async fn begin(bench: &Bench, request: ExecuteStatementRequest) -> Running {
    let watched = bench.clock.waiting();
    let engine = bench.engine.clone();
    let running = tokio::spawn(async move { engine.execute_statement(request).await });
    until(|| async { bench.clock.waiting() > watched && active(bench).await == 1 }).await;
    running
}

async fn active(bench: &Bench) -> i64 {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and state = 'active' and query like 'do $$%'";
    let Field::LongValue(count) = bench.value(sql).await else {
        return 0;
    };
    count
}

async fn rows(bench: &Bench) -> Field {
    bench.value("select count(*) from t").await
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled() {
    let Some(bench) = with_tables().await else { return };
    let running = begin(&bench, statement(SLOW, Vec::new())).await;
    bench.clock.advance(CALL - Duration::from_millis(1));
    assert_eq!(active(&bench).await, 1);
    assert!(!running.is_finished());
    bench.clock.advance(Duration::from_millis(1));
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind, error.kind.status()),
        (ApiErrorKind::StatementTimeout, 400)
    );
    assert!(error.db_connection_id.is_some_and(|id| id > 0));
    assert_eq!(error.body()["dbConnectionId"], error.db_connection_id.unwrap());
    assert_eq!(active(&bench).await, 0);
    bench.sql("insert into go values (1)").await.unwrap();
    assert_eq!(rows(&bench).await, Field::LongValue(0));
}

#[tokio::test]
async fn a_statement_may_go_on_after_its_time_out() {
    let Some(bench) = with_tables().await else { return };
    let request = ExecuteStatementRequest {
        continue_after_timeout: true,
        ..statement(SLOW, Vec::new())
    };
    let running = begin(&bench, request).await;
    bench.clock.advance(CALL);
    assert_eq!(refusal(running.await.unwrap()).0, ApiErrorKind::StatementTimeout);
    assert_eq!(active(&bench).await, 1);
    bench.sql("insert into go values (1)").await.unwrap();
    until(|| async { rows(&bench).await == Field::LongValue(1) }).await;
}

#[tokio::test]
async fn a_time_out_in_a_transaction_ends_it() {
    let Some(bench) = with_tables().await else { return };
    let id = bench.begin().await;
    let request = ExecuteStatementRequest {
        transaction_id: Some(id.clone()),
        ..statement(SLOW, Vec::new())
    };
    let running = begin(&bench, request).await;
    bench.clock.advance(CALL);
    assert_eq!(refusal(running.await.unwrap()).0, ApiErrorKind::StatementTimeout);
    assert_eq!(
        refusal(bench.commit(&id).await).0,
        ApiErrorKind::TransactionNotFound
    );
}

#[tokio::test]
async fn a_statement_that_goes_on_keeps_its_transaction_busy() {
    let Some(bench) = with_tables().await else { return };
    let id = bench.begin().await;
    let request = statement(SLOW, Vec::new());
    let request = ExecuteStatementRequest {
        transaction_id: Some(id.clone()),
        continue_after_timeout: true,
        ..request
    };
    let running = begin(&bench, request).await;
    bench.clock.advance(CALL);
    assert_eq!(refusal(running.await.unwrap()).0, ApiErrorKind::StatementTimeout);
    let busy = bench.commit(&id).await.unwrap_err();
    assert_eq!(busy.message, "Transaction is still running a query");
    bench.sql("insert into go values (1)").await.unwrap();
    until(|| async { bench.commit(&id).await.is_ok() }).await;
    assert_eq!(rows(&bench).await, Field::LongValue(1));
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_its_statement() {
    let Some(bench) = with_tables().await else { return };
    let running = begin(&bench, statement(SLOW, Vec::new())).await;
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
    bench.sql("insert into go values (1)").await.unwrap();
    until(|| async { rows(&bench).await == Field::LongValue(1) }).await;
}
