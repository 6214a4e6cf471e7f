//! Rows and files that break a rule: each is told with its place.

use millrace_tests::stack::{Api, AttendanceSpecs, Stack, csv, random_rows, unique};
use millrace_tests::{Random, specs};
use serde_json::{Value, json};

use super::{PATIENCE, assert_through};

/// An event with a rule of every kind.
fn strict_event(name: &str) -> Value {
    let mut body = specs::event(name, &[("date", "date!"), ("total", "integer!")]);
    let properties = body
        .pointer_mut("/input/properties/event/items/properties")
        .unwrap();
    properties["school_id"] = json!({"type": "string", "shouldnotnull": true, "pattern": "^[0-9]{10}$"});
    properties["grade"] = json!({"type": "integer", "minimum": 1, "maximum": 12});
    properties["gender"] = json!({"type": "string", "enum": ["male", "female", "other"]});
    properties["note"] = json!({"type": "string", "maxLength": 5});
    properties["present"] = json!({"type": "integer", "minimum": 0});
    body
}

fn content() -> Vec<u8> {
    let mut content = b"date,school_id,grade,gender,note,present,total\n".to_vec();
    let rows: [&[u8]; 14] = [
        b"2024-01-25,1000000001,1,male,,10,20\n",
        b"2024-01-25,1000000001,2,male,,many,20\n",
        b"2024-01-25,,3,male,,10,20\n",
        b"2024-01-25,1000000001,13,male,,10,20\n",
        b"2024-01-25,42,4,male,,10,20\n",
        b"2024-01-25,1000000001,5,x,,10,20\n",
        b"2024-01-25,1000000001,5,male,longer,10,20\n",
        b"2024-01-25,1000000001,5\n",
        b"2024-01-25,1000000001,6,female,\"a\nb\",10,20\n",
        b"2024-01-25,1000000001,7,female,\xff,10,20\n",
        b"2024-01-25,1000000001,7,female,\0,10,20\n",
        b"2024-01-25,10000\"00001,7,female,,10,20\n",
        b"2024-02-30,1000000001,0,female,,-1,20\n",
        b"2024-01-25,1000000001,8,other,,10,20\r\n",
    ];
    for row in rows {
        content.extend_from_slice(row);
    }
    content.extend_from_slice(
        format!("2024-01-25,1000000001,8,other,{},10,20\n", "x".repeat(70_000)).as_bytes(),
    );
    content
}

/// Record, physical line, column and rule of every error in [`content`].
const EXPECTED: [&str; 14] = [
    "2 3 present wrong_type",
    "3 4 school_id required",
    "4 5 grade out_of_range",
    "5 6 school_id pattern_mismatch",
    "6 7 gender not_allowed",
    "7 8 note length",
    "8 9 null wrong_cell_count",
    "10 12 null invalid_utf8",
    "11 13 null nul_byte",
    "12 14 school_id bad_quoting",
    "13 15 date wrong_type",
    "13 15 grade out_of_range",
    "13 15 present out_of_range",
    "15 17 null too_long",
];

