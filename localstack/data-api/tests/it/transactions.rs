//! Transactions: what they promise, and the busy, expired, aborted and ended states.

use std::time::Duration;

use millrace_data_api::api::{ApiErrorKind, ExecuteStatementRequest, Field};

use crate::bench::{Bench, OTHER_SECRET, batch, parameter, refusal, statement, until};

const IDLE: Duration = Duration::from_secs(180);
const MILLISECOND: Duration = Duration::from_millis(1);

async fn with_table() -> Option<Bench> {
    let bench = Bench::new()?;
    bench.sql("create table t (x int primary key)").await.unwrap();
    Some(bench)
}

async fn count(bench: &Bench) -> Field {
    bench.value("select count(*) from t").await
}

#[tokio::test]
async fn commit_and_rollback_say_what_the_service_says() {
    let Some(bench) = with_table().await else { return };
    let id = bench.begin().await;
    assert!(id.len() <= 192);
    bench.sql_in(&id, "insert into t values (1)").await.unwrap();
    let mut sets = batch(
        "insert into t values (cast(:x as int))",
        vec![vec![parameter("x", "2")]],
    );
    sets.transaction_id = Some(id.clone());
    bench.engine.batch_execute_statement(sets).await.unwrap();
    assert_eq!(count(&bench).await, Field::LongValue(0));
    assert_eq!(bench.commit(&id).await.unwrap(), "Transaction Committed");
    assert_eq!(count(&bench).await, Field::LongValue(2));
    let id = bench.begin().await;
    bench.sql_in(&id, "insert into t values (3)").await.unwrap();
    assert_eq!(bench.roll_back(&id).await.unwrap(), "Rollback Complete");
    assert_eq!(count(&bench).await, Field::LongValue(2));
    for ended in [
        bench.commit(&id).await,
        bench.roll_back(&id).await,
        bench.commit("unknown").await,
    ] {
        assert_eq!(refusal(ended).0, ApiErrorKind::TransactionNotFound);
    }
    assert_eq!(
        refusal(bench.sql_in(&id, "select 1").await).0,
        ApiErrorKind::TransactionNotFound
    );
}

#[tokio::test]
async fn an_error_ends_the_transaction() {
    let Some(bench) = with_table().await else { return };
    let id = bench.begin().await;
    bench.sql_in(&id, "insert into t values (1)").await.unwrap();
    assert_eq!(
        refusal(bench.sql_in(&id, "insert into t values (1)").await)
            .1
            .as_deref(),
        Some("23505")
    );
    let error = bench.sql_in(&id, "select 1").await.unwrap_err();
    assert_eq!(error.kind, ApiErrorKind::TransactionNotFound);
    assert!(
        error
            .message
            .ends_with("was aborted due to an error from a previous call"),
        "{error}"
    );
    assert_eq!(
        refusal(bench.commit(&id).await).0,
        ApiErrorKind::TransactionNotFound
    );
    assert_eq!(count(&bench).await, Field::LongValue(0));
    // a request that never reached the database leaves it alone
    let id = bench.begin().await;
    assert_eq!(
        refusal(bench.sql_in(&id, "select :missing").await).0,
        ApiErrorKind::BadRequest
    );
    bench.sql_in(&id, "insert into t values (1)").await.unwrap();
    bench.commit(&id).await.unwrap();
    assert_eq!(count(&bench).await, Field::LongValue(1));
}

#[tokio::test]
async fn a_deferred_constraint_fails_the_commit() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create table p (x int primary key)").await.unwrap();
    bench
        .sql("create table t (x int references p deferrable initially deferred)")
        .await
        .unwrap();
    let id = bench.begin().await;
    bench.sql_in(&id, "insert into t values (1)").await.unwrap();
    assert_eq!(refusal(bench.commit(&id).await).1.as_deref(), Some("23503"));
    assert_eq!(
        refusal(bench.sql("insert into t values (1)").await).1.as_deref(),
        Some("23503")
    );
    assert_eq!(count(&bench).await, Field::LongValue(0));
}

