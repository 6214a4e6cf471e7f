//! The sample triggers in `events/` have the shapes that AWS sends.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use aws_lambda_events::s3::S3Event;
use aws_lambda_events::sqs::SqsEvent;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::source;

const FUNCTIONS: [&str; 7] = [
    "api",
    "csv-ingest",
    "perf-worker",
    "pdf-generator",
    "status-updater",
    "nightly-fetcher",
    "migrate",
];

fn sample<T: DeserializeOwned>(name: &str) -> T {
    let text = source::read(&format!("events/{name}.json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}.json: {error}"))
}

fn lone_body(name: &str) -> String {
    let trigger: SqsEvent = sample(name);
    assert_eq!(trigger.records.len(), 1, "{name}");
    let message = &trigger.records[0];
    assert!(
        message
            .event_source_arn
            .as_ref()
            .is_some_and(|arn| arn.contains(":sqs:")),
        "{name}"
    );
    message.body.clone().unwrap()
}

/// Names of the samples, without their extension.
fn samples() -> Vec<String> {
    let files = std::fs::read_dir(source::root().join("events")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .map(|name| {
            name.strip_suffix(".json")
                .unwrap_or_else(|| panic!("{name} is no sample"))
                .to_owned()
        })
        .collect()
}

#[test]
fn every_sample_has_the_shape_of_its_functions_trigger() {
    for name in samples() {
        let function = FUNCTIONS
            .iter()
            .find(|function| name.starts_with(&format!("{function}-")));
        match *function.unwrap_or_else(|| panic!("{name} is named after no function")) {
            "api" => drop(sample::<ApiGatewayV2httpRequest>(&name)),
            "migrate" => drop(sample::<CloudFormationCustomResourceRequest>(&name)),
            _ => assert!(!sample::<SqsEvent>(&name).records.is_empty(), "{name}"),
        }
    }
}

#[test]
fn every_function_has_a_sample() {
    let names = samples();
    let has_sample = |function: &&str| names.iter().any(|name| name.starts_with(&format!("{function}-")));
    let without: Vec<&str> = FUNCTIONS
        .into_iter()
        .filter(|function| !has_sample(function))
        .collect();
    assert_eq!(
        without,
        Vec::<&str>::new(),
        "functions without a sample in events/"
    );
}

#[test]
fn calls_of_the_api_are_whole() {
    let health: ApiGatewayV2httpRequest = sample("api-get-health");
    assert_eq!(health.raw_path.as_deref(), Some("/health"));
    assert_eq!(health.version.as_deref(), Some("2.0"));
    let spec: ApiGatewayV2httpRequest = sample("api-post-spec");
    assert_eq!(spec.headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&spec.body.unwrap()).unwrap();
    assert_eq!(body["dimension_name"], "dimension_school");
}

#[test]
fn a_created_object_has_an_encoded_key_and_a_version() {
    let notification: S3Event = serde_json::from_str(&lone_body("csv-ingest-object-created")).unwrap();
    let object = &notification.records[0].s3.object;
    let key = object.key.as_deref().unwrap();
    assert!(
        key.starts_with("uploads/") && key.contains('+') && key.contains("%2B"),
        "{key}"
    );
    assert!(object.version_id.is_some() && object.sequencer.is_some());
}

#[test]
fn the_test_event_has_no_records() {
    let body: Value = serde_json::from_str(&lone_body("csv-ingest-test-event")).unwrap();
    assert_eq!(body["Event"], "s3:TestEvent");
    assert!(body["Records"].is_null());
}

#[test]
fn the_migration_gets_what_the_template_gives() {
    let stack = super::all::as_written(&[]);
    let declared = stack.properties("Migration").as_object().unwrap();
    for name in ["migrate-create", "migrate-update", "migrate-delete"] {
        let trigger: Value = sample(name);
        let given = trigger["ResourceProperties"].as_object().unwrap();
        let names = |properties: &serde_json::Map<String, Value>| {
            let mut names: Vec<String> = properties.keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(given), names(declared), "{name}");
        assert!(
            given.values().all(Value::is_string),
            "{name}: CloudFormation sends texts"
        );
    }
}
