//! Rules about schedules, and about what the network may reach.

use serde_json::Value;

use super::stack::{Stack, number, referenced};

/// A schedule sends to a queue of the stack, by a role of its own, tries again, and leaves what cannot be sent in a
/// dead-letter queue.
pub(super) fn schedules_send_to_queues_and_lose_nothing(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, schedule) in stack.properties_of("AWS::Scheduler::Schedule") {
        let target = &schedule["Target"];
        let is_queue = |value: &Value| {
            referenced(value).is_some_and(|queue| stack.resource(queue)["Type"] == "AWS::SQS::Queue")
        };
        if !is_queue(&target["Arn"]) {
            findings.push(format!("{name}: sends to no queue of the stack"));
        }
        if !is_queue(&target["DeadLetterConfig"]["Arn"])
            || number(&target["RetryPolicy"]["MaximumRetryAttempts"]).is_none()
        {
            findings.push(format!("{name}: loses what cannot be sent"));
        }
        let trusted = referenced(&target["RoleArn"]).map(|role| stack.properties(role).to_string());
        if !trusted.is_some_and(|role| {
            role.contains("scheduler.amazonaws.com") && role.contains("aws:SourceAccount")
        }) {
            findings.push(format!(
                "{name}: sends by no role that only this account's scheduler may take"
            ));
        }
        if schedule["ScheduleExpressionTimezone"]
            .as_str()
            .is_none_or(str::is_empty)
        {
            findings.push(format!("{name}: has no time zone"));
        }
    }
    findings
}

/// No function may call private networks unless whoever deploys says which.
pub(super) fn private_networks_are_closed(stack: &Stack) -> Vec<String> {
    let functions = stack.properties_of("AWS::Serverless::Function");
    let functions = functions.chain(stack.properties_of("AWS::Lambda::Function"));
    functions
        .filter(|(_, function)| {
            let networks = &function["Environment"]["Variables"]["MILLRACE_FETCH_PRIVATE_NETWORKS"];
            !networks.is_null() && networks != ""
        })
        .map(|(name, _)| format!("{name}: may call private networks by default"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{private_networks_are_closed, schedules_send_to_queues_and_lose_nothing};
    use crate::template::stack::finds;

    #[test]
    fn a_schedule_that_loses_or_sends_elsewhere_is_found() {
        let rule = schedules_send_to_queues_and_lose_nothing;
        for (pointer, value) in [
            (
                "/FetchAllSchedule/Properties/Target/Arn",
                json!("arn:aws:sqs:eu-central-1:1:other"),
            ),
            (
                "/FetchAllSchedule/Properties/Target/DeadLetterConfig",
                Value::Null,
            ),
            ("/FetchAllSchedule/Properties/Target/RetryPolicy", Value::Null),
            (
                "/FetchAllSchedule/Properties/Target/RoleArn",
                json!("${ApiRole.Arn}"),
            ),
            (
                "/FetchAllSchedule/Properties/ScheduleExpressionTimezone",
                Value::Null,
            ),
        ] {
            finds(rule, &[(pointer, value)], "FetchAllSchedule");
        }
    }

    #[test]
    fn an_open_network_is_found() {
        let pointer =
            "/NightlyFetcherFunction/Properties/Environment/Variables/MILLRACE_FETCH_PRIVATE_NETWORKS";
        finds(
            private_networks_are_closed,
            &[(pointer, json!("10.0.0.0/8"))],
            "NightlyFetcherFunction",
        );
    }
}
