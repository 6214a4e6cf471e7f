//! The result mapping: each row of the type table, arrays, options, metadata, JSON.

use millrace_data_api::api::{
    ApiErrorKind, ArrayValue, Blob, ColumnMetadata, DecimalReturnType, Double, ExecuteStatementRequest,
    Field, LongReturnType, RecordsFormat, ResultSetOptions,
};

use crate::bench::{Bench, only, refusal, statement, text};

/// An expression, the field it becomes, JDBC's number, the type's name.
fn type_table() -> Vec<(&'static str, Field, i32, &'static str)> {
    let long = Field::LongValue;
    let double = Field::DoubleValue;
    vec![
        ("true", Field::BooleanValue(true), -7, "bool"),
        ("false", Field::BooleanValue(false), -7, "bool"),
        ("(-3)::int2", long(-3), 5, "int2"),
        ("2147483647", long(2_147_483_647), 4, "int4"),
        ("9223372036854775807", long(i64::MAX), -5, "int8"),
        ("1.5::float4", double(1.5), 7, "float4"),
        ("0.1::float8", double(0.1), 8, "float8"),
        ("'-Infinity'::float8", double(f64::NEG_INFINITY), 8, "float8"),
        (
            "12345678901234567890.1230",
            text("12345678901234567890.1230"),
            2,
            "numeric",
        ),
        ("'é\"\\'::text", text("é\"\\"), 12, "text"),
        ("'x'::varchar(3)", text("x"), 12, "varchar"),
        ("'x'::char(3)", text("x  "), 1, "bpchar"),
        ("'x'::name", text("x"), 12, "name"),
        ("'b'::letter", text("b"), 12, "letter"),
        (
            "'\\x00ff'::bytea",
            Field::BlobValue(Blob(vec![0, 255])),
            -2,
            "bytea",
        ),
        ("'2023-01-08'::date", text("2023-01-08"), 91, "date"),
        ("'10:11:12.5'::time", text("10:11:12.5"), 92, "time"),
        (
            "'2023-01-08 10:11:12'::timestamp",
            text("2023-01-08 10:11:12"),
            93,
            "timestamp",
        ),
        (
            "'2023-01-08 10:11:12.25+02'::timestamptz",
            text("2023-01-08 08:11:12.25"),
            93,
            "timestamptz",
        ),
        (
            "'00000000-0000-0000-0000-00000000000a'::uuid",
            text("00000000-0000-0000-0000-00000000000a"),
            1111,
            "uuid",
        ),
        ("'{\"a\": 1}'::json", text("{\"a\": 1}"), 1111, "json"),
        ("'{\"a\":1}'::jsonb", text("{\"a\": 1}"), 1111, "jsonb"),
        ("'10.0.0.1'::inet", text("10.0.0.1"), 1111, "inet"),
        ("'10.0.0.0/8'::cidr", text("10.0.0.0/8"), 1111, "cidr"),
        ("null::int4", Field::IsNull(true), 4, "int4"),
        ("null::uuid", Field::IsNull(true), 1111, "uuid"),
        // a domain is its base type
        ("'x'::short", text("x"), 12, "varchar"),
    ]
}

#[tokio::test]
async fn maps_every_row_of_the_type_table() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create type letter as enum ('a', 'b')").await.unwrap();
    bench.sql("create domain short as varchar(5)").await.unwrap();
    for (expression, field, jdbc_type, type_name) in type_table() {
        let request = ExecuteStatementRequest {
            include_result_metadata: true,
            ..statement(&format!("select {expression} as x"), Vec::new())
        };
        let response = bench.execute(request).await.unwrap();
        let column = response.column_metadata.clone().unwrap().remove(0);
        assert_eq!(only(response), field, "{expression}");
        assert_eq!(
            (column.jdbc_type, column.type_name.as_str()),
            (jdbc_type, type_name),
            "{expression}"
        );
    }
}

