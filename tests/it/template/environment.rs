//! The environment of each function is what its `config.rs` reads, no name more or less.

use std::collections::BTreeSet;

use regex::Regex;

use super::source;
use super::stack::Stack;

/// Crate folder and logical name of each function.
const FUNCTIONS: [(&str, &str); 7] = [
    ("api", "ApiFunction"),
    ("csv-ingest", "CsvIngestFunction"),
    ("perf-worker", "PerfWorkerFunction"),
    ("pdf-generator", "PdfGeneratorFunction"),
    ("status-updater", "StatusUpdaterFunction"),
    ("nightly-fetcher", "NightlyFetcherFunction"),
    ("migrate", "MigrateFunction"),
];

/// Names of environment variables that a source text holds as string literals.
fn names_read(source: &str) -> BTreeSet<String> {
    let literal = Regex::new(r#""(MILLRACE_[A-Z0-9_]+)""#).unwrap();
    let uncommented = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = uncommented.flat_map(|line| {
        literal
            .captures_iter(line)
            .map(|found| found[1].to_owned())
            .collect::<Vec<_>>()
    });
    names.collect()
}

/// What a test at the end of the file sets up is not what the function reads.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or(source)
}

fn names_given(stack: &Stack, function: &str) -> BTreeSet<String> {
    let variables = stack.properties(function)["Environment"]["Variables"].as_object();
    variables
        .unwrap_or_else(|| panic!("{function} has no environment"))
        .keys()
        .cloned()
        .collect()
}

/// What a function reads and is not given, and what it is given and does not read.
fn differences(function: &str, read: &BTreeSet<String>, given: &BTreeSet<String>) -> Vec<String> {
    let missing = read
        .difference(given)
        .map(|name| format!("{function} reads {name}, which the template omits"));
    let idle = given
        .difference(read)
        .map(|name| format!("{function} is given {name} and does not read it"));
    missing.chain(idle).collect()
}

#[test]
fn functions_read_exactly_what_they_are_given() {
    let stack = super::all::as_written(&[]);
    let mut findings = Vec::new();
    for (folder, function) in FUNCTIONS {
        let path = format!("functions/{folder}/src/config.rs");
        if !source::root().join(&path).exists() {
            findings.push(format!("{path} does not exist"));
            continue;
        }
        let read = names_read(without_tests(&source::read(&path)));
        findings.extend(differences(function, &read, &names_given(&stack, function)));
    }
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn every_function_of_the_template_is_known() {
    let stack = super::all::as_written(&[]);
    let found: BTreeSet<&str> = stack.names_of("AWS::Lambda::Function").into_iter().collect();
    let known: BTreeSet<&str> = FUNCTIONS.iter().map(|(_, function)| *function).collect();
    assert_eq!(found, known);
    for (folder, function) in FUNCTIONS {
        assert!(
            source::root()
                .join("functions")
                .join(folder)
                .join("Cargo.toml")
                .exists(),
            "{function}"
        );
    }
}

/// The template asks for the newest migration there is.
#[test]
fn the_schema_version_is_the_newest_migration() {
    let files = std::fs::read_dir(source::root().join("infra/sql")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let versions = names
        .filter(|name| name.ends_with(".sql"))
        .map(|name| name[..4].parse::<u64>().unwrap());
    let newest = versions.max().expect("a migration");
    let asked = source::template()["Parameters"]["SchemaVersion"]["Default"].as_u64();
    assert_eq!(asked, Some(newest), "SchemaVersion in template.yaml");
}

#[test]
fn a_missing_and_an_idle_variable_are_found() {
    let read = names_read(without_tests(
        "// \"MILLRACE_COMMENT\"\nvars.text(\"MILLRACE_STAGE\"); vars.text(\"MILLRACE_NEW\");\n\
         #[cfg(test)]\nmod tests { const X: &str = \"MILLRACE_TEST\"; }",
    ));
    let given = ["MILLRACE_STAGE", "MILLRACE_IDLE"].map(str::to_owned).into();
    let expected = [
        "ApiFunction reads MILLRACE_NEW, which the template omits",
        "ApiFunction is given MILLRACE_IDLE and does not read it",
    ];
    assert_eq!(differences("ApiFunction", &read, &given), expected);
}
