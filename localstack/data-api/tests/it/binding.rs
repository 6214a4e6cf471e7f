//! Parameters: each field and hint with its explicit type, and what is refused.

use millrace_data_api::api::{ApiErrorKind, ArrayValue, Blob, Field, SqlParameter, TypeHint};

use crate::bench::{Bench, batch, only, parameter, refusal, text};

#[tokio::test]
async fn every_field_has_its_type() {
    let Some(bench) = Bench::new() else { return };
    let hinted = |value: &str, hint| SqlParameter::hinted("p", text(value), hint);
    let plain = |value| SqlParameter::new("p", value);
    for (parameter, type_name, value) in [
        (plain(text("é'\"")), "text", "é'\""),
        (
            plain(Field::LongValue(i64::MIN)),
            "bigint",
            "-9223372036854775808",
        ),
        (plain(Field::DoubleValue(0.1)), "double precision", "0.1"),
        (plain(Field::DoubleValue(1e300)), "double precision", "1e+300"),
        (
            plain(Field::DoubleValue(f64::INFINITY)),
            "double precision",
            "Infinity",
        ),
        (plain(Field::BooleanValue(true)), "boolean", "true"),
        (plain(Field::BlobValue(Blob(vec![0, 255]))), "bytea", "\\x00ff"),
        (hinted("{\"a\":1}", TypeHint::Json), "jsonb", "{\"a\": 1}"),
        (
            hinted("00000000-0000-0000-0000-00000000000A", TypeHint::Uuid),
            "uuid",
            "00000000-0000-0000-0000-00000000000a",
        ),
        (hinted("2023-01-08", TypeHint::Date), "date", "2023-01-08"),
        (
            hinted("10:11:12", TypeHint::Time),
            "time without time zone",
            "10:11:12",
        ),
        (
            hinted("10:11:12.123", TypeHint::Time),
            "time without time zone",
            "10:11:12.123",
        ),
        (
            hinted("2023-01-08 10:11:12.5", TypeHint::Timestamp),
            "timestamp without time zone",
            "2023-01-08 10:11:12.5",
        ),
        (hinted("1.50", TypeHint::Decimal), "numeric", "1.50"),
    ] {
        let described = parameter.clone();
        let answer = bench
            .with_parameters("select pg_typeof(:p)::text || ' ' || (:p)::text", vec![parameter])
            .await;
        assert_eq!(
            only(answer.unwrap()),
            text(&format!("{type_name} {value}")),
            "{described:?}"
        );
    }
}

#[tokio::test]
async fn a_null_has_no_type_and_a_hint_can_be_inserted() {
    let Some(bench) = Bench::new() else { return };
    bench
        .sql("create table t (u uuid, j json, b jsonb, n numeric, x int)")
        .await
        .unwrap();
    let parameters = vec![
        SqlParameter::hinted("u", text("00000000-0000-0000-0000-00000000000a"), TypeHint::Uuid),
        SqlParameter::hinted("j", text("[1]"), TypeHint::Json),
        SqlParameter::hinted("n", text("1.5"), TypeHint::Decimal),
        SqlParameter::new("x", Field::IsNull(true)),
    ];
    let sql = "insert into t values (:u, :j, :j, :n, :x)";
    assert_eq!(
        bench
            .with_parameters(sql, parameters)
            .await
            .unwrap()
            .number_of_records_updated,
        1
    );
}

#[tokio::test]
async fn a_bare_string_is_text_and_fails_without_a_cast() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create type letter as enum ('a')").await.unwrap();
    bench
        .sql("create table t (u uuid, b jsonb, d timestamptz, n numeric, l letter)")
        .await
        .unwrap();
    for (column, value, state) in [
        ("u", "00000000-0000-0000-0000-00000000000a", "42804"),
        ("b", "{}", "42804"),
        ("d", "2023-01-08", "42804"),
        ("n", "1", "42804"),
        ("l", "a", "42804"),
    ] {
        let bare = bench
            .with_parameters(
                &format!("insert into t ({column}) values (:p)"),
                vec![parameter("p", value)],
            )
            .await;
        assert_eq!(
            refusal(bare),
            (ApiErrorKind::DatabaseError, Some(state.to_owned())),
            "{column}"
        );
        let name = bench.value(&format!("select format_type(atttypid, null) from pg_attribute where attrelid = 't'::regclass and attname = '{column}'")).await;
        let Field::StringValue(name) = name else {
            panic!("{name:?}")
        };
        for cast in [format!("cast(:p as {name})"), format!(":p::{name}")] {
            let sql = format!("insert into t ({column}) values ({cast})");
            bench
                .with_parameters(&sql, vec![parameter("p", value)])
                .await
                .unwrap();
        }
    }
    let compared = bench
        .with_parameters("select 1 from t where u = :p", vec![parameter("p", "x")])
        .await;
    assert_eq!(refusal(compared).1.as_deref(), Some("42883"));
}

