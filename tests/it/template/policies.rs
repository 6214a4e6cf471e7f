//! Rules about what the functions' roles may do.

use serde_json::Value;

use super::stack::{Stack, Statement, list, referenced, texts};

/// What no function has a use for.
const FORBIDDEN: [&str; 5] = [
    "iam:",
    "lambda:Invoke",
    "s3:DeleteObject",
    "kms:CreateGrant",
    "sts:",
];

/// No role may do everything, or something to everything; traces alone know no resource.
pub(super) fn roles_name_what_they_touch(stack: &Stack) -> Vec<String> {
    let allowed = stack.role_statements().into_iter().filter(Statement::allows);
    let starred = allowed.filter(|statement| {
        let actions = statement.actions();
        let traces = !actions.is_empty() && actions.iter().all(|action| action.starts_with("xray:Put"));
        let everything = statement.resources().contains(&"*");
        actions.iter().any(|action| action.contains('*'))
            || actions.is_empty()
            || statement.resources().is_empty()
            || (everything && !traces)
    });
    let mut findings: Vec<String> = starred
        .map(|statement| format!("{}: a star", statement.name()))
        .collect();
    let managed = stack
        .properties_of("AWS::IAM::Role")
        .filter(|(_, role)| !role["ManagedPolicyArns"].is_null());
    findings.extend(managed.map(|(name, _)| format!("{name}: a managed policy, written by someone else")));
    findings
}

/// Each function has a role to itself.
pub(super) fn roles_are_not_shared(stack: &Stack) -> Vec<String> {
    let functions: Vec<_> = stack.properties_of("AWS::Lambda::Function").collect();
    let role = |function: &Value| referenced(&function["Role"]).map(str::to_owned);
    let shared = functions.iter().filter(|(_, function)| {
        let same = functions
            .iter()
            .filter(|(_, other)| role(other) == role(function))
            .count();
        role(function).is_none() || same > 1
    });
    shared
        .map(|(name, _)| format!("{name}: no role of its own"))
        .collect()
}

/// The Data API reaches one cluster, and secrets are named.
pub(super) fn database_and_secrets_are_named(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    let mut clusters = Vec::new();
    for statement in stack.role_statements() {
        let resources = statement.resources();
        if concerns(&statement, "rds-data:") {
            clusters.extend(resources.clone());
            if resources.len() != 1 || resources[0].contains('*') {
                findings.push(format!("{}: more than one cluster", statement.name()));
            }
        }
        if concerns(&statement, "secretsmanager:") && resources.iter().any(|secret| secret.contains('*')) {
            findings.push(format!("{}: a secret without a name", statement.name()));
        }
    }
    clusters.dedup();
    if clusters.len() > 1 {
        findings.push(format!("the functions use several clusters: {clusters:?}"));
    }
    findings
}

/// Messages go to queues of this stack, by name.
pub(super) fn messages_go_to_named_queues(stack: &Stack) -> Vec<String> {
    let senders = stack
        .role_statements()
        .into_iter()
        .filter(|statement| concerns(statement, "sqs:"));
    let elsewhere = senders.filter(|statement| {
        let mut queues = list(&statement.body["Resource"]);
        queues.any(|queue| {
            referenced(queue).is_none_or(|name| stack.resource(name)["Type"] != "AWS::SQS::Queue")
        })
    });
    elsewhere
        .map(|statement| format!("{}: not a queue of this stack", statement.name()))
        .collect()
}

/// A role uses the key only where a store does it on the role's behalf.
pub(super) fn key_is_used_through_services(stack: &Stack) -> Vec<String> {
    let users = stack
        .role_statements()
        .into_iter()
        .filter(|statement| concerns(statement, "kms:"));
    let direct = users.filter(|statement| {
        let services = texts(&statement.body["Condition"]["StringEquals"]["kms:ViaService"]);
        services.is_empty() || services.iter().any(|service| service.contains('*'))
    });
    direct
        .map(|statement| format!("{}: no kms:ViaService", statement.name()))
        .collect()
}

/// Nobody changes permissions, calls functions or deletes objects; but one function hands the schedules their role, and
/// one deletes from the landing bucket what it has moved.
pub(super) fn nothing_forbidden_is_granted(stack: &Stack) -> Vec<String> {
    let granted = stack.role_statements().into_iter().filter(Statement::allows);
    let forbidden = granted.filter(|statement| {
        FORBIDDEN.iter().any(|prefix| concerns(statement, prefix))
            && !passes_the_schedules_role(statement)
            && !deletes_what_was_moved(statement)
    });
    forbidden
        .map(|statement| format!("{}: {:?}", statement.name(), statement.actions()))
        .collect()
}

fn passes_the_schedules_role(statement: &Statement<'_>) -> bool {
    let service = texts(&statement.body["Condition"]["StringEquals"]["iam:PassedToService"]);
    statement.name().starts_with("StatusUpdaterRole")
        && statement.actions() == ["iam:PassRole"]
        && statement.resources() == ["${RunScheduleRole.Arn}"]
        && service == ["scheduler.amazonaws.com"]
}

fn deletes_what_was_moved(statement: &Statement<'_>) -> bool {
    let moved = |resource: &&str| resource.starts_with("${LandingBucket.Arn}/");
    statement.name().starts_with("PerfWorkerRole")
        && statement.actions() == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
        && statement.resources().iter().all(moved)
}