#[tokio::test]
async fn a_transaction_runs_one_query_at_a_time() {
    let Some(bench) = with_table().await else { return };
    bench.sql("insert into t values (1)").await.unwrap();
    let (first, second) = (bench.begin().await, bench.begin().await);
    bench.sql_in(&first, "update t set x = 2").await.unwrap();
    let blocked = tokio::spawn({
        let (engine, id) = (bench.engine.clone(), second.clone());
        async move {
            let request = statement("update t set x = 3", Vec::new());
            engine
                .execute_statement(ExecuteStatementRequest {
                    transaction_id: Some(id),
                    ..request
                })
                .await
        }
    });
    let waits = "select exists (select from pg_locks where not granted)";
    until(|| async { bench.value(waits).await == Field::BooleanValue(true) }).await;
    for busy in [
        bench.sql_in(&second, "select 1").await.map(|_| ()),
        bench.commit(&second).await.map(|_| ()),
    ] {
        let error = busy.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::DatabaseError);
        assert_eq!(error.message, "Transaction is still running a query");
    }
    bench.commit(&first).await.unwrap();
    assert_eq!(blocked.await.unwrap().unwrap().number_of_records_updated, 1);
    bench.commit(&second).await.unwrap();
    assert_eq!(bench.value("select x from t").await, Field::LongValue(3));
}

#[tokio::test]
async fn a_resting_transaction_expires_and_lets_its_locks_go() {
    let Some(bench) = with_table().await else { return };
    let id = bench.begin().await;
    for _ in 0..3 {
        bench.clock.advance(IDLE - MILLISECOND);
        bench.sql_in(&id, "select 1").await.unwrap();
    }
    bench.sql_in(&id, "insert into t values (1)").await.unwrap();
    bench.clock.advance(IDLE);
    // nobody asks for it, and still the lock goes away
    let locked =
        "select exists (select from pg_locks where relation = 't'::regclass and mode = 'RowExclusiveLock')";
    until(|| async { bench.value(locked).await == Field::BooleanValue(false) }).await;
    let error = bench.commit(&id).await.unwrap_err();
    assert_eq!(error.kind, ApiErrorKind::TransactionNotFound);
    assert!(error.message.contains("expired"), "{error}");
    assert_eq!(count(&bench).await, Field::LongValue(0));
}

#[tokio::test]
async fn a_transaction_lasts_a_day_at_most() {
    let Some(bench) = with_table().await else { return };
    let id = bench.begin().await;
    for _ in 0..(24 * 60 / 2) - 1 {
        bench.clock.advance(Duration::from_secs(120));
        bench.sql_in(&id, "select 1").await.unwrap();
    }
    bench.clock.advance(Duration::from_secs(120) - MILLISECOND);
    bench.sql_in(&id, "select 1").await.unwrap();
    bench.clock.advance(MILLISECOND);
    assert_eq!(
        refusal(bench.sql_in(&id, "select 1").await).0,
        ApiErrorKind::TransactionNotFound
    );
}

#[tokio::test]
async fn a_transaction_belongs_to_its_database_and_secret() {
    let Some(bench) = with_table().await else { return };
    let id = bench.begin().await;
    let in_it = || ExecuteStatementRequest {
        transaction_id: Some(id.clone()),
        ..statement("select 1", Vec::new())
    };
    let elsewhere = ExecuteStatementRequest {
        database: Some("postgres".to_owned()),
        ..in_it()
    };
    assert_eq!(
        refusal(bench.execute(elsewhere).await).0,
        ApiErrorKind::BadRequest
    );
    let other = ExecuteStatementRequest {
        secret_arn: OTHER_SECRET.to_owned(),
        ..in_it()
    };
    assert_eq!(refusal(bench.execute(other).await).0, ApiErrorKind::BadRequest);
    let same = ExecuteStatementRequest {
        database: Some(bench.database.clone()),
        ..in_it()
    };
    bench.execute(same).await.unwrap();
    bench.roll_back(&id).await.unwrap();
}

#[tokio::test]
async fn a_commit_sent_as_a_statement_ends_the_transaction() {
    let Some(bench) = with_table().await else { return };
    let id = bench.begin().await;
    bench.sql_in(&id, "insert into t values (1)").await.unwrap();
    bench.sql_in(&id, "commit").await.unwrap();
    assert_eq!(
        refusal(bench.commit(&id).await).0,
        ApiErrorKind::TransactionNotFound
    );
    assert_eq!(count(&bench).await, Field::LongValue(1));
}
