use axum::body::Body;
use http::StatusCode;
use millrace_core::message::Queue;
use millrace_core::principal::Scope;
use millrace_store::Value as SqlValue;
use serde_json::{Value, json};

mod keeping;

use keeping::keeping_api;

use super::support::{Api, Read, api, api_for, api_without_database, nothing, request};

const SCHOOL: (&str, &str) = (
    "dimensions/school-dimension.grammar.csv",
    "PK,Index,\nstring,string,string\nschool_id,school_name,district_id\n",
);
const GRADE: (&str, &str) = (
    "dimensions/grade-dimension.grammar.csv",
    "PK,Index\nstring,string\ngrade_id,grade_state\n",
);
const PRESENT: (&str, &str) = (
    "programs/att/present-event.grammar.csv",
    ",school,grade,\n,school_id,grade_state,\ndate,string,string,integer\n\
     date,school_id,grade,students_present\ntimeDimension,dimension,dimension,metric\n",
);
const CONFIG: (&str, &str) = (
    "config.json",
    r#"{"programs": [{"name": "Attendance", "namespace": "sch_att", "input": {"files": "./ingest/programs/att"},
    "dimensions": {"whitelisted": ["school,grade"], "blacklisted": []}}]}"#,
);
const EVERYTHING: [&str; 7] = [
    "dimension_grade",
    "dimension_school",
    "dimension_grade_by_grade_state",
    "event_sch_att_present",
    "sch_att_present_by_school",
    "sch_att_present_by_grade",
    "sch_att_present_by_school_grade",
];

fn asked(files: &[(&str, &str)]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|(name, text)| json!({"name": name, "text": text}))
        .collect();
    json!({"format": "grammar", "files": files})
}

