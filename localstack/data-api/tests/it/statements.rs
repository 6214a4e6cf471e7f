//! One statement a call, no state between calls, autocommit without a wrapping transaction.

use millrace_data_api::api::{ApiErrorKind, Field};

use crate::bench::{Bench, OTHER_SECRET, refusal, statement, text};

#[tokio::test]
async fn several_statements_are_refused() {
    let Some(bench) = Bench::new() else { return };
    for sql in [
        "select 1; select 2",
        "select 1;;x",
        "create table t (x int); insert into t values (1)",
    ] {
        let error = bench.sql(sql).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ApiErrorKind::Validation, "Multistatements aren't supported")
        );
    }
    assert_eq!(bench.value("select 1 ; -- only one").await, Field::LongValue(1));
    bench
        .sql("do $$ begin perform 1; perform 2; end $$")
        .await
        .unwrap();
}

#[tokio::test]
async fn statements_that_need_no_transaction_work() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create type letter as enum ('a')").await.unwrap();
    bench.sql("alter type letter add value 'b'").await.unwrap();
    assert_eq!(bench.value("select 'b'::letter").await, text("b"));
    bench.sql("create table t (x int)").await.unwrap();
    bench.sql("vacuum t").await.unwrap();
    bench.sql("create index concurrently t_x on t (x)").await.unwrap();
}

#[tokio::test]
async fn no_state_of_a_session_survives_a_call() {
    let Some(bench) = Bench::new() else { return };
    // one after the other, so that the pool hands out the same session
    let process = bench.value("select pg_backend_pid()").await;
    bench.sql("set statement_timeout = '7s'").await.unwrap();
    assert_eq!(
        bench.value("select current_setting('statement_timeout')").await,
        text("0")
    );
    bench.sql("create temporary table t (x int)").await.unwrap();
    assert_eq!(
        refusal(bench.sql("select * from t").await).1.as_deref(),
        Some("42P01")
    );
    bench.value("select pg_try_advisory_lock(7)").await;
    assert_eq!(
        bench
            .value("select count(*) from pg_locks where locktype = 'advisory'")
            .await,
        Field::LongValue(0)
    );
    bench.sql("begin").await.unwrap();
    bench.sql("create table kept (x int)").await.unwrap();
    bench.sql("rollback").await.unwrap();
    assert_eq!(
        bench.value("select count(*) from kept").await,
        Field::LongValue(0)
    );
    bench.sql("prepare p as select 1").await.unwrap();
    assert_eq!(refusal(bench.sql("execute p").await).1.as_deref(), Some("26000"));
    assert_eq!(
        bench.value("select pg_backend_pid()").await,
        process,
        "the session is pooled"
    );
    assert_eq!(bench.value("show timezone").await, text("UTC"));
}

#[tokio::test]
async fn a_session_belongs_to_one_role() {
    let Some(bench) = Bench::new() else { return };
    assert_eq!(bench.value("select current_user::text").await, text("owner"));
    let mut request = statement("select current_user::text", Vec::new());
    OTHER_SECRET.clone_into(&mut request.secret_arn);
    let answer = bench.execute(request).await.unwrap();
    assert_eq!(answer.records.unwrap()[0][0], text("other"));
}

#[tokio::test]
async fn a_stream_is_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create table t (x int)").await.unwrap();
    for sql in ["copy t from stdin", "copy t to stdout"] {
        assert_eq!(
            refusal(bench.sql(sql).await),
            (ApiErrorKind::DatabaseError, Some("0A000".to_owned()))
        );
    }
    assert_eq!(bench.value("select count(*) from t").await, Field::LongValue(0));
}

#[tokio::test]
async fn a_session_whose_server_side_was_ended_is_not_handed_out() {
    let Some(bench) = Bench::new() else { return };
    bench.value("select 1").await;
    let script = format!(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{}'",
        bench.database
    );
    bench.server.execute("postgres", &script).unwrap();
    assert_eq!(bench.value("select 2").await, Field::LongValue(2));
}