#[tokio::test]
async fn text_that_does_not_fit_its_hint_is_the_databases_error() {
    let Some(bench) = Bench::new() else { return };
    for (hint, value, state) in [
        (TypeHint::Date, "2023-13-01", "22008"),
        (TypeHint::Date, "now", "22007"),
        (TypeHint::Date, "20230108", "22007"),
        (TypeHint::Time, "10:11", "22007"),
        (TypeHint::Time, "10:11:12.", "22007"),
        (TypeHint::Timestamp, "2023-01-08T10:11:12", "22007"),
        (TypeHint::Timestamp, "2023-01-08 10:11:12Z", "22007"),
        (TypeHint::Timestamp, "2023-01-08", "22007"),
        (TypeHint::Uuid, "x", "22P02"),
        (TypeHint::Json, "{", "22P02"),
        (TypeHint::Decimal, "1,5", "22P02"),
    ] {
        let answer = bench
            .with_parameters(
                "select (:p)::text",
                vec![SqlParameter::hinted("p", text(value), hint)],
            )
            .await;
        assert_eq!(
            refusal(answer),
            (ApiErrorKind::DatabaseError, Some(state.to_owned())),
            "{hint:?} {value}"
        );
    }
    let nul = bench
        .with_parameters("select :p", vec![parameter("p", "a\0b")])
        .await;
    assert_eq!(refusal(nul).1.as_deref(), Some("22021"));
}

#[tokio::test]
async fn names_are_matched_strictly() {
    let Some(bench) = Bench::new() else { return };
    let missing = bench
        .with_parameters("select :a, :b", vec![parameter("a", "1")])
        .await;
    assert_eq!(refusal(missing).0, ApiErrorKind::BadRequest);
    let unused = bench
        .with_parameters("select :a", vec![parameter("a", "1"), parameter("z", "2")])
        .await;
    assert_eq!(only(unused.unwrap()), text("1"));
    let array = SqlParameter::new("a", Field::ArrayValue(ArrayValue::LongValues(vec![Some(1)])));
    let error = bench.with_parameters("select :a", vec![array]).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ApiErrorKind::Validation, "Array parameters are not supported.")
    );
    let unset = SqlParameter {
        name: Some("a".to_owned()),
        value: None,
        type_hint: None,
    };
    assert_eq!(
        refusal(bench.with_parameters("select :a", vec![unset]).await).0,
        ApiErrorKind::Validation
    );
}

#[tokio::test]
async fn ten_is_not_one_and_one_name_is_one_parameter() {
    let Some(bench) = Bench::new() else { return };
    let parameters = vec![parameter("1", "one"), parameter("10", "ten")];
    let answer = bench
        .with_parameters("select :10 || ':1' || :1 || :10", parameters)
        .await;
    assert_eq!(only(answer.unwrap()), text("ten:1oneten"));
    let answer = bench
        .with_parameters("select 'ಶಾಲೆ😀' || :é", vec![parameter("é", "x")])
        .await;
    assert_eq!(refusal(answer).0, ApiErrorKind::DatabaseError, "a name is ASCII");
}

#[tokio::test]
async fn a_batch_runs_once_a_set_and_all_or_nothing() {
    let Some(bench) = Bench::new() else { return };
    bench
        .sql("create table t (x int primary key, y text)")
        .await
        .unwrap();
    let set = |x: i64, y: Field| {
        vec![
            SqlParameter::new("x", Field::LongValue(x)),
            SqlParameter::new("y", y),
        ]
    };
    let sql = "insert into t values (:x, :y)";
    let many = (0..1_000)
        .map(|x| {
            set(
                x,
                if x % 3 == 0 {
                    Field::IsNull(true)
                } else {
                    text("y")
                },
            )
        })
        .collect();
    let done = bench
        .engine
        .batch_execute_statement(batch(sql, many))
        .await
        .unwrap();
    assert_eq!(done.update_results.len(), 1_000);
    assert_eq!(bench.value("select count(y) from t").await, Field::LongValue(666));
    let sets = vec![set(2_000, text("")), set(5, text("")), set(2_001, text(""))];
    let broken = bench.engine.batch_execute_statement(batch(sql, sets)).await;
    assert_eq!(refusal(broken).1.as_deref(), Some("23505"));
    assert_eq!(
        bench.value("select count(*) from t").await,
        Field::LongValue(1_000)
    );
    let once = bench
        .engine
        .batch_execute_statement(batch("delete from t where x = 5", Vec::new()))
        .await
        .unwrap();
    assert_eq!(once.update_results.len(), 0);
    assert_eq!(bench.value("select count(*) from t").await, Field::LongValue(999));
}