/// No function writes below a prefix whose notifications reach it.
pub(super) fn no_function_feeds_itself(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (bucket, properties) in stack.properties_of("AWS::S3::Bucket") {
        for notification in list(&properties["NotificationConfiguration"]["QueueConfigurations"]) {
            let prefix = notification_prefix(notification);
            for (function, role) in consumers(stack, referenced(&notification["Queue"]).unwrap_or("")) {
                let statements = stack.statements_of(role);
                let mut writes = statements
                    .iter()
                    .filter(|statement| statement.actions().contains(&"s3:PutObject"));
                if writes.any(|statement| reaches(statement, bucket, prefix)) {
                    findings.push(format!("{function}: writes {bucket}/{prefix}, which triggers it"));
                }
            }
        }
    }
    findings
}

fn concerns(statement: &Statement<'_>, prefix: &str) -> bool {
    statement
        .actions()
        .iter()
        .any(|action| action.starts_with(prefix))
}

fn notification_prefix(notification: &Value) -> &str {
    let mut rules = list(&notification["Filter"]["S3Key"]["Rules"]);
    rules
        .find(|rule| rule["Name"] == "prefix")
        .and_then(|rule| rule["Value"].as_str())
        .unwrap_or("")
}

/// Functions that read a queue, with their roles.
fn consumers<'a>(stack: &'a Stack, queue: &str) -> Vec<(&'a str, &'a str)> {
    let mappings = stack.properties_of("AWS::Lambda::EventSourceMapping");
    let reading = mappings.filter(|(_, mapping)| referenced(&mapping["EventSourceArn"]) == Some(queue));
    let functions = reading.filter_map(|(_, mapping)| referenced(&mapping["FunctionName"]));
    functions
        .filter_map(|function| Some((function, referenced(&stack.properties(function)["Role"])?)))
        .collect()
}

/// Whether a statement's resources overlap with a prefix of a bucket: either may be the longer one.
fn reaches(statement: &Statement<'_>, bucket: &str, prefix: &str) -> bool {
    statement.resources().iter().any(|resource| {
        let Some(key) = resource.strip_prefix(&format!("${{{bucket}.Arn}}/")) else {
            return *resource == "*";
        };
        let fixed = key.split('*').next().unwrap_or("");
        fixed.starts_with(prefix) || prefix.starts_with(fixed)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stack::finds;
    use super::*;

    const PERF: &str = "/PerfWorkerRole/Properties/Policies/0/PolicyDocument/Statement/-";
    const INGEST: &str = "/CsvIngestRole/Properties/Policies/0/PolicyDocument/Statement/-";

    fn statement(action: &str, resource: &str) -> Value {
        json!({ "Sid": "Planted", "Effect": "Allow", "Action": action, "Resource": resource })
    }

    #[test]
    fn stars_and_managed_policies_are_found() {
        let rule = roles_name_what_they_touch;
        finds(rule, &[(PERF, statement("*", "*"))], "PerfWorkerRole/Planted");
        finds(
            rule,
            &[(PERF, statement("s3:*", "${LandingBucket.Arn}"))],
            "PerfWorkerRole/Planted",
        );
        finds(
            rule,
            &[(PERF, statement("s3:GetObject", "*"))],
            "PerfWorkerRole/Planted",
        );
        let no_action = json!({ "Sid": "Planted", "Effect": "Allow", "NotAction": "iam:*", "Resource": "x" });
        finds(rule, &[(PERF, no_action)], "PerfWorkerRole/Planted");
        let managed = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
        finds(
            rule,
            &[("/ApiRole/Properties/ManagedPolicyArns", managed)],
            "ApiRole",
        );
    }

    #[test]
    fn a_shared_role_is_found() {
        let shared = (
            "/PerfWorkerFunction/Properties/Role",
            json!("${CsvIngestRole.Arn}"),
        );
        finds(roles_are_not_shared, &[shared], "CsvIngestFunction");
    }

    #[test]
    fn a_second_cluster_and_an_unnamed_secret_are_found() {
        let rule = database_and_secrets_are_named;
        let other = statement(
            "rds-data:ExecuteStatement",
            "arn:aws:rds:eu-central-1:1:cluster:other",
        );
        finds(rule, &[(PERF, other)], "several clusters");
        let any = statement(
            "rds-data:ExecuteStatement",
            "arn:aws:rds:eu-central-1:1:cluster:*",
        );
        finds(rule, &[(PERF, any)], "PerfWorkerRole/Planted");
        let secrets = statement(
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-central-1:1:secret:*",
        );
        finds(rule, &[(PERF, secrets)], "PerfWorkerRole/Planted");
    }

    #[test]
    fn a_foreign_queue_is_found() {
        let rule = messages_go_to_named_queues;
        let foreign = statement("sqs:SendMessage", "arn:aws:sqs:eu-central-1:1:*");
        finds(rule, &[(PERF, foreign)], "PerfWorkerRole/Planted");
        finds(
            rule,
            &[(PERF, statement("sqs:SendMessage", "${LandingBucket.Arn}"))],
            "PerfWorkerRole/Planted",
        );
    }

    #[test]
    fn direct_use_of_the_key_is_found() {
        let rule = key_is_used_through_services;
        finds(
            rule,
            &[(PERF, statement("kms:Decrypt", "${DataKey.Arn}"))],
            "PerfWorkerRole/Planted",
        );
    }

    #[test]
    fn forbidden_actions_are_found() {
        for action in [
            "iam:PassRole",
            "lambda:InvokeFunction",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
        ] {
            finds(
                nothing_forbidden_is_granted,
                &[(PERF, statement(action, "x"))],
                "PerfWorkerRole/Planted",
            );
        }
    }

    #[test]
    fn a_function_that_feeds_itself_is_found() {
        for key in ["uploads/*", "*", "uploads/partner/*"] {
            let write = statement("s3:PutObject", &format!("${{LandingBucket.Arn}}/{key}"));
            finds(no_function_feeds_itself, &[(INGEST, write)], "CsvIngestFunction");
        }
    }
}
