//! Every limit, one byte below and above, small and real.

use millrace_data_api::Limits;
use millrace_data_api::api::{ApiErrorKind, ExecuteStatementRequest, Field, RecordsFormat};

use crate::bench::{Bench, parameter, refusal, statement};

const TOO_LARGE: &str = "Database response exceeded size limit";

#[tokio::test]
async fn sql_text_is_counted_in_characters() {
    let Some(bench) = Bench::new() else { return };
    let of_length = |length: usize| {
        let text = "select 'é'";
        format!("{text}{}", " ".repeat(length - text.chars().count()))
    };
    bench.sql(&of_length(65_536)).await.unwrap();
    let error = bench.sql(&of_length(65_537)).await.unwrap_err();
    assert_eq!(error.kind, ApiErrorKind::Validation);
    assert!(
        error.message.contains("'sql'") && error.message.contains("65536"),
        "{error}"
    );
    assert_eq!(refusal(bench.sql("").await).0, ApiErrorKind::Validation);
}

#[tokio::test]
async fn a_row_is_counted_in_bytes_of_its_values() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create table t (x int)").await.unwrap();
    let with = |bytes: usize| {
        format!(
            "insert into t values (1) returning repeat('é', {}), 'ab'",
            (bytes - 2) / 2
        )
    };
    bench.sql(&with(65_536)).await.unwrap();
    let error = bench.sql(&with(65_538)).await.unwrap_err();
    assert_eq!(error.kind, ApiErrorKind::DatabaseError);
    assert!(
        error.message.starts_with("Packet for query is too large"),
        "{error}"
    );
    assert_eq!(
        bench.value("select count(*) from t").await,
        Field::LongValue(1),
        "no effect"
    );
}

/// The JSON of one text field of `length` ASCII letters in a list of one row: `[[{"stringValue":"…"}]]`.
const AROUND: usize = 22;

#[tokio::test]
async fn a_result_is_counted_in_bytes_of_its_json() {
    let Some(bench) = Bench::with(Limits {
        result_bytes: 1_000,
        ..Limits::default()
    }) else {
        return;
    };
    bench.sql("create table t (x int)").await.unwrap();
    let with = |bytes: usize| {
        format!(
            "insert into t values (1) returning repeat('x', {})",
            bytes - AROUND
        )
    };
    let records = bench.sql(&with(1_000)).await.unwrap().records.unwrap();
    assert_eq!(serde_json::to_vec(&records).unwrap().len(), 1_000);
    assert_eq!(bench.sql(&with(1_001)).await.unwrap_err().message, TOO_LARGE);
    assert_eq!(
        bench.value("select count(*) from t").await,
        Field::LongValue(1),
        "no effect"
    );
    // the values alone are too large
    assert_eq!(
        bench
            .sql("select repeat('x', 100) from generate_series(1, 11)")
            .await
            .unwrap_err()
            .message,
        TOO_LARGE
    );
}

#[tokio::test]
async fn the_real_result_limit_is_a_mebibyte() {
    let Some(bench) = Bench::new() else { return };
    // a row of 1,000 letters is 1,020 bytes of JSON and a comma, the outer brackets are 2 less the missing comma
    let sql = |last: usize| {
        format!("select repeat('x', 1000) from generate_series(1, 1026) union all select repeat('x', {last})")
    };
    let whole = 1_048_576 - (1 + 1_026 * 1_021 + 1);
    let last = whole - 20;
    let records = bench.sql(&sql(last)).await.unwrap().records.unwrap();
    assert_eq!(serde_json::to_vec(&records).unwrap().len(), 1_048_576);
    assert_eq!(bench.sql(&sql(last + 1)).await.unwrap_err().message, TOO_LARGE);
}

#[tokio::test]
async fn a_result_that_is_too_large_ends_its_transaction() {
    let Some(bench) = Bench::with(Limits {
        result_bytes: 1_000,
        ..Limits::default()
    }) else {
        return;
    };
    let id = bench.begin().await;
    assert_eq!(
        bench
            .sql_in(&id, "select repeat('x', 2000)")
            .await
            .unwrap_err()
            .message,
        TOO_LARGE
    );
    assert_eq!(
        refusal(bench.sql_in(&id, "select 1").await).0,
        ApiErrorKind::TransactionNotFound
    );
}

#[tokio::test]
async fn formatted_records_have_a_limit_of_their_own() {
    let Some(bench) = Bench::with(Limits {
        formatted_bytes: 100,
        ..Limits::default()
    }) else {
        return;
    };
    let json = |letters: usize| ExecuteStatementRequest {
        format_records_as: RecordsFormat::Json,
        ..statement(&format!("select repeat('x', {letters}) as a"), Vec::new())
    };
    // `[{"a":"…"}]`
    assert_eq!(
        bench
            .execute(json(90))
            .await
            .unwrap()
            .formatted_records
            .unwrap()
            .len(),
        100
    );
    assert_eq!(refusal(bench.execute(json(91)).await).0, ApiErrorKind::BadRequest);
    let Some(bench) = Bench::with(Limits {
        result_bytes: 100,
        ..Limits::default()
    }) else {
        return;
    };
    bench.execute(json(90)).await.unwrap();
    assert_eq!(bench.execute(json(91)).await.unwrap_err().message, TOO_LARGE);
}

#[tokio::test]
async fn a_large_parameter_is_no_large_result() {
    let Some(bench) = Bench::new() else { return };
    let large = "é".repeat(1_500_000);
    let answer = bench
        .with_parameters("select length(:p)", vec![parameter("p", &large)])
        .await
        .unwrap();
    assert_eq!(answer.records.unwrap()[0][0], Field::LongValue(1_500_000));
}

#[tokio::test]
async fn identifiers_have_the_models_lengths() {
    let Some(bench) = Bench::new() else { return };
    let request = || statement("select 1", Vec::new());
    let with_arn = |arn: String| ExecuteStatementRequest {
        resource_arn: arn,
        ..request()
    };
    for arn in [String::new(), "a".repeat(10), "a".repeat(571)] {
        assert_eq!(
            refusal(bench.execute(with_arn(arn)).await).0,
            ApiErrorKind::Validation
        );
    }
    for arn in ["a".repeat(11), "a".repeat(570)] {
        assert_eq!(
            refusal(bench.execute(with_arn(arn)).await).0,
            ApiErrorKind::HttpEndpointNotEnabled
        );
    }
    let in_database = |name: String| ExecuteStatementRequest {
        database: Some(name),
        ..request()
    };
    assert_eq!(
        refusal(bench.execute(in_database("d".repeat(65))).await).0,
        ApiErrorKind::Validation
    );
    assert_eq!(
        refusal(bench.execute(in_database("d".repeat(64))).await)
            .1
            .as_deref(),
        Some("3D000")
    );
    let in_transaction = |id: String| ExecuteStatementRequest {
        transaction_id: Some(id),
        ..request()
    };
    assert_eq!(
        refusal(bench.execute(in_transaction("t".repeat(193))).await).0,
        ApiErrorKind::Validation
    );
    assert_eq!(
        refusal(bench.execute(in_transaction("t".repeat(192))).await).0,
        ApiErrorKind::TransactionNotFound
    );
}
