//! Who may depend on whom, read from the manifests.

use super::{files, text};

const PURE: [&str; 7] = ["core", "sql", "source", "spec", "table", "aggregate", "pdf"];

/// What each crate may depend on, of ours.
const ARROWS: [(&str, &[&str]); 24] = [
    ("shared/core", &[]),
    ("shared/sql", &[]),
    ("shared/source", &["core"]),
    ("shared/spec", &["core", "source", "table"]),
    ("shared/table", &["core"]),
    ("shared/aggregate", &["core", "table"]),
    ("shared/pdf", &["core"]),
    ("shared/store", &["core", "sql"]),
    (
        "shared/app",
        &["core", "source", "spec", "table", "aggregate", "pdf", "store"],
    ),
    ("shared/aws", &["core", "source", "store", "app"]),
    ("shared/lambda", &["core", "app", "aws"]),
    (
        "functions/api",
        &["core", "spec", "store", "app", "aws", "lambda"],
    ),
    ("functions/csv-ingest", &["core", "store", "app", "aws", "lambda"]),
    (
        "functions/perf-worker",
        &["core", "store", "app", "aws", "lambda"],
    ),
    (
        "functions/pdf-generator",
        &["core", "store", "app", "aws", "lambda"],
    ),
    (
        "functions/status-updater",
        &["core", "store", "app", "aws", "lambda"],
    ),
    (
        "functions/nightly-fetcher",
        &["core", "source", "store", "app", "aws", "lambda"],
    ),
    (
        "functions/migrate",
        &["core", "spec", "sql", "store", "app", "aws", "lambda"],
    ),
    ("localstack/postgres", &["sql"]),
    ("localstack/data-api", &["sql"]),
    ("localstack/source-server", &[]),
    ("localstack/stack", &["postgres", "data-api", "source-server"]),
    ("localstack/launcher", &[]),
    (
        "localstack/bench",
        &[
            "core",
            "spec",
            "table",
            "aggregate",
            "store",
            "app",
            "pdf",
            "postgres",
            "tests",
        ],
    ),
];

/// The folder and the dependencies of each member; with `with_dev` those of its tests too.
fn members(with_dev: bool) -> Vec<(String, Vec<String>)> {
    let manifests = files("").into_iter().filter(|file| file.ends_with("/Cargo.toml"));
    manifests
        .map(|file| {
            let manifest: toml::Table = text(&file).unwrap().parse().unwrap();
            let tables = ["dependencies", "build-dependencies", "dev-dependencies"];
            let tables = &tables[..if with_dev { 3 } else { 2 }];
            let names = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
            let names = names.flat_map(|table| table.keys().cloned()).collect();
            (file.trim_end_matches("/Cargo.toml").to_owned(), names)
        })
        .collect()
}

#[test]
fn every_member_follows_the_arrows() {
    let mut broken = Vec::new();
    for (folder, dependencies) in members(false) {
        if folder == "tests" {
            continue; // the harness and the tests across crates: everything
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
            broken.push(format!("{folder} has no arrows"));
            continue;
        };
        let ours = dependencies
            .iter()
            .filter_map(|name| name.strip_prefix("millrace-"));
        broken.extend(
            ours.filter(|name| !allowed.contains(name))
                .map(|name| format!("{folder} → {name}")),
        );
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn functions_never_depend_on_each_other() {
    for (folder, dependencies) in members(true) {
        let functions: Vec<&String> = dependencies
            .iter()
            .filter(|name| name.starts_with("millrace-fn-"))
            .collect();
        assert!(
            folder == "tests" || functions.is_empty(),
            "{folder} → {functions:?}"
        );
    }
}

/// Outside crates with a home: everywhere else they are foreign.
#[test]
fn some_crates_are_named_in_one_place() {
    let is_sdk =
        |name: &str| name.starts_with("aws-sdk-") || name.starts_with("aws-smithy-") || name == "aws-config";
    let is_lambda = |name: &str| name.starts_with("lambda_") || name == "aws_lambda_events";
    let is_http = |name: &str| ["axum", "http", "tower", "tower-http", "utoipa", "multer"].contains(&name);
    for (folder, dependencies) in members(false) {
        let is_tests = folder == "tests";
        for name in &dependencies {
            assert!(!is_sdk(name) || folder == "shared/aws", "{folder} → {name}");
            // The yardstick is a function too.
            let is_function = folder.starts_with("functions/") || folder == "localstack/bench";
            let may_know_lambda = is_tests || folder == "shared/lambda" || is_function;
            assert!(!is_lambda(name) || may_know_lambda, "{folder} → {name}");
            let may_know_http = is_tests || folder == "functions/api" || folder.starts_with("localstack/");
            assert!(!is_http(name) || may_know_http, "{folder} → {name}");
        }
    }
}

#[test]
fn pure_crates_have_no_runtime_and_no_clock() {
    for (folder, dependencies) in members(false) {
        let is_pure = PURE.iter().any(|name| folder == format!("shared/{name}"));
        let is_sdk_free = is_pure || folder == "shared/app" || folder == "shared/store";
        for name in ["tokio", "reqwest", "hyper", "tokio-postgres"] {
            assert!(
                !is_sdk_free || !dependencies.iter().any(|one| one == name),
                "{folder} → {name}"
            );
        }
        assert!(
            !is_pure || !dependencies.iter().any(|one| one == "async-trait"),
            "{folder} is async"
        );
    }
}

#[test]
fn versions_stand_in_the_root_alone() {
    for file in files("").into_iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let manifest: toml::Table = text(&file).unwrap().parse().unwrap();
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(table).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, value) in table {
                let is_inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(is_inherited, "{file}: {name} is not the workspace's");
            }
        }
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(lints, Some(true), "{file} has lints of its own");
    }
}
