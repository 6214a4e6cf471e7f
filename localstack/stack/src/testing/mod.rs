//! `cargo local test`: every check and every test, against stacks of their own.
//!
//! The developer's instance is never touched: each run has its own folders, ports and processes, which end with it. They
//! also end when this program is killed, since they hang on its lifeline.

mod stack;
mod steps;
mod surroundings;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use self::stack::TestStack;
use self::steps::{Report, Running};
use self::surroundings::Surroundings;
use crate::deploy::Pace;
use crate::environment::{Environment, Kind};
use crate::prerequisites;
use crate::workspace::Workspace;
use crate::{screen, serve};

/// What to test.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestArguments {
    /// Only the format and the tests of pure code, store and handlers: under a minute when built
    #[arg(long, conflicts_with = "faults")]
    pub(crate) quick: bool,
    /// Only the fault tests, on an impatient stack: at most 10 minutes
    #[arg(long)]
    pub(crate) faults: bool,
}

/// Runs the tests and prints a summary with times.
///
/// # Errors
/// When this machine lacks something; a test that fails is a result, not an error.
pub(crate) fn run(workspace: &Workspace, options: &TestArguments) -> anyhow::Result<ExitCode> {
    let running = Running::default();
    stop_on_signal(&running)?;
    stack::clear_old_runs(workspace);
    let found = prerequisites::check(&workspace.local_folder())?;
    let environment = Environment::settle(workspace, &found.python, Kind::Run)?;
    let mut report = Report::new(running);
    if options.faults {
        let surroundings = Surroundings::new(&environment, None)?;
        faults(workspace, &environment, &surroundings, &mut report);
    } else if options.quick {
        let surroundings = Surroundings::new(&environment, None)?;
        quick(workspace, &surroundings, &mut report);
    } else {
        let check = Environment::settle(workspace, &found.python, Kind::Check)?;
        let surroundings = Surroundings::new(&environment, Some(&check))?;
        everything(workspace, &environment, &surroundings, &mut report);
    }
    Ok(report.finish())
}

/// What tells within a minute whether a change is any good. The long ones are left to the whole run: thousands of cases
/// against a model, a failure at every call, servers that are started and killed.
fn quick(workspace: &Workspace, surroundings: &Surroundings, report: &mut Report) {
    report.cargo(workspace, "format", &["fmt", "--all", "--", "--check", "-l"], &[]);
    let variables = surroundings.variables();
    tests(
        workspace,
        report,
        "pure code, and the API over fakes",
        &["--lib"],
        &[],
        &variables,
    );
    let filters = [
        "store::",
        "flow::events::",
        "flow::bad_rows::",
        "flow::known_answers::",
        "template::",
        "tidy::",
    ];
    tests(
        workspace,
        report,
        "store and handlers on PostgreSQL, template, tree",
        &["--test", "it"],
        &filters,
        &variables,
    );
}

fn everything(
    workspace: &Workspace,
    environment: &Environment,
    surroundings: &Surroundings,
    report: &mut Report,
) {
    report.cargo(workspace, "format", &["fmt", "--all", "--", "--check", "-l"], &[]);
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ];
    report.cargo(workspace, "lints", &clippy, &[]);
    let deny = [("RUSTDOCFLAGS".to_owned(), "--deny warnings".to_owned())];
    report.cargo(
        workspace,
        "docs",
        &["doc", "--workspace", "--no-deps", "--quiet"],
        &deny,
    );
    if let Some(stack) = start_stack(workspace, environment, report, "", Pace::Test, false) {
        let variables = surroundings.with(&stack.status_path(), &[]);
        tests(
            workspace,
            report,
            "all tests, end to end too",
            &[],
            &[],
            &variables,
        );
        report.end_stack(stack);
    }
    if let Some(stack) = start_stack(workspace, environment, report, "-iam", Pace::Test, true) {
        let variables = surroundings.with(&stack.status_path(), &[("MILLRACE_TEST_IAM", "1")]);
        let filters = ["stack::e2e::", "stack::iam::", "iam_"];
        tests(
            workspace,
            report,
            "end to end with IAM enforced",
            &["--test", "it"],
            &filters,
            &variables,
        );
        report.end_stack(stack);
    }
}

fn faults(
    workspace: &Workspace,
    environment: &Environment,
    surroundings: &Surroundings,
    report: &mut Report,
) {
    if let Some(stack) = start_stack(workspace, environment, report, "-faults", Pace::Faults, false) {
        let variables = surroundings.with(&stack.status_path(), &[("MILLRACE_TEST_FAULTS", "1")]);
        // One at a time: each breaks something that the others need.
        let filters = ["stack::faults::", "faults_", "--test-threads=1"];
        tests(
            workspace,
            report,
            "faults",
            &["--test", "it"],
            &filters,
            &variables,
        );
        report.end_stack(stack);
    }
}

/// Tests are built as the launcher has built everything: in the same profile and for the whole workspace, so that
/// nothing is compiled a second time.
fn tests(
    workspace: &Workspace,
    report: &mut Report,
    name: &str,
    selection: &[&str],
    filters: &[&str],
    variables: &[(String, String)],
) {
    let mut arguments = vec!["test", "--workspace", "--profile", "local", "--no-fail-fast"];
    arguments.extend(selection);
    if !filters.is_empty() {
        arguments.push("--");
        arguments.extend(filters);
    }
    report.cargo(workspace, name, &arguments, variables);
}

fn start_stack(
    workspace: &Workspace,
    environment: &Environment,
    report: &mut Report,
    suffix: &str,
    pace: Pace,
    is_enforcing: bool,
) -> Option<TestStack> {
    let begin = Instant::now();
    screen::line(&format!(
        "\n=== stack for tests{}",
        if is_enforcing { ", IAM enforced" } else { "" }
    ));
    let name = format!("test-{}{suffix}", std::process::id());
    let started = TestStack::start(
        workspace,
        environment,
        &name,
        pace,
        is_enforcing,
        report.running(),
    );
    report.note(&format!("stack{suffix}"), begin, started.as_ref().err());
    started.ok()
}

/// Ctrl-C and SIGTERM end the step that runs and the stacks, in this order.
fn stop_on_signal(running: &Running) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("making a runtime for signals")?;
    let running = running.clone();
    std::thread::spawn(move || {
        runtime.block_on(serve::any_signal());
        screen::line("\nstopping …");
        running.stop();
        std::process::exit(130);
    });
    Ok(())
}