#[tokio::test]
async fn maps_arrays_of_one_dimension() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create type letter as enum ('a', 'b')").await.unwrap();
    let texts = |texts: &[Option<&str>]| {
        ArrayValue::StringValues(texts.iter().map(|text| text.map(str::to_owned)).collect())
    };
    for (expression, array) in [
        (
            "array[true, null]",
            ArrayValue::BooleanValues(vec![Some(true), None]),
        ),
        (
            "array[1, null, 3]::int4[]",
            ArrayValue::LongValues(vec![Some(1), None, Some(3)]),
        ),
        (
            "array[1.5]::float8[]",
            ArrayValue::DoubleValues(vec![Some(Double(1.5))]),
        ),
        ("array[1.50]", texts(&[Some("1.50")])),
        (
            r#"array['a,b', 'say "x"', 'back\slash', '', 'NULL', null, '{}', ' é ']"#,
            texts(&[
                Some("a,b"),
                Some("say \"x\""),
                Some("back\\slash"),
                Some(""),
                Some("NULL"),
                None,
                Some("{}"),
                Some(" é "),
            ]),
        ),
        ("'{}'::text[]", texts(&[])),
        (
            "'[2:3]={7,8}'::int4[]",
            ArrayValue::LongValues(vec![Some(7), Some(8)]),
        ),
        (
            "array['2023-01-08 10:00+02']::timestamptz[]",
            texts(&[Some("2023-01-08 08:00:00")]),
        ),
        ("array['a','b']::letter[]", texts(&[Some("a"), Some("b")])),
    ] {
        assert_eq!(
            bench.value(&format!("select {expression}")).await,
            Field::ArrayValue(array),
            "{expression}"
        );
    }
}

#[tokio::test]
async fn describes_an_array() {
    let Some(bench) = Bench::new() else { return };
    let request = ExecuteStatementRequest {
        include_result_metadata: true,
        ..statement("select array['x'] as a", Vec::new())
    };
    let column = bench
        .execute(request)
        .await
        .unwrap()
        .column_metadata
        .unwrap()
        .remove(0);
    assert_eq!(
        (
            column.jdbc_type,
            column.type_name.as_str(),
            column.array_base_column_type
        ),
        (2003, "_text", 12)
    );
}

