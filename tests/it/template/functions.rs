//! Rules about the functions themselves.

use serde_json::Value;

use super::stack::{Stack, number, referenced};

/// A function's log goes to a group of this stack that forgets, and the function may write to that group only.
pub(super) fn functions_log_with_retention(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, function) in stack.properties_of("AWS::Lambda::Function") {
        let group = referenced(&function["LoggingConfig"]["LogGroup"]).unwrap_or("");
        let days = number(&stack.properties(group)["RetentionInDays"]);
        if days.is_none_or(|days| days > 365) {
            findings.push(format!("{name}: its log is kept for ever"));
        }
        let writes = stack.statements_of(referenced(&function["Role"]).unwrap_or(""));
        let mut writes = writes
            .iter()
            .filter(|statement| statement.actions().contains(&"logs:PutLogEvents"));
        if !writes.any(|statement| statement.resources() == [format!("${{{group}.Arn}}")]) {
            findings.push(format!("{name}: may not write to its log"));
        }
    }
    let groups = stack.properties_of("AWS::Logs::LogGroup");
    let plain = groups.filter(|(_, group)| referenced(&group["KmsKeyId"]) != Some("DataKey"));
    findings.extend(plain.map(|(name, _)| format!("{name}: not encrypted with DataKey")));
    findings
}

/// Time and memory are chosen, the runtime is one that AWS keeps, the environment is encrypted.
pub(super) fn functions_are_bounded(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, function) in stack.properties_of("AWS::Lambda::Function") {
        let checks = [
            (
                function["Runtime"] == "provided.al2023" && function["Handler"] == "bootstrap",
                "another runtime",
            ),
            (
                number(&function["Timeout"]).is_some_and(|seconds| (1..=900).contains(&seconds)),
                "no timeout",
            ),
            (
                number(&function["MemorySize"]).is_some_and(|megabytes| megabytes >= 128),
                "no memory size",
            ),
            (
                referenced(&function["KmsKeyArn"]) == Some("DataKey"),
                "environment not encrypted with DataKey",
            ),
        ];
        findings.extend(
            checks
                .iter()
                .filter(|(good, _)| !good)
                .map(|(_, wrong)| format!("{name}: {wrong}")),
        );
    }
    findings
}

/// Secrets come by ARN; the environment holds none.
pub(super) fn environment_holds_no_secret(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, function) in stack.properties_of("AWS::Lambda::Function") {
        let variables = function["Environment"]["Variables"]
            .as_object()
            .into_iter()
            .flatten();
        for (variable, value) in variables {
            let secret = variable.contains("PASSWORD") || variable.contains("TOKEN");
            let named = variable.contains("SECRET") && !variable.ends_with("_SECRET_ARN");
            let resolved = value.as_str().is_some_and(|text| text.contains("{{resolve:"));
            if secret || named || resolved || !variable.starts_with("MILLRACE_") {
                findings.push(format!("{name}: {variable} has no place in an environment"));
            }
        }
    }
    findings
}

/// The functions that serve wait for the migration; the migration waits for the database.
pub(super) fn functions_wait_for_the_migration(stack: &Stack) -> Vec<String> {
    let migration = stack.properties("Migration");
    let migrates = referenced(&migration["ServiceToken"]);
    let functions = stack
        .of_type("AWS::Lambda::Function")
        .filter(|(name, _)| Some(*name) != migrates);
    let early = functions.filter(|(_, function)| !depends_on(function, "Migration"));
    let mut findings: Vec<String> = early
        .map(|(name, _)| format!("{name}: starts before the migration has ended"))
        .collect();
    let instance = stack.names_of("AWS::RDS::DBInstance");
    if instance
        .first()
        .is_some_and(|name| referenced(&migration["Database"]) != Some(name))
    {
        findings.push("Migration: does not wait for the database".to_owned());
    }
    findings
}

