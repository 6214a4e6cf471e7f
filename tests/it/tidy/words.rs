//! What must not stand in the tree, or only in one place of it.

use regex::Regex;

use super::{files, is_rust, text};

/// The lines of files that match, as `file: line`.
fn matches(files: impl IntoIterator<Item = String>, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut found = Vec::new();
    for file in files {
        let Some(text) = text(&file) else { continue };
        found.extend(
            text.lines()
                .filter(|line| pattern.is_match(line))
                .map(|line| format!("{file}: {}", line.trim())),
        );
    }
    found
}

fn sources(folders: &[&str]) -> Vec<String> {
    folders
        .iter()
        .flat_map(|folder| files(folder))
        .filter(|file| is_rust(file))
        .collect()
}

const NOTHING: Vec<String> = Vec::new();

#[test]
fn the_environment_is_read_in_one_place() {
    let product = sources(&["shared", "functions"]);
    // Cargo tells a build script its target in no other way.
    let known = ["shared/lambda/src/environment.rs", "functions/build.rs"];
    let elsewhere = product.into_iter().filter(|file| !known.contains(&file.as_str()));
    assert_eq!(matches(elsewhere, r"\benv::var"), NOTHING);
}

#[test]
fn the_clock_is_read_where_it_has_to_be() {
    let product = sources(&["shared", "functions"]);
    // A signature is made of the clock's time, inside the SDK as well; an example measures.
    let clocks = [
        "shared/lambda/src/surroundings.rs",
        "shared/aws/src/s3/sign.rs",
        "shared/pdf/examples/documents.rs",
    ];
    let elsewhere = product
        .into_iter()
        .filter(|file| !clocks.contains(&file.as_str()));
    assert_eq!(
        matches(elsewhere, r"SystemTime::now|Instant::now|Timestamp::now"),
        NOTHING
    );
}

#[test]
fn only_the_api_knows_http_status() {
    let others = sources(&["shared", "functions"])
        .into_iter()
        .filter(|file| !file.starts_with("functions/api/"));
    assert_eq!(matches(others, r"\bStatusCode\b"), NOTHING);
}

#[test]
fn only_the_adapters_name_the_sdk() {
    let others = sources(&["shared", "functions"])
        .into_iter()
        .filter(|file| !file.starts_with("shared/aws/"));
    assert_eq!(matches(others, r"\baws_(sdk_|smithy_|config\b)"), NOTHING);
}

/// Identifiers and expressions of our own may be formatted; a quote around a placeholder means a value.
#[test]
fn sql_is_not_put_together_from_values() {
    let store = sources(&["shared/store"]);
    let quoted: Vec<String> = matches(store, r"'\{[a-z_]*\}'");
    let values: Vec<String> = quoted
        .into_iter()
        .filter(|line| !line.contains("to_char"))
        .collect();
    assert_eq!(values, NOTHING);
}

#[test]
fn nothing_asks_whether_it_runs_locally() {
    let product = sources(&["shared", "functions"]);
    assert_eq!(
        matches(product, r#"(?i)\bis_local|localstack|ministack|"local""#),
        NOTHING
    );
}

/// Paths of somebody's machine, and registries that not everybody has.
#[test]
fn the_tree_belongs_to_no_machine() {
    // Of this machine too, which is why the words are not written out.
    let here = |file: &String| !file.starts_with("tests/it/tidy/");
    let everything: Vec<String> = files("").into_iter().filter(here).collect();
    let paths = r#"(^|[\s"'`=(:,])/(work|root|home|Users)/"#;
    assert_eq!(matches(everything.clone(), paths), NOTHING);
    let is_packages =
        |file: &String| file.ends_with(".txt") || file.ends_with(".in") || file.ends_with(".toml");
    let packages: Vec<String> = everything
        .iter()
        .filter(|file| is_packages(file))
        .cloned()
        .collect();
    assert_eq!(
        matches(
            packages,
            r"--(extra-)?index-url|--trusted-host|--find-links|^\[(source|registries)|\bgit = "
        ),
        NOTHING
    );
    let sources = matches(["Cargo.lock".to_owned()], "^source = ");
    let crates_io = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
    assert!(sources.iter().all(|line| line.ends_with(crates_io)));
}

#[test]
fn every_exception_to_a_lint_has_a_reason() {
    let ours = sources(&["shared", "functions", "localstack", "tests"]);
    let ours = ours
        .into_iter()
        .filter(|file| !file.starts_with("tests/it/tidy/"));
    assert_eq!(matches(ours, r"#!?\[allow\("), NOTHING);
}