#[tokio::test]
async fn refuses_types_that_the_service_refuses_and_leaves_no_effect() {
    let Some(bench) = Bench::new() else { return };
    bench.sql("create table t (x int)").await.unwrap();
    for (expression, name) in [
        ("1::money", "money"),
        ("point(1, 2)", "point"),
        ("interval '1 day'", "interval"),
        ("'0/1'::pg_lsn", "pg_lsn"),
        ("'pg_class'::regclass", "regclass"),
        ("row(1, 2)", "record"),
        ("'(1,2)'::int4range", "int4range"),
        ("'1 2'::oidvector", "oidvector"),
        ("array[[1, 2], [3, 4]]", "_int4"),
        ("array['\\x00'::bytea]", "_bytea"),
        ("pg_sleep(0)", "void"),
    ] {
        let error = bench
            .sql(&format!("insert into t values (1) returning {expression}"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::UnsupportedResult, "{expression}");
        assert_eq!(
            error.message,
            format!("The result contains the unsupported data type {name}.")
        );
    }
    assert_eq!(bench.value("select count(*) from t").await, Field::LongValue(0));
}

#[tokio::test]
async fn numbers_are_returned_as_asked() {
    let Some(bench) = Bench::new() else { return };
    let options = ResultSetOptions {
        decimal_return_type: DecimalReturnType::DoubleOrLong,
        long_return_type: LongReturnType::String,
    };
    for (expression, field) in [
        ("12::numeric", Field::LongValue(12)),
        ("12.50", Field::DoubleValue(12.5)),
        ("99999999999999999999::numeric", Field::DoubleValue(1e20)),
        ("7::int2", text("7")),
        ("8", text("8")),
        ("9::int8", text("9")),
    ] {
        let request = statement(&format!("select {expression}"), Vec::new());
        let request = ExecuteStatementRequest {
            result_set_options: options,
            ..request
        };
        assert_eq!(only(bench.execute(request).await.unwrap()), field, "{expression}");
    }
}

#[tokio::test]
async fn describes_the_columns_of_a_table() {
    let Some(bench) = Bench::new() else { return };
    bench
        .sql("create table school (id serial primary key, name varchar(40), rate numeric(7,2) not null)")
        .await
        .unwrap();
    let request = ExecuteStatementRequest {
        include_result_metadata: true,
        ..statement(
            "select id, name as label, rate, 1 + 1 as two from school",
            Vec::new(),
        )
    };
    let columns = bench.execute(request).await.unwrap().column_metadata.unwrap();
    let wanted = ColumnMetadata {
        name: "id".to_owned(),
        label: "id".to_owned(),
        jdbc_type: 4,
        type_name: "int4".to_owned(),
        table_name: "school".to_owned(),
        is_auto_increment: true,
        is_signed: true,
        precision: 10,
        ..ColumnMetadata::default()
    };
    assert_eq!(columns[0], wanted);
    assert_eq!(
        (columns[1].label.as_str(), columns[1].name.as_str()),
        ("label", "label")
    );
    assert_eq!(
        (
            columns[1].nullable,
            columns[1].precision,
            columns[1].is_case_sensitive
        ),
        (1, 40, true)
    );
    assert_eq!(
        (columns[2].nullable, columns[2].precision, columns[2].scale),
        (0, 7, 2)
    );
    assert_eq!((columns[3].nullable, columns[3].table_name.as_str()), (2, ""));
}

#[tokio::test]
async fn formats_records_as_one_json_text() {
    let Some(bench) = Bench::new() else { return };
    let json = |sql: &str| ExecuteStatementRequest {
        format_records_as: RecordsFormat::Json,
        include_result_metadata: true,
        ..statement(sql, Vec::new())
    };
    let sql = "select 1 as b, 'x\"'::text as a, null::int as n, 1.50 as d, array[1,null] as l, true as t, \
               '\\x01'::bytea as y union all select 2, '', 3, 2, '{}', false, ''";
    let response = bench.execute(json(sql)).await.unwrap();
    assert_eq!((response.records, response.column_metadata), (None, None));
    assert_eq!(
        response.formatted_records.unwrap(),
        r#"[{"b":1,"a":"x\"","n":null,"d":"1.50","l":[1,null],"t":true,"y":"AQ=="},{"b":2,"a":"","n":3,"d":"2","l":[],"t":false,"y":""}]"#
    );
    let twice = bench.execute(json("select 1 as a, 2 as a")).await;
    assert_eq!(refusal(twice).0, ApiErrorKind::BadRequest);
}

#[tokio::test]
async fn counts_changes_and_returns_rows() {
    let Some(bench) = Bench::new() else { return };
    let created = bench.sql("create table t (x int)").await.unwrap();
    assert_eq!((created.number_of_records_updated, created.records), (0, None));
    let inserted = bench
        .sql("insert into t select generate_series(1, 3)")
        .await
        .unwrap();
    assert_eq!(
        (inserted.number_of_records_updated, inserted.generated_fields),
        (3, Some(Vec::new()))
    );
    let returned = bench
        .sql("update t set x = x + 1 where x > 1 returning x")
        .await
        .unwrap();
    assert_eq!(
        returned.records.unwrap(),
        [[Field::LongValue(3)], [Field::LongValue(4)]]
    );
    let none = bench.sql("select x from t where false").await.unwrap();
    assert_eq!(
        (none.number_of_records_updated, none.records),
        (0, Some(Vec::new()))
    );
    assert_eq!(
        bench
            .sql("delete from t")
            .await
            .unwrap()
            .number_of_records_updated,
        3
    );
}
