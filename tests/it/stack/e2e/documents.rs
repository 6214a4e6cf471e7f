//! Documents end to end: ordered, made, downloaded at a signed address, made again when they have gone.

use std::process::Command;

use millrace_tests::stack::{Api, AttendanceSpecs, Stack, random_rows, wait_for};
use millrace_tests::{Random, test_variable};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{PATIENCE, assert_through};

async fn specs_with_rows(api: &Api, stem: &str, seed: u64) -> AttendanceSpecs {
    let specs = AttendanceSpecs::create(api, stem).await;
    specs.send_schools(api, 8).await;
    let rows = random_rows(&mut Random::new(seed), 200);
    let file_id = specs.send(api, "a.csv", &rows).await;
    assert_through(&api.settled(&file_id, PATIENCE).await);
    specs
}

/// Waits until the content is there; its address.
async fn address(api: &Api, document_id: &str) -> String {
    let path = format!("/api/documents/{document_id}/content");
    let look = || async {
        let answer = api.get(&path).await;
        assert!([202, 303].contains(&answer.status), "{}", answer.text);
        answer.location
    };
    wait_for(&format!("{path} is there"), PATIENCE, look).await
}

/// The text of a PDF by pypdf of the check environment; none where it has no such thing.
fn text(pdf: &[u8]) -> Option<String> {
    let python = std::path::PathBuf::from(test_variable("MILLRACE_TEST_CHECK_BIN")?).join("python");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pdf).unwrap();
    let program =
        "import sys, pypdf; print('\\n'.join(p.extract_text() for p in pypdf.PdfReader(sys.argv[1]).pages))";
    let output = Command::new(python)
        .arg("-c")
        .arg(program)
        .arg(file.path())
        .output()
        .ok()?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("No module named"), "{error}");
        println!("skipped: the text is not read back, the check environment has no pypdf");
        return None;
    }
    Some(found)
}

#[tokio::test]
async fn a_document_is_made_downloaded_and_made_again() {
    let Some(stack) = Stack::find() else { return };
    let (api, emulator) = (stack.api(), stack.emulator());
    let specs = specs_with_rows(&api, "printed", 81).await;
    let query = json!({"dataset": specs.by_school, "group_by": ["district"], "measures": ["percentage", "sum_total"]});
    let document_id = api
        .order_document("Attendance é by district", query.clone())
        .await;
    let address_of_content = address(&stack.reader(), &document_id).await;
    let detail = api.settled_document(&document_id, PATIENCE).await;
    assert_eq!(
        (&detail["state"], &detail["error"]),
        (&json!("ready"), &Value::Null),
        "{detail}"
    );
    assert_eq!(detail["sources"][0]["files"], 1, "{detail}");

    let download = Api::download(&address_of_content).await;
    assert_eq!(
        (download.status, download.content_type.as_str()),
        (200, "application/pdf")
    );
    assert!(
        download
            .disposition
            .starts_with("attachment; filename=\"Attendance _ by district.pdf\";"),
        "{}",
        download.disposition
    );
    assert!(download.bytes.starts_with(b"%PDF-"));
    let sha256: String = Sha256::digest(&download.bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        (detail["sha256"].as_str(), detail["size_bytes"].as_u64()),
        (Some(sha256.as_str()), Some(download.bytes.len() as u64))
    );
    assert_shows(&api, &specs, &detail, &download.bytes).await;

    // Another document of the same data has the same bytes.
    let other = api.order_document("Attendance é by district", query).await;
    let settled = api.settled_document(&other, PATIENCE).await;
    assert_eq!(settled["sha256"], sha256.as_str());

    // It goes, as it does after a day: whoever fetches it has it made again.
    let key = format!("{sha256}.pdf");
    emulator.call(
        "s3",
        "delete_object",
        json!({"Bucket": stack.output("DocumentsBucketName"), "Key": key}),
    );
    let answer = api.get(&format!("/api/documents/{document_id}/content")).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let again = Api::download(&address(&api, &document_id).await).await;
    assert_eq!((again.status, again.bytes == download.bytes), (200, true));
}

/// The document holds its figures, where they can be read back.
async fn assert_shows(api: &Api, specs: &AttendanceSpecs, detail: &Value, pdf: &[u8]) {
    let Some(text) = text(pdf) else { return };
    let page = api
        .get(&format!("/kpis/{}?group_by=district", specs.by_school))
        .await;
    let columns: Vec<&str> = page.body["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    let place = columns.iter().position(|name| *name == "percentage").unwrap();
    for row in page.body["rows"].as_array().unwrap() {
        let (district, percentage) = (row[0].as_str().unwrap(), row[place].as_str().unwrap());
        assert!(
            text.contains(district) && text.contains(percentage),
            "{row}: {text}"
        );
    }
    assert!(
        text.contains("Attendance é by district") && text.contains(&specs.by_school),
        "{text}"
    );
    let as_of = detail["as_of"].as_str().unwrap();
    assert!(text.contains(&as_of[..10]), "{as_of}: {text}");
}

#[tokio::test]
async fn an_order_is_known_by_its_key_and_listed() {
    let Some(stack) = Stack::find() else { return };
    let api = stack.api();
    let specs = specs_with_rows(&api, "ordered", 82).await;
    let order = json!({"kind": "kpi", "query": {"dataset": specs.by_school, "group_by": []}});
    let key = [("idempotency-key", specs.by_school.as_str())];
    let first = api.post_with("/api/documents", &order, &key).await;
    let again = api.post_with("/api/documents", &order, &key).await;
    assert_eq!(first.expect(202)["document_id"], again.expect(202)["document_id"]);
    let mut other = order.clone();
    other["title"] = json!("Other");
    api.post_with("/api/documents", &other, &key)
        .await
        .assert_problem(422, "idempotency_key_reused");
    let mut unfit = order.clone();
    unfit["query"]["group_by"] = json!(["colour"]);
    api.post("/api/documents", &unfit)
        .await
        .assert_problem(422, "bad_selection");
    stack
        .reader()
        .post("/api/documents", &order)
        .await
        .assert_problem(403, "missing_scope");
    let document_id = first.body["document_id"].as_str().unwrap();
    assert_eq!(api.settled_document(document_id, PATIENCE).await["rows"], 1);
    let listed = stack.reader().get("/api/documents?state=ready&limit=200").await;
    let mut items = listed.expect(200)["items"].as_array().unwrap().iter();
    assert!(items.any(|item| item["document_id"] == document_id));
}
