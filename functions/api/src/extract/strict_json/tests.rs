use proptest::prelude::{any, prop, proptest};
use serde_json::{Value, json};

use super::{MAX_DEPTH, MAX_NODES, MAX_STRING_BYTES, parse};

fn refused(text: &str) -> (&'static str, String) {
    let error = parse(text.as_bytes()).expect_err(text);
    (error.code, error.pointer)
}

#[test]
fn good_documents_read_as_serde_json_reads_them() {
    let texts = [
        "null",
        " [1, -2.5, 1e3, 0, -0.0, 9223372036854775807, 18446744073709551615, 0.1, 1E-7, 1.50] ",
        r#"{"a":{"b":[true,false,null]},"":"","é":"\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t"}"#,
        "{ }",
        "[\t]\n",
        "\"\u{10ffff} \u{7f}\"",
    ];
    for text in texts {
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap(),
            "{text}"
        );
    }
}

#[test]
fn members_keep_their_order() {
    let value = parse(br#"{"z":1,"a":2,"m":3}"#).unwrap();
    let names: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn what_is_no_json_is_malformed() {
    let texts = [
        "",
        " ",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "[1 2]",
        "{\"a\" 1}",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "--1",
        "NaN",
        "Infinity",
        "tru",
        "nulll",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "[",
        "{",
        "{\"a\"",
        "{\"a\":",
        "1 2",
        "'a'",
        "[1]]",
        "\u{feff}1",
        "// a\n1",
    ];
    for text in texts {
        assert_eq!(refused(text).0, "malformed_json", "{text:?}");
    }
}

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    assert_eq!(
        refused(r#"{"a":1,"b":{"c":1,"c":2}}"#),
        ("duplicate_member", "/b/c".to_owned())
    );
    assert_eq!(
        refused(r#"{"a":1,"\u0061":2}"#),
        ("duplicate_member", "/a".to_owned())
    );
    assert_eq!(refused("[\"a\\u0000b\"]"), ("nul_character", "/0".to_owned()));
    assert_eq!(refused("[\"a\u{0}b\"]"), ("nul_character", "/0".to_owned()));
    for lone in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800x""#] {
        assert_eq!(refused(lone).0, "lone_surrogate", "{lone}");
    }
    assert_eq!(parse(b"[\"\xff\"]").unwrap_err().code, "invalid_utf8");
    assert_eq!(refused(r#"{"a/b~":[0,0,"\u0000"]}"#).1, "/a~1b~0/2");
}

#[test]
fn numbers_are_exact_or_refused() {
    let inexact = [
        "0.12345678901234567890",
        "1e400",
        "-1e400",
        "1e-400",
        "18446744073709551617",
        "3.14159265358979323846",
        "1e99999999999",
        "9007199254740993.5",
    ];
    for text in inexact {
        assert_eq!(refused(text).0, "number_not_exact", "{text}");
    }
    for exact in [
        "0.12345",
        "1e20",
        "100000000000000000000",
        "5e-324",
        "0e99999999999",
        "123456789.125",
        "-0",
    ] {
        assert!(parse(exact.as_bytes()).is_ok(), "{exact}");
    }
    let long = "1".repeat(1_001);
    assert_eq!(refused(&long).0, "number_too_long");
    let padded = format!("0.{}", "0".repeat(998));
    assert_eq!(parse(padded.as_bytes()).unwrap(), json!(0.0));
}

#[test]
fn each_limit_is_exact() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(refused(&nested(MAX_DEPTH + 1)).0, "too_deep");
    assert_eq!(refused(&"[".repeat(1_000_000)).0, "too_deep");
    assert_eq!(refused(&"{\"a\":".repeat(1_000)).0, "too_deep");
    let wide = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(parse(wide(MAX_NODES - 1).as_bytes()).is_ok());
    assert_eq!(refused(&wide(MAX_NODES)).0, "too_many_values");
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    assert!(parse(text(MAX_STRING_BYTES).as_bytes()).is_ok());
    assert_eq!(refused(&text(MAX_STRING_BYTES + 1)).0, "string_too_long");
    assert_eq!(
        refused(&format!("\"{}\"", "\\n".repeat(MAX_STRING_BYTES + 1))).0,
        "string_too_long"
    );
}

proptest! {
    /// Whatever is taken means to others what it means to us, and whatever comes in is answered.
    #[test]
    fn what_is_taken_is_what_serde_json_reads(text in r#"[\[\]{}",:0-9eE.+\-a-f\\utrnls \x00é]{0,40}"#) {
        if let Ok(value) = parse(text.as_bytes()) {
            assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn what_serde_json_writes_is_read_back(names in prop::collection::vec("[a-z\u{e9}\"\\\\]{0,5}", 0..8), numbers in prop::collection::vec(any::<i64>(), 0..8), float in -1e15_f64..1e15) {
        let members: serde_json::Map<String, Value> = names.into_iter().map(|name| (name, json!(float))).collect();
        let value = json!({"members": members, "numbers": numbers});
        assert_eq!(parse(value.to_string().as_bytes()).unwrap(), value);
    }
}
