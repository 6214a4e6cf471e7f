use millrace_core::source::SourceList;
use serde_json::{Value, json};

use crate::check_source;

fn body() -> Value {
    json!({
        "ingestion_type": "source", "source_name": "accounts",
        "list": {"kind": "html", "url": "https://data.example.org/list.html",
            "pattern": r"accounts-(?<date>\d{4}-\d{2}-\d{2})\.csv$", "date_format": "YYYY-MM-DD"},
        "target": {"ingestion_type": "event", "ingestion_name": "accounts_filed"},
        "allowed_hosts": ["data.example.org", "*.files.example.org:8443"],
    })
}

fn codes(body: &Value) -> Vec<(String, String)> {
    let errors = check_source(body).err().map(|errors| errors.into_errors());
    let errors = errors.unwrap_or_default().into_iter();
    errors.map(|error| (error.pointer, error.code)).collect()
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut body = body();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[test]
fn a_good_body_becomes_a_definition() {
    let source = check_source(&body()).unwrap();
    assert_eq!(source.name.as_str(), "accounts");
    assert_eq!(source.max_file_bytes, 1 << 30);
    assert!(!source.environment.private_addresses && !source.environment.plain_http);
    assert!(matches!(source.list, SourceList::Html { .. }));
    let mut json_list = body();
    json_list["list"] = json!({"kind": "json", "url": "https://data.example.org/list.json", "items": "/files",
        "item_url": "/href", "item_date": "/published", "date_format": "YYYY-MM-DD"});
    json_list["content"] = json!({"types": ["text/csv"], "begins_with": "day,"});
    json_list["environment"] = json!({"private_addresses": true});
    let source = check_source(&json_list).unwrap();
    assert_eq!(source.content.types, ["text/csv"]);
    assert!(matches!(source.list, SourceList::Json { item_name: None, .. }));
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    for (pointer, value, at, code) in [
        (
            "/list/url",
            json!("http://data.example.org/"),
            "/list/url",
            "bad_url",
        ),
        (
            "/list/url",
            json!("https://other.example.org/"),
            "/list/url",
            "bad_url",
        ),
        (
            "/list/url",
            json!("https://user@data.example.org/"),
            "/list/url",
            "bad_url",
        ),
        ("/list/pattern", json!("("), "/list/pattern", "bad_pattern"),
        ("/list/pattern", json!("a.csv"), "/list/pattern", "no_date_group"),
        (
            "/list/pattern",
            json!("(?<date>.{1000}){1000}"),
            "/list/pattern",
            "bad_pattern",
        ),
        (
            "/list/date_format",
            json!("DD"),
            "/list/date_format",
            "bad_date_format",
        ),
        (
            "/allowed_hosts/1",
            json!("https://a"),
            "/allowed_hosts/1",
            "bad_host",
        ),
        (
            "/target/ingestion_type",
            json!("pipeline"),
            "/target/ingestion_type",
            "wrong_value",
        ),
        ("/source_name", json!("a b"), "/source_name", "bad_name"),
    ] {
        let expected = vec![(at.to_owned(), code.to_owned())];
        assert_eq!(
            codes(&changed(pointer, value.clone())),
            expected,
            "{pointer} {value}"
        );
    }
}

/// A file is fetched by one worker within its time, so less is taken than from those who send (`MAX_FILE_BYTES`).
#[test]
fn no_source_asks_for_files_that_are_not_taken() {
    let limited = |bytes: u64| {
        let mut body = body();
        body["max_file_bytes"] = json!(bytes);
        codes(&body)
    };
    assert_eq!(limited(5 << 30), []);
    assert_eq!(limited((5 << 30) + 1)[0].0, "/max_file_bytes");
}

#[test]
fn members_of_the_other_kind_are_told() {
    let mut mixed = body();
    mixed["list"]["items"] = json!("/files");
    mixed["list"].as_object_mut().unwrap().remove("pattern");
    let found = codes(&mixed);
    assert!(
        found.contains(&("/list".to_owned(), "missing_member".to_owned())),
        "{found:?}"
    );
    assert!(
        found.contains(&("/list/items".to_owned(), "unknown_member".to_owned())),
        "{found:?}"
    );
}

#[test]
fn a_private_address_needs_the_specs_word() {
    let mut local = changed("/list/url", json!("http://127.0.0.1:8080/list"));
    local["allowed_hosts"] = json!(["127.0.0.1:8080"]);
    local["environment"] = json!({"plain_http": true});
    assert_eq!(codes(&local), [("/list/url".to_owned(), "bad_url".to_owned())]);
    local["environment"]["private_addresses"] = json!(true);
    assert_eq!(codes(&local), []);
}
