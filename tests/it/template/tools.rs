//! The SAM transform, `cfn-lint` and `sam validate`, where the environment says that they are installed.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::source;

/// A Python with aws-sam-translator.
const PYTHON: &str = "MILLRACE_TEST_PYTHON";
/// A folder with `cfn-lint` and `sam`.
const CHECK_BIN: &str = "MILLRACE_TEST_CHECK_BIN";

/// The template after the SAM transform; nothing, and a message, without a Python for it.
pub(super) fn transformed() -> Option<Value> {
    let python = variable(PYTHON)?;
    let root = source::root();
    let mut command = Command::new(python);
    command
        .arg(root.join("localstack/python/transform.py"))
        .arg(root.join("template.yaml"));
    let output = run(command);
    Some(serde_json::from_slice(&output.stdout).expect("the transform prints JSON"))
}

#[test]
fn cfn_lint_finds_nothing() {
    let Some(bin) = variable(CHECK_BIN) else { return };
    let mut command = Command::new(Path::new(&bin).join("cfn-lint"));
    command.arg("--").arg(source::root().join("template.yaml"));
    run(command);
}

#[test]
fn sam_finds_the_template_valid() {
    let Some(bin) = variable(CHECK_BIN) else { return };
    let mut command = Command::new(Path::new(&bin).join("sam"));
    command.args(["validate", "--lint", "--region", "us-east-1", "--template-file"]);
    command.arg(source::root().join("template.yaml"));
    // SAM wants a place for its settings, and credentials that it does not use.
    let home = tempfile::tempdir().expect("a folder");
    command
        .env("HOME", home.path())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("__SAM_CLI_APP_DIR", home.path());
    command
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none");
    run(command);
}

/// Runs a tool to its end and asserts that it is content.
fn run(mut command: Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}",
        output.status,
        texts.join("\n")
    );
    output
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests learn from the environment which tools are installed"
)]
fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        println!("skipped: {name} is not set");
    }
    value
}
