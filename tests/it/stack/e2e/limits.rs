//! Limits on what is sent: the last size that is taken, and one more.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use millrace_tests::stack::{AttendanceSpecs, Stack};
use reqwest::Method;
use serde_json::json;

const JSON_BYTES: usize = 1 << 20;
const FORM_BYTES: usize = 4 << 20;
const LINE_BYTES: usize = 8 << 10;

/// A request as it is written, for what no client library sends. The answer's head and body.
fn raw(stack: &Stack, line: &str) -> String {
    let (address, base) = stack
        .api_url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let token = &stack.tokens[0].token;
    write!(stream, "GET /{base}{line} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_address_that_http_refuses_is_a_problem() {
    let Some(stack) = Stack::find() else { return };
    for line in [
        "/ingestion/files?q=<",
        "/ingestion/files?file_name=a>b",
        "/spec/event?limit=\"1\"",
    ] {
        let answer = raw(&stack, line);
        assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
        assert!(
            answer.contains("application/problem+json") && answer.contains("\"code\":\"bad_"),
            "{line}: {answer}"
        );
    }
    let _ = stack.api().get("/ingestion/files?limit=1").await.expect(200);
}

#[tokio::test]
async fn raw_csv_is_refused() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    for kind in [
        "text/csv",
        "text/plain",
        "application/octet-stream",
        "application/json",
    ] {
        let answer = api
            .send(
                Method::POST,
                "/ingestion/csv",
                &[("content-type", kind)],
                b"a,b\n1,2\n".to_vec(),
            )
            .await;
        answer.assert_problem(415, "unsupported_media_type");
    }
    let encoded = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let answer = api
        .send(Method::POST, "/ingestion/uploads", &encoded, vec![0x1f, 0x8b])
        .await;
    answer.assert_problem(415, "content_encoding_not_supported");
    let answer = api
        .send(
            Method::POST,
            "/ingestion/uploads",
            &[("content-type", "application/xml")],
            b"<a/>".to_vec(),
        )
        .await;
    assert_eq!(answer.status, 415, "{}", answer.text);
}

#[tokio::test]
async fn json_of_a_mebibyte_is_taken() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let kind = [("content-type", "application/json")];
    for (bytes, status) in [(JSON_BYTES, 422), (JSON_BYTES + 1, 413)] {
        // A member of a body has a limit of its own, so blanks make up the size.
        let body = json!({"surprise": 1}).to_string();
        let body = format!("{body}{}", " ".repeat(bytes - body.len()));
        let answer = api
            .send(Method::POST, "/ingestion/uploads", &kind, body.into_bytes())
            .await;
        assert_eq!(answer.status, status, "{bytes}: {}", &answer.text);
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let answer = api
        .send(Method::POST, "/spec/event", &kind, deep.into_bytes())
        .await;
    assert!([400, 422].contains(&answer.status), "{}", answer.text);
    for text in ["", "{", "{\"a\":1,\"a\":2}", "nul", "{\"a\": NaN}", "\u{feff}{}"] {
        let answer = api
            .send(
                Method::POST,
                "/ingestion/uploads",
                &kind,
                text.as_bytes().to_vec(),
            )
            .await;
        assert!([400, 422].contains(&answer.status), "{text}: {}", answer.text);
        assert!(
            answer.content_type.starts_with("application/problem+json"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_form_of_four_mebibytes_is_taken() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let specs = AttendanceSpecs::create(&api, "form").await;
    let texts = [
        ("ingestion_type", "event"),
        ("ingestion_name", specs.attendance.as_str()),
    ];
    // What the form adds to its file is known from a first one.
    let overhead = {
        let head = |name: &str, text: &str| {
            format!("--millrace-test-boundary\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").len()
        };
        let texts: usize = texts.iter().map(|(name, text)| head(name, text)).sum();
        let file = "--millrace-test-boundary\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\
             content-type: text/csv\r\n\r\n";
        texts + file.len() + "\r\n--millrace-test-boundary--\r\n".len()
    };
    for (bytes, status) in [(FORM_BYTES + 1, 413), (FORM_BYTES, 202)] {
        let answer = api
            .post_form(&texts, "a.csv", &vec![b'x'; bytes - overhead])
            .await;
        assert_eq!(answer.status, status, "{bytes}: {}", answer.text);
    }
    for (texts, name) in [
        (&[("ingestion_type", "event")][..], "a.csv"),
        (
            &[("ingestion_type", "event"), ("ingestion_type", "event")],
            "a.csv",
        ),
        (&[("surprise", "event")], "a.csv"),
        (&texts, ""),
    ] {
        let answer = api.post_form(texts, name, b"a\n").await;
        assert!([400, 422].contains(&answer.status), "{texts:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_address_of_eight_kibibytes_is_taken() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let path = "/ingestion/files?";
    // Members of a kibibyte at most, none known: the first one is refused, unless the whole is too long before that.
    let line = |bytes: usize| {
        let mut line = path.to_owned();
        while line.len() + 900 < bytes {
            line.push_str(&format!("{}&", "x".repeat(800)));
        }
        line.push_str(&"y".repeat(bytes - line.len()));
        line
    };
    api.get(&line(LINE_BYTES)).await.assert_problem(400, "bad_query");
    api.get(&line(LINE_BYTES + 1))
        .await
        .assert_problem(414, "url_too_long");
    let members = |count: usize| format!("{path}{}", vec!["limit=1"; count].join("&"));
    api.get(&members(100)).await.assert_problem(400, "bad_query");
    api.get(&members(101))
        .await
        .assert_problem(400, "too_many_query_members");
    let padding = "p".repeat(7_000);
    let _ = api
        .send(
            Method::GET,
            "/ingestion/files?limit=1",
            &[("x-padding", &padding)],
            Vec::new(),
        )
        .await
        .expect(200);
    let padding = "p".repeat(8_200);
    let answer = api
        .send(
            Method::GET,
            "/ingestion/files?limit=1",
            &[("x-padding", &padding)],
            Vec::new(),
        )
        .await;
    assert!([431, 400].contains(&answer.status), "{}", answer.text);
}