/// A reminder goes out before the commit that it is for, and looks once: by then a call of the API has ended, whatever
/// became of it. A worker's own message comes again until what its commit left is sent.
pub(super) fn reminders_come_after_the_call(stack: &Stack) -> Vec<String> {
    let api = stack.properties("ApiFunction");
    let delay = number(&api["Environment"]["Variables"]["MILLRACE_REMINDER_DELAY_SECONDS"]);
    let timeout = number(&api["Timeout"]);
    let is_late = delay.zip(timeout).is_some_and(|(delay, timeout)| delay > timeout);
    let early = || format!("ApiFunction: a reminder after {delay:?} s, and calls of {timeout:?} s");
    (!is_late).then(early).into_iter().collect()
}

fn depends_on(resource: &Value, name: &str) -> bool {
    super::stack::texts(&resource["DependsOn"]).contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stack::finds;
    use super::*;

    #[test]
    fn an_endless_or_foreign_log_is_found() {
        let rule = functions_log_with_retention;
        finds(
            rule,
            &[("/ApiLogGroup/Properties/RetentionInDays", Value::Null)],
            "ApiFunction",
        );
        finds(
            rule,
            &[("/ApiFunction/Properties/LoggingConfig", Value::Null)],
            "ApiFunction",
        );
        let foreign = (
            "/ApiFunction/Properties/LoggingConfig/LogGroup",
            json!("${MigrateLogGroup}"),
        );
        finds(rule, &[foreign], "ApiFunction: may not write");
        finds(
            rule,
            &[("/ApiLogGroup/Properties/KmsKeyId", Value::Null)],
            "ApiLogGroup",
        );
    }

    #[test]
    fn an_unbounded_function_is_found() {
        let rule = functions_are_bounded;
        finds(
            rule,
            &[("/ApiFunction/Properties/Timeout", Value::Null)],
            "ApiFunction: no timeout",
        );
        finds(
            rule,
            &[("/ApiFunction/Properties/MemorySize", Value::Null)],
            "ApiFunction: no memory",
        );
        finds(
            rule,
            &[("/ApiFunction/Properties/Runtime", json!("provided.al2"))],
            "ApiFunction",
        );
        finds(
            rule,
            &[("/ApiFunction/Properties/KmsKeyArn", Value::Null)],
            "ApiFunction: environment",
        );
    }

    #[test]
    fn a_secret_in_the_environment_is_found() {
        let variables = "/ApiFunction/Properties/Environment/Variables";
        for name in [
            "MILLRACE_DATABASE_PASSWORD",
            "MILLRACE_DATABASE_SECRET",
            "RUST_LOG",
        ] {
            finds(
                environment_holds_no_secret,
                &[(&format!("{variables}/{name}"), json!("x"))],
                name,
            );
        }
        let resolved = json!("{{resolve:secretsmanager:x}}");
        finds(
            environment_holds_no_secret,
            &[(&format!("{variables}/MILLRACE_STAGE"), resolved)],
            "ApiFunction",
        );
    }

    #[test]
    fn an_early_reminder_is_found() {
        let rule = reminders_come_after_the_call;
        let delay = "/ApiFunction/Properties/Environment/Variables/MILLRACE_REMINDER_DELAY_SECONDS";
        finds(rule, &[(delay, json!("29"))], "ApiFunction: a reminder");
        finds(rule, &[(delay, Value::Null)], "ApiFunction: a reminder");
        finds(
            rule,
            &[("/ApiFunction/Properties/Timeout", json!(60))],
            "ApiFunction: a reminder",
        );
    }

    /// No reminder is sent without a delay.
    #[test]
    fn a_reminder_has_a_delay() {
        let template = super::super::source::template();
        let least = template["Parameters"]["ReminderDelaySeconds"]["MinValue"].as_u64();
        assert!(least.is_some_and(|least| least > 0));
    }

    #[test]
    fn an_early_function_is_found() {
        let rule = functions_wait_for_the_migration;
        finds(
            rule,
            &[("/PerfWorkerFunction/DependsOn", Value::Null)],
            "PerfWorkerFunction",
        );
        finds(
            rule,
            &[("/Migration/Properties/Database", json!("${DatabaseCluster}"))],
            "Migration",
        );
    }
}