/// Every row error, a page at a time, and how many pages there were.
async fn row_errors(api: &Api, file_id: &str) -> (Vec<String>, usize) {
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let answer = api
            .get(&format!("/ingestion/files/{file_id}/row-errors?limit=5{cursor}"))
            .await;
        let page = answer.expect(200);
        pages += 1;
        for item in page["items"].as_array().unwrap() {
            assert!(item["raw"].as_str().unwrap().starts_with("2024-0"), "{item}");
            for error in item["errors"].as_array().unwrap() {
                assert!(
                    error["expected"].is_string() && error["found"].is_string(),
                    "{error}"
                );
                let place = ["record", "line", "column", "rule"].map(|name| error[name].to_string());
                found.push(place.join(" ").replace('"', ""));
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
async fn every_rule_is_told_with_its_line() {
    let Some(stack) = Stack::find() else { return };
    let (api, event) = (stack.api(), unique("strict_event"));
    api.create_spec(&strict_event(&event)).await;
    let texts = [("ingestion_type", "event"), ("ingestion_name", event.as_str())];
    let sent = api.post_form(&texts, "a.csv", &content()).await;
    let file_id = sent.expect(202)["file_id"].as_str().unwrap().to_owned();
    let file = api.settled(&file_id, PATIENCE).await;
    assert_through(&file);
    let counts = ["rows", "kept", "rejected"].map(|name| file[name].as_u64().unwrap());
    assert_eq!(counts, [15, 3, 12], "{file}");
    let (found, pages) = row_errors(&api, &file_id).await;
    // A row that cannot be read may blame a cell or none.
    let without_column = |line: String| match ["invalid_utf8", "nul_byte", "too_long"]
        .iter()
        .any(|rule| line.ends_with(rule))
    {
        true => line.replace(" note ", " null "),
        false => line,
    };
    let found: Vec<String> = found.into_iter().map(without_column).collect();
    assert_eq!((found.as_slice(), pages), (&EXPECTED.map(str::to_owned)[..], 3));
    let bad = format!("/ingestion/files/{file_id}/row-errors?cursor=x");
    api.get(&bad).await.assert_problem(400, "bad_query");
}

/// Name, content, rule and column of files that cannot be read.
fn refused(good: &str) -> Vec<(&'static str, Vec<u8>, &'static str, Value)> {
    let lines = |change: &dyn Fn(&str, &str) -> String| -> Vec<u8> {
        let cut = good.lines().map(|line| line.rsplit_once(',').unwrap());
        cut.map(|(rest, last)| change(rest, last))
            .collect::<String>()
            .into()
    };
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        (
            "unknown",
            good.replacen("grade", "class", 1).into(),
            "unknown_header",
            json!("class"),
        ),
        (
            "missing",
            lines(&|rest, _| format!("{rest}\n")),
            "missing_header",
            json!("total"),
        ),
        (
            "twice",
            lines(&|rest, last| format!("{rest},{last},{last}\n")),
            "duplicate_header",
            json!("total"),
        ),
        ("empty", Vec::new(), "empty_file", Value::Null),
        (
            "alone",
            good.lines().next().unwrap().into(),
            "empty_file",
            Value::Null,
        ),
        ("gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "not_csv", Value::Null),
        ("utf-16 without a mark", utf16, "nul_byte", Value::Null),
    ]
}

#[tokio::test]
async fn a_file_that_cannot_be_read_says_why() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let specs = AttendanceSpecs::create(&api, "refused").await;
    let good = csv(&random_rows(&mut Random::new(21), 3));
    for (name, content, rule, column) in refused(&good) {
        let file_id = api.send_file("event", &specs.attendance, name, content).await;
        let file = api.settled(&file_id, PATIENCE).await;
        let error = &file["error"];
        assert_eq!(
            (&file["status"], &error["rule"]),
            (&json!("Error"), &json!(rule)),
            "{name}: {file}"
        );
        assert_eq!(error["column"], column, "{name}: {file}");
        assert!(
            error["message"].as_str().is_some_and(|text| !text.is_empty()),
            "{name}: {file}"
        );
    }
    // A file that was refused is sent again under its name.
    let again =
        json!({"ingestion_type": "event", "ingestion_name": specs.attendance, "file_name": "unknown"});
    let opened = api.open(&again).await;
    assert_eq!((opened.version, api.put(&opened, good).await), (2, 200));
    assert_through(&api.settled(&opened.file_id, PATIENCE).await);
}

#[tokio::test]
async fn a_dimension_that_repeats_keys_is_refused_with_the_count() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let specs = AttendanceSpecs::create(&api, "repeated").await;
    let once = millrace_tests::stack::schools(1, 6);
    let twice = format!(
        "{once}{}",
        once.lines()
            .skip(1)
            .take(4)
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    );
    let file_id = api
        .send_file("dimension", &specs.schools, "schools.csv", twice)
        .await;
    let file = api.settled(&file_id, PATIENCE).await;
    assert_eq!(
        (&file["status"], &file["error"]["rule"]),
        (&json!("Error"), &json!("repeated_key")),
        "{file}"
    );
    assert!(
        file["error"]["rows"].as_u64().is_some_and(|rows| rows >= 4),
        "{file}"
    );
    assert_eq!(
        api.rows(&format!("/dimensions/{}/rows", specs.schools), 10)
            .await
            .len(),
        0
    );
}