/// Name and outcome of each spec of an answer.
fn outcomes(read: &Read) -> Vec<(&str, &str)> {
    let specs = read.body["specs"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", read.body));
    specs
        .iter()
        .map(|spec| (spec["name"].as_str().unwrap(), spec["outcome"].as_str().unwrap()))
        .collect()
}

fn all(outcome: &'static str) -> Vec<(&'static str, &'static str)> {
    EVERYTHING.into_iter().map(|name| (name, outcome)).collect()
}

#[tokio::test]
async fn a_program_is_created_in_order_and_a_repeat_finds_it() {
    let (api, stored) = keeping_api();
    let body = asked(&[PRESENT, CONFIG, GRADE, SCHOOL]);
    let mut tried = body.clone();
    tried["validate_only"] = json!(true);
    let read = api.post("/spec/import", &tried).await;
    assert_eq!((read.status, outcomes(&read)), (StatusCode::OK, all("creatable")));
    assert_eq!(
        read.body["specs"][4]["body"]["event_name"],
        "event_sch_att_present"
    );
    assert!(stored.lock().unwrap().is_empty() && api.messages.lock().unwrap().is_empty());

    let read = api.post("/spec/import", &body).await;
    assert_eq!((read.status, outcomes(&read)), (StatusCode::OK, all("created")));
    assert_eq!(read.body["counts"], json!({"created": 7}));
    assert_eq!(
        (&read.body["total"], &read.body["next"]),
        (&json!(7), &Value::Null)
    );
    let names: Vec<String> = stored.lock().unwrap().iter().map(|one| one.1.clone()).collect();
    assert_eq!(names, EVERYTHING);
    assert!(api.bound("client_id").contains(&SqlValue::from("tester")));
    // Each dataset has the status queue send what existing files owe it: before the commit, late, and after it.
    let messages = api.messages.lock().unwrap().clone();
    assert_eq!(messages.len(), 6);
    assert!(
        messages
            .iter()
            .all(|(queue, body)| *queue == Queue::Status && body.contains("drive_dataset"))
    );

    let read = api.post("/spec/import", &body).await;
    assert_eq!(outcomes(&read), all("identical"));
    assert_eq!(stored.lock().unwrap().len(), 7);
}

#[tokio::test]
async fn a_form_with_the_files_is_the_same_request() {
    let (api, stored) = keeping_api();
    let mut form = String::new();
    for (name, text) in [
        ("format", "grammar"),
        ("validate_only", "false"),
        ("dates", r#"{"date": "DD-MM-YYYY"}"#),
    ] {
        form.push_str(&format!(
            "--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
        ));
    }
    for (name, text) in [PRESENT, CONFIG, GRADE, SCHOOL] {
        let head = format!("content-disposition: form-data; name=\"file\"; filename=\"{name}\"");
        form.push_str(&format!("--x\r\n{head}\r\n\r\n{text}\r\n"));
    }
    form.push_str("--x--\r\n");
    let read = send_form(&api, form).await;
    assert_eq!(
        (read.status, outcomes(&read)),
        (StatusCode::OK, all("created")),
        "{}",
        read.body
    );
    let stored = stored.lock().unwrap();
    assert_eq!(stored[3].3["fields"][0]["date_format"], "DD-MM-YYYY");
}

async fn send_form(api: &Api, form: impl Into<Body>) -> Read {
    let request = request("POST", "/spec/import").header("content-type", "multipart/form-data; boundary=x");
    api.send(request.body(form.into()).unwrap()).await
}

#[tokio::test]
async fn forms_that_cannot_be_read_are_refused() {
    let text = |name: &str, text: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n--x--\r\n")
            .into_bytes()
    };
    let file = |bytes: &[u8]| {
        let head = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
        [head.as_slice(), bytes, b"\r\n--x--\r\n"].concat()
    };
    for (form, status, pointer) in [
        (text("nope", "x"), StatusCode::BAD_REQUEST, "/form/nope"),
        (text("dates", "{"), StatusCode::BAD_REQUEST, "/form/dates"),
        (
            text("program", &"x".repeat(20_000)),
            StatusCode::BAD_REQUEST,
            "/form/program",
        ),
        (file(b"a\xFFb"), StatusCode::BAD_REQUEST, "/form/file"),
        (
            file("a\u{fffd}".as_bytes()),
            StatusCode::BAD_REQUEST,
            "/form/file",
        ),
        (text("format", "xml"), StatusCode::UNPROCESSABLE_ENTITY, "/format"),
        (text("kind", "event"), StatusCode::UNPROCESSABLE_ENTITY, ""),
    ] {
        let read = send_form(&api_without_database(), form).await;
        assert_eq!(
            (read.status, read.errors()[0].0),
            (status, pointer),
            "{}",
            read.body
        );
    }
}

#[tokio::test]
async fn one_that_is_refused_or_taken_stops_no_other_unless_all_or_nothing() {
    let (api, stored) = keeping_api();
    stored.lock().unwrap().push((
        "event".to_owned(),
        "EVENT_SCH_ATT_PRESENT".to_owned(),
        json!({}),
        json!({}),
    ));
    let bad = ("dimensions/bad-dimension.grammar.csv", "PK\nstring\n\n\n");
    let mut body = asked(&[PRESENT, CONFIG, SCHOOL, bad]);
    body["all_or_nothing"] = json!(true);
    let read = api.post("/spec/import", &body).await;
    assert_eq!(
        outcomes(&read),
        [
            ("dimension_school", "withheld"),
            ("dimension_bad", "refused"),
            ("event_sch_att_present", "taken"),
            ("sch_att_present_by_school", "withheld"),
            ("sch_att_present_by_grade", "refused"),
            ("sch_att_present_by_school_grade", "refused"),
        ]
    );
    assert_eq!(stored.lock().unwrap().len(), 1);
    body["all_or_nothing"] = json!(false);
    let read = api.post("/spec/import", &body).await;
    assert_eq!(
        read.body["counts"],
        json!({"created": 1, "refused": 4, "taken": 1}),
        "{}",
        read.body
    );
    let errors: Vec<(&Value, &Value)> = read.body["specs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|spec| {
            spec["errors"]
                .get(0)
                .map(|error| (&error["rule"], &error["place"]))
        })
        .collect();
    let event = |line: u32, column: u32| json!({"file": PRESENT.0, "line": line, "column": column});
    let whole = json!({"file": PRESENT.0});
    let expected = [
        (json!("wrong_row_count"), json!({"file": bad.0})),
        (json!("spec_exists"), whole.clone()),
        // The event of that name is another one, so there is none that would feed it.
        (json!("unknown_event"), whole),
        (json!("unknown_dimension"), event(1, 3)),
        (json!("unknown_dimension"), event(1, 3)),
    ];
    assert_eq!(
        errors,
        expected
            .iter()
            .map(|(rule, place)| (rule, place))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_is_wrong_with_the_request_as_a_whole_is_a_problem() {
    let file = |name: &str, text: &str| json!([{"name": name, "text": text}]);
    for (body, status, pointers) in [
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY, vec![""]),
        (
            json!({"format": "grammar", "more": 1}),
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["/more"],
        ),
        (
            json!({"format": "keys"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["/files"],
        ),
        (
            json!({"format": "body", "body": {}, "dates": {"d": "DD"}}),
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["/dates/d"],
        ),
        (
            json!({"format": "keys", "files": file("a/event_keys.csv", "program\n")}),
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["/files/a~1event_keys.csv/1"],
        ),
        (
            json!({"format": "keys", "files": file("x.csv", "a"), "dates": {"d": "YYYY-MM-DD"}, "keys": {"k": []}}),
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["/dates/d", "/keys/k"],
        ),
        (
            json!({"format": "keys", "files": file("x.csv", "a"), "from": 2}),
            StatusCode::UNPROCESSABLE_ENTITY,
            vec!["/from"],
        ),
    ] {
        let read = api(|_| nothing()).post("/spec/import", &body).await;
        let found: Vec<&str> = read.errors().into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!((read.status, found), (status, pointers), "{}", read.body);
    }
}

#[tokio::test]
async fn row_schemas_are_read_as_strictly_as_all_json() {
    let (api, _) = keeping_api();
    let twice = r#"{"program": "a", "program": "b"}"#;
    let good = r#"{"program": "block", "input": {"required": ["block_id"], "properties": {"block_id": {"type": "string"}}}}"#;
    let body = json!({"format": "body", "files": [
        {"name": "s/twice-event.json", "text": twice}, {"name": "s/block-dimension.json", "text": good}]});
    let read = api.post("/spec/import", &body).await;
    assert_eq!(
        outcomes(&read),
        [("s/twice-event.json", "refused"), ("dimension_block", "created")]
    );
    let error = &read.body["specs"][0]["errors"][0];
    assert_eq!(
        (&error["rule"], &error["place"]),
        (
            &json!("duplicate_member"),
            &json!({"file": "s/twice-event.json", "pointer": "/program"})
        )
    );
    let inline =
        json!({"format": "body", "kind": "event", "body": serde_json::from_str::<Value>(good).unwrap()});
    let read = api.post("/spec/import", &inline).await;
    assert_eq!(outcomes(&read), [("event_block", "created")]);
}

#[tokio::test]
async fn many_specs_are_handled_by_a_hundred() {
    let (api, stored) = keeping_api();
    let rows: String = (0..130).map(|i| format!("p,event_{i:03},a,string\n")).collect();
    let text = format!("program,event_name,event_col,event_datatype\n{rows}");
    let mut body = json!({"format": "keys", "files": [{"name": "event_keys.csv", "text": text}]});
    let read = api.post("/spec/import", &body).await;
    assert_eq!(
        (&read.body["total"], &read.body["next"]),
        (&json!(130), &json!(100))
    );
    assert_eq!(outcomes(&read).len(), 100);
    body["from"] = read.body["next"].clone();
    let read = api.post("/spec/import", &body).await;
    assert_eq!((outcomes(&read).len(), &read.body["next"]), (30, &Value::Null));
    assert_eq!(stored.lock().unwrap().len(), 130);
    body["all_or_nothing"] = json!(true);
    let read = api.post("/spec/import", &body).await;
    assert_eq!(read.errors(), [("/all_or_nothing", "too_many_specs")]);
}

#[tokio::test]
async fn it_takes_the_scope_that_creating_specs_takes() {
    for (scope, status) in [
        (Scope::SpecsRead, StatusCode::FORBIDDEN),
        (Scope::SpecsWrite, StatusCode::OK),
    ] {
        let api = api_for(&[scope], |_| nothing());
        let mut body = asked(&[SCHOOL]);
        body["validate_only"] = json!(true);
        assert_eq!(api.post("/spec/import", &body).await.status, status);
    }
}

#[tokio::test]
async fn the_examples_of_the_document_can_be_imported() {
    let document = crate::openapi::document();
    let content = &document["paths"]["/spec/import"]["post"]["requestBody"]["content"]["application/json"];
    let examples = content["examples"].as_object().unwrap();
    assert_eq!(examples.len(), 3);
    for (name, example) in examples {
        let (api, _) = keeping_api();
        let read = api.post("/spec/import", &example["value"]).await;
        let found = outcomes(&read);
        assert!(!found.is_empty(), "{name}");
        assert!(
            found
                .iter()
                .all(|(_, outcome)| ["created", "creatable"].contains(outcome)),
            "{name}: {}",
            read.body
        );
    }
}
