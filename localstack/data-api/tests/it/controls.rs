//! Faults, holds, and the log of requests.

use std::time::Duration;

use millrace_data_api::api::{ApiErrorKind, Field};
use millrace_data_api::control::{Fault, FaultRule, Operation, Point, Scope};

use crate::bench::{Bench, parameter, refusal, statement};

const ROWS: &str = "select count(*) from t";

async fn with_table() -> Option<Bench> {
    let bench = Bench::new()?;
    bench.sql("create table t (x text)").await.unwrap();
    Some(bench)
}

#[tokio::test]
async fn a_reply_is_lost_after_the_commit() {
    let Some(bench) = with_table().await else { return };
    bench
        .engine
        .control()
        .add_fault(FaultRule::matching(Fault::DropReply, "insert into t", 1));
    let insert = "insert into t values ('a')";
    assert_eq!(
        refusal(bench.sql(insert).await).0,
        ApiErrorKind::ConnectionDropped
    );
    assert_eq!(bench.value(ROWS).await, Field::LongValue(1));
    bench.sql(insert).await.unwrap();
    assert_eq!(bench.engine.control().faults()[0].hits, 1);
    let id = bench.begin().await;
    bench.sql_in(&id, insert).await.unwrap();
    bench
        .engine
        .control()
        .add_fault(FaultRule::matching(Fault::DropReply, "COMMIT", 1));
    assert_eq!(
        refusal(bench.commit(&id).await).0,
        ApiErrorKind::ConnectionDropped
    );
    assert_eq!(bench.value(ROWS).await, Field::LongValue(3));
}

#[tokio::test]
async fn a_status_comes_instead_of_the_effect_or_after_it() {
    let Some(bench) = with_table().await else { return };
    for (status, kind) in [
        (500, ApiErrorKind::InternalServerError),
        (503, ApiErrorKind::ServiceUnavailable),
        (504, ApiErrorKind::DatabaseUnavailable),
    ] {
        for (at, rows) in [(Point::Before, 0), (Point::AfterCommit, 1)] {
            bench.sql("delete from t").await.unwrap();
            bench
                .engine
                .control()
                .add_fault(FaultRule::matching(Fault::Status { status, at }, "insert", 1));
            assert_eq!(refusal(bench.sql("insert into t values ('a')").await).0, kind);
            assert_eq!(bench.value(ROWS).await, Field::LongValue(rows), "{status} {at:?}");
        }
    }
}

#[tokio::test]
async fn the_database_resumes_a_few_times() {
    let Some(bench) = with_table().await else { return };
    let scope = Scope {
        count: Some(3),
        ..Scope::default()
    };
    bench.engine.control().add_fault(FaultRule {
        scope,
        ..FaultRule::always(Fault::Resuming)
    });
    for _ in 0..3 {
        assert_eq!(refusal(bench.sql(ROWS).await).0, ApiErrorKind::DatabaseResuming);
    }
    bench.sql(ROWS).await.unwrap();
    bench.engine.control().clear_faults();
    assert_eq!(bench.engine.control().faults(), []);
}

#[tokio::test]
async fn a_delay_takes_the_clocks_time() {
    let Some(bench) = with_table().await else { return };
    bench.engine.control().add_fault(FaultRule::matching(
        Fault::Delay { milliseconds: 500 },
        "count",
        1,
    ));
    let engine = bench.engine.clone();
    let call = tokio::spawn(async move { engine.execute_statement(statement(ROWS, Vec::new())).await });
    crate::bench::until(|| async { bench.clock.waiting() == 1 }).await;
    bench.clock.advance(Duration::from_millis(499));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    bench.clock.advance(Duration::from_millis(1));
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_seed_gives_the_same_faults_again() {
    let Some(bench) = with_table().await else { return };
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        bench.engine.control().clear_faults();
        let rule = FaultRule::always(Fault::Resuming);
        bench.engine.control().add_fault(FaultRule {
            probability: 0.3,
            seed: 20_231_108,
            ..rule
        });
        let mut hits = Vec::new();
        for _ in 0..40 {
            hits.push(bench.sql(ROWS).await.is_err());
        }
        outcomes.push(hits);
    }
    let hits = outcomes[0].iter().filter(|hit| **hit).count();
    assert!((5..=20).contains(&hits), "{hits} of 40");
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test]
async fn a_hold_stops_a_call_before_it_begins_or_after_its_effect() {
    let Some(bench) = with_table().await else { return };
    for (at, during) in [(Point::Before, 0), (Point::AfterCommit, 1)] {
        bench.sql("delete from t").await.unwrap();
        let scope = Scope {
            matching: Some("insert".to_owned()),
            count: Some(1),
            operation: Some(Operation::Execute),
        };
        let id = bench.engine.control().hold(scope, at);
        let engine = bench.engine.clone();
        let call = tokio::spawn(async move {
            engine
                .execute_statement(statement("insert into t values ('a')", Vec::new()))
                .await
        });
        bench.engine.control().wait_until_held(id, 1).await;
        assert_eq!(bench.engine.control().holds()[0].waiting, 1);
        assert_eq!(bench.value(ROWS).await, Field::LongValue(during), "{at:?}");
        // the count is used up
        bench.sql("insert into t values ('b')").await.unwrap();
        assert!(bench.engine.control().release(id));
        call.await.unwrap().unwrap();
        assert_eq!(bench.value(ROWS).await, Field::LongValue(2));
        assert!(!bench.engine.control().release(id));
    }
}

#[tokio::test]
async fn a_held_call_can_be_discarded() {
    let Some(bench) = with_table().await else { return };
    let scope = Scope {
        matching: Some("insert".to_owned()),
        ..Scope::default()
    };
    let id = bench.engine.control().hold(scope, Point::Before);
    let engine = bench.engine.clone();
    let call = tokio::spawn(async move {
        engine
            .execute_statement(statement("insert into t values ('a')", Vec::new()))
            .await
    });
    bench.engine.control().wait_until_held(id, 1).await;
    assert!(bench.engine.control().discard(id));
    assert_eq!(refusal(call.await.unwrap()).0, ApiErrorKind::ConnectionDropped);
    assert_eq!(bench.value(ROWS).await, Field::LongValue(0));
}

#[tokio::test]
async fn requests_are_logged_without_values() {
    let Some(bench) = with_table().await else { return };
    let after = bench.engine.control().requests(0).last().unwrap().number;
    let sql = "insert into t values (:secret)";
    bench
        .with_parameters(sql, vec![parameter("secret", "hunter2")])
        .await
        .unwrap();
    bench.sql("select nothing").await.unwrap_err();
    let id = bench.begin().await;
    bench.commit(&id).await.unwrap();
    let log = bench.engine.control().requests(after);
    let shown: Vec<_> = log
        .iter()
        .map(|entry| (entry.operation, entry.sql.as_str(), entry.error))
        .collect();
    assert_eq!(
        shown,
        [
            (Operation::Execute, sql, None),
            (
                Operation::Execute,
                "select nothing",
                Some("DatabaseErrorException")
            ),
            (Operation::BeginTransaction, "BEGIN", None),
            (Operation::CommitTransaction, "COMMIT", None),
        ]
    );
    assert_eq!(log[1].sql_state.as_deref(), Some("42703"));
    assert_eq!(log[3].transaction_id.as_deref(), Some(id.as_str()));
    assert!(!serde_json::to_string(&log).unwrap().contains("hunter2"));
}
