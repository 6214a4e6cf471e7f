//! The local `aws_s3` through the Data API, over the real program and an S3 of a few lines.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use millrace_data_api::api::{ExecuteStatementRequest, Field};
use millrace_data_api::aws_s3::install_script;

use crate::bench::{Bench, OTHER_SECRET, parameter, refusal, statement, text};

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Serves objects by path until the process ends. An object under `chunked/` is sent in chunks, one under `cut/` ends
/// early.
fn start_s3() -> (u16, Objects) {
    let objects = Objects::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = Arc::clone(&objects);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), &served);
        }
    });
    (port, objects)
}

fn answer(stream: TcpStream, objects: &Objects) -> std::io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    let mut first = String::new();
    input.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let (method, path) = (first.split(' ').next().unwrap(), first.split(' ').nth(1).unwrap());
    if method == "PUT" {
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        objects.lock().unwrap().insert(path.to_owned(), body);
        return out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
    let Some(body) = objects.lock().unwrap().get(path).cloned() else {
        return out.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    };
    if method == "GET" && path.contains("chunked/") {
        out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for chunk in body.chunks(7) {
            write!(out, "{:x}\r\n", chunk.len())?;
            out.write_all(chunk)?;
            out.write_all(b"\r\n")?;
        }
        return out.write_all(b"0\r\n\r\n");
    }
    write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())?;
    match method {
        "GET" if path.contains("cut/") => out.write_all(&body[..body.len() / 2]),
        "GET" => out.write_all(&body),
        _ => Ok(()),
    }
}

struct S3 {
    bench: Bench,
    objects: Objects,
}

impl S3 {
    fn new() -> Option<Self> {
        let bench = Bench::new()?;
        let (port, objects) = start_s3();
        let command = [
            env!("CARGO_BIN_EXE_s3-copy").to_owned(),
            "--endpoint".to_owned(),
            format!("http://127.0.0.1:{port}"),
        ];
        let script = install_script(&command, "owner").unwrap();
        for _ in 0..2 {
            bench.server.execute(&bench.database, &script).unwrap();
        }
        Some(Self { bench, objects })
    }

    fn put(&self, path: &str, body: impl AsRef<[u8]>) {
        self.objects
            .lock()
            .unwrap()
            .insert(path.to_owned(), body.as_ref().to_owned());
    }

    async fn import(&self, table: &str, columns: &str, options: &str, key: &str) -> Result<Field, String> {
        let sql = "select aws_s3.table_import_from_s3(:table, :columns, :options, \
                   aws_commons.create_s3_uri('landing', :key, 'us-east-1'))";
        let parameters = vec![
            parameter("table", table),
            parameter("columns", columns),
            parameter("options", options),
            parameter("key", key),
        ];
        match self.bench.with_parameters(sql, parameters).await {
            Ok(answer) => Ok(answer.records.unwrap()[0][0].clone()),
            Err(error) => Err(error.message),
        }
    }
}

#[tokio::test]
async fn imports_csv_text_and_binary_and_answers_like_aurora() {
    let Some(s3) = S3::new() else { return };
    s3.bench
        .sql("create table \"T 1\" (id int, name text)")
        .await
        .unwrap();
    s3.put("/landing/a%20b%2Bc.csv", "name,id\n\"x,\"\"y\",1\n,2\n");
    let answer = s3
        .import("\"T 1\"", "name, id", "(format csv, header true)", "a b+c.csv")
        .await
        .unwrap();
    assert_eq!(
        answer,
        text("2 rows imported into relation \"\"T 1\"\" from file a b+c.csv of 21 bytes")
    );
    s3.put("/landing/chunked/t.txt", "3\té\\t\n4\t\\N\n");
    let answer = s3
        .import("public.\"T 1\"", "", "", "chunked/t.txt")
        .await
        .unwrap();
    assert_eq!(
        answer,
        text("2 rows imported into relation \"public.\"T 1\"\" from file chunked/t.txt of 12 bytes")
    );
    let rows = s3
        .bench
        .value("select string_agg(id || coalesce(name, '-'), '|' order by id) from \"T 1\"")
        .await;
    assert_eq!(rows, text("1x,\"y|2-|3é\t|4-"));
}

#[tokio::test]
async fn exports_binary_and_takes_it_in_again() {
    let Some(s3) = S3::new() else { return };
    s3.bench.sql("create table t (id int, name text)").await.unwrap();
    s3.bench
        .sql("insert into t values (1, 'é'), (2, null), (3, 'x')")
        .await
        .unwrap();
    let sql = "select rows_uploaded, files_uploaded, bytes_uploaded from aws_s3.query_export_to_s3( \
               'select * from t order by id desc', aws_commons.create_s3_uri('landing', 'out/b.bin', ''), \
               options := 'format binary')";
    let answer = s3.bench.sql(sql).await.unwrap_err().message;
    assert!(
        answer.contains("syntax error"),
        "options go to COPY as they are: {answer}"
    );
    let answer = s3
        .bench
        .sql(&sql.replace("'format binary'", "'(format binary)'"))
        .await
        .unwrap()
        .records
        .unwrap();
    let bytes = s3.objects.lock().unwrap()["/landing/out/b.bin"].len();
    let bytes = i64::try_from(bytes).unwrap();
    assert_eq!(
        answer,
        [[Field::LongValue(3), Field::LongValue(1), Field::LongValue(bytes)]]
    );
    s3.bench
        .sql("create table copy (id int, name text)")
        .await
        .unwrap();
    let answer = s3
        .import("copy", "", "(FORMAT binary)", "out/b.bin")
        .await
        .unwrap();
    assert_eq!(
        answer,
        text(&format!(
            "3 rows imported into relation \"copy\" from file out/b.bin of {bytes} bytes"
        ))
    );
    let same = "select count(*) from (table t except table copy) as missing";
    assert_eq!(s3.bench.value(same).await, Field::LongValue(0));
}

#[tokio::test]
async fn the_forms_with_texts_work_too() {
    let Some(s3) = S3::new() else { return };
    s3.bench.sql("create table t (id int, name text)").await.unwrap();
    let sql = "select * from aws_s3.query_export_to_s3('select 1 as a, ''a;b'' as b', 'landing', 'e.csv', 'us-east-1', \
               options := 'format csv, delimiter $$;$$')";
    assert!(
        s3.bench
            .sql(sql)
            .await
            .unwrap_err()
            .message
            .contains("options are not valid")
    );
    let sql = sql.replace("'format csv, delimiter $$;$$'", "'(format csv, delimiter '';'')'");
    s3.bench.sql(&sql).await.unwrap();
    assert_eq!(s3.objects.lock().unwrap()["/landing/e.csv"], b"1;\"a;b\"\n");
    let sql = "select aws_s3.table_import_from_s3('t', '', 'csv delimiter '';''', 'landing', 'e.csv', 'us-east-1', 'AKIA', 'secret', '')";
    assert_eq!(
        s3.bench.value(sql).await,
        text("1 rows imported into relation \"t\" from file e.csv of 8 bytes")
    );
}

#[tokio::test]
async fn one_bad_row_or_a_cut_object_leaves_nothing() {
    let Some(s3) = S3::new() else { return };
    s3.bench.sql("create table t (id int)").await.unwrap();
    s3.put("/landing/bad.txt", "1\nx\n");
    s3.put("/landing/cut/half.txt", "1\n".repeat(1_000));
    assert!(
        s3.import("t", "", "", "bad.txt")
            .await
            .unwrap_err()
            .contains("invalid input syntax for type integer")
    );
    let cut = s3.import("t", "", "", "cut/half.txt").await.unwrap_err();
    assert!(cut.ends_with("SQLState: 38000"), "{cut}");
    let missing = s3.import("t", "", "", "none.txt").await.unwrap_err();
    assert!(
        missing.starts_with("ERROR: HTTP 404. The specified key does not exist."),
        "{missing}"
    );
    assert_eq!(
        s3.bench.value("select count(*) from t").await,
        Field::LongValue(0)
    );
}

#[tokio::test]
async fn nothing_gets_into_the_shell_or_the_copy() {
    let Some(s3) = S3::new() else { return };
    s3.bench.sql("create table t (id int)").await.unwrap();
    s3.put("/landing/ok.txt", "1\n");
    for key in ["a'b", "a`id`", "a\"b", "a;b", "a|b", "a\nb", "a\\b", "", "é"] {
        let error = s3.import("t", "", "", key).await.unwrap_err();
        assert!(error.contains("The specified key is not valid"), "{key}: {error}");
    }
    for key in ["$(id)", "*", "a&b", "~"] {
        let error = s3.import("t", "", "", key).await.unwrap_err();
        assert!(error.contains("HTTP 404"), "{key}: {error}");
    }
    for options in [
        "; drop table t",
        "(format csv); drop table t",
        "where id = 1",
        "(format csv) WHERE id > 0",
        "/* */",
        "-- x",
        "delimiter nullE'\\' ; drop table t'",
        "delimiter E'\\'' ; drop table t --'",
        "$$x$$",
    ] {
        let error = s3.import("t", "", options, "ok.txt").await.unwrap_err();
        assert!(error.contains("options are not valid"), "{options}: {error}");
    }
    for columns in ["id) from program 'id' --", "id; drop table t", "id,"] {
        assert!(s3.import("t", columns, "", "ok.txt").await.is_err(), "{columns}");
    }
    assert!(s3.import("t; drop table t", "", "", "ok.txt").await.is_err());
    assert!(
        s3.import("t", "id", "delimiter E'\\t' null ''", "ok.txt")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn privileges_are_the_callers() {
    let Some(s3) = S3::new() else { return };
    s3.bench.sql("create table t (id int)").await.unwrap();
    s3.bench.sql("insert into t values (7)").await.unwrap();
    s3.put("/landing/ok.txt", "1\n");
    let as_other = async |sql: &str| {
        let request = ExecuteStatementRequest {
            secret_arn: OTHER_SECRET.to_owned(),
            ..statement(sql, Vec::new())
        };
        s3.bench.execute(request).await
    };
    let import = "select aws_s3.table_import_from_s3('t', '', '', 'landing', 'ok.txt', '')";
    let export = "select rows_uploaded from aws_s3.query_export_to_s3('select * from t', 'landing', 'e.txt')";
    let denied = Some("42501".to_owned());
    assert_eq!(refusal(as_other(import).await).1, denied, "without a grant");
    s3.bench
        .sql("grant usage on schema aws_s3, aws_commons to other")
        .await
        .unwrap();
    s3.bench
        .sql("grant execute on all functions in schema aws_s3, aws_commons to other")
        .await
        .unwrap();
    assert_eq!(refusal(as_other(import).await).1, denied);
    assert_eq!(refusal(as_other(export).await).1, denied);
    assert_eq!(
        refusal(as_other("select aws_s3._import('t', '', '', 'landing', 'ok.txt')").await).1,
        denied
    );
    assert_eq!(
        refusal(as_other("select aws_s3._export('t', '', 'landing', 'ok.txt')").await).1,
        denied
    );
    s3.bench.sql("grant select, insert on t to other").await.unwrap();
    as_other(import).await.unwrap();
    as_other(export).await.unwrap();
    assert_eq!(s3.objects.lock().unwrap()["/landing/e.txt"], b"7\n1\n");
    assert_eq!(refusal(as_other("copy t from program 'true'").await).1, denied);
}
