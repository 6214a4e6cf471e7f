//! Rules about queues and the mappings that read them.

use serde_json::Value;

use super::stack::{Stack, list, number, referenced};

const FOURTEEN_DAYS: u64 = 1_209_600;

/// A message stays hidden six times as long as the function that works on it may run.
pub(super) fn visibility_covers_six_timeouts(stack: &Stack) -> Vec<String> {
    let mappings = stack.properties_of("AWS::Lambda::EventSourceMapping");
    let findings = mappings.filter_map(|(name, mapping)| {
        let visibility = number(&source(stack, mapping)["VisibilityTimeout"]).unwrap_or(30);
        let timeout = number(&consumer(stack, mapping)["Timeout"]).unwrap_or(3);
        (visibility < 6 * timeout)
            .then(|| format!("{name}: visibility timeout {visibility} s is below 6 × {timeout} s"))
    });
    findings.collect()
}

/// Every mapping reports single failures and is bounded; reserved concurrency is no bound for a queue.
pub(super) fn mappings_report_failures_and_are_bounded(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, mapping) in stack.properties_of("AWS::Lambda::EventSourceMapping") {
        if !list(&mapping["FunctionResponseTypes"]).any(|kind| kind == "ReportBatchItemFailures") {
            findings.push(format!("{name}: does not report batch item failures"));
        }
        if number(&mapping["ScalingConfig"]["MaximumConcurrency"]).is_none_or(|most| most < 2) {
            findings.push(format!("{name}: no maximum concurrency of 2 or more"));
        }
        if source(stack, mapping).is_null() || consumer(stack, mapping).is_null() {
            findings.push(format!(
                "{name}: joins no queue of the stack with a function of it"
            ));
        }
        if !consumer(stack, mapping)["ReservedConcurrentExecutions"].is_null() {
            findings.push(format!(
                "{name}: reserved concurrency throttles its poller unseen"
            ));
        }
    }
    findings
}

/// Every queue gives a message up after five to ten tries, into a queue that keeps it 14 days and takes no other's.
pub(super) fn messages_are_given_up_and_kept(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, queue) in stack
        .properties_of("AWS::SQS::Queue")
        .filter(|(name, _)| !is_dead_letter(stack, name))
    {
        let redrive = &queue["RedrivePolicy"];
        if number(&redrive["maxReceiveCount"]).is_none_or(|tries| !(5..=10).contains(&tries)) {
            findings.push(format!("{name}: maxReceiveCount is not 5 to 10"));
        }
        let Some(target) = referenced(&redrive["deadLetterTargetArn"]) else {
            findings.push(format!("{name}: no dead-letter queue"));
            continue;
        };
        let dead_letters = stack.properties(target);
        let kept = number(&dead_letters["MessageRetentionPeriod"]).unwrap_or(0);
        if kept != FOURTEEN_DAYS || number(&queue["MessageRetentionPeriod"]).is_none_or(|own| own >= kept) {
            findings.push(format!(
                "{target}: does not keep messages 14 days, longer than {name}"
            ));
        }
        if !admits_only(dead_letters, &queue["QueueName"]) {
            findings.push(format!("{target}: redriveAllowPolicy does not name {name} alone"));
        }
    }
    findings
}

/// Someone hears of the first message in every dead-letter queue.
pub(super) fn dead_letters_raise_an_alarm(stack: &Stack) -> Vec<String> {
    let queues = stack
        .names_of("AWS::SQS::Queue")
        .into_iter()
        .filter(|name| is_dead_letter(stack, name));
    let silent = queues.filter(|queue| {
        let mut alarms = stack.properties_of("AWS::CloudWatch::Alarm");
        !alarms.any(|(_, alarm)| watches(alarm, queue))
    });
    silent
        .map(|queue| format!("{queue}: no alarm at one message"))
        .collect()
}

/// A consumer is told the address of each of its queues: it sets the back-offs of its messages there.
pub(super) fn consumers_know_their_queues(stack: &Stack) -> Vec<String> {
    let mappings = stack.properties_of("AWS::Lambda::EventSourceMapping");
    let blind = mappings.filter(|(_, mapping)| {
        let queue = referenced(&mapping["EventSourceArn"]);
        let variables = consumer(stack, mapping)["Environment"]["Variables"].as_object();
        let mut values = variables.into_iter().flatten().map(|(_, value)| value);
        !values.any(|value| queue.is_some() && referenced(value) == queue)
    });
    blind
        .map(|(name, _)| format!("{name}: its function is not told the queue's address"))
        .collect()
}

/// Every queue is encrypted with the stack's key, which S3 may use, unlike the one that AWS manages.
pub(super) fn queues_are_encrypted(stack: &Stack) -> Vec<String> {
    let queues = stack.properties_of("AWS::SQS::Queue");
    let plain = queues.filter(|(_, queue)| referenced(&queue["KmsMasterKeyId"]) != Some("DataKey"));
    plain
        .map(|(name, _)| format!("{name}: not encrypted with DataKey"))
        .collect()
}

/// Whether some queue gives its messages up into this one.
pub(super) fn is_dead_letter(stack: &Stack, name: &str) -> bool {
    let mut queues = stack.properties_of("AWS::SQS::Queue");
    queues.any(|(_, queue)| referenced(&queue["RedrivePolicy"]["deadLetterTargetArn"]) == Some(name))
}

fn source<'a>(stack: &'a Stack, mapping: &Value) -> &'a Value {
    stack.properties(referenced(&mapping["EventSourceArn"]).unwrap_or(""))
}

fn consumer<'a>(stack: &'a Stack, mapping: &Value) -> &'a Value {
    stack.properties(referenced(&mapping["FunctionName"]).unwrap_or(""))
}

fn admits_only(dead_letters: &Value, source_name: &Value) -> bool {
    let policy = &dead_letters["RedriveAllowPolicy"];
    let sources: Vec<&Value> = list(&policy["sourceQueueArns"]).collect();
    let ends_with_name = |arn: &Value| {
        let (Some(arn), Some(name)) = (arn.as_str(), source_name.as_str()) else {
            return false;
        };
        arn.ends_with(&format!(":{name}"))
    };
    policy["redrivePermission"] == "byQueue" && matches!(sources.as_slice(), [one] if ends_with_name(one))
}

fn watches(alarm: &Value, queue: &str) -> bool {
    alarm["Namespace"] == "AWS/SQS"
        && alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        && list(&alarm["Dimensions"]).any(|dimension| referenced(&dimension["Value"]) == Some(queue))
        && alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        && number(&alarm["Threshold"]) == Some(1)
        && matches!(alarm["Statistic"].as_str(), Some("Maximum" | "Sum"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stack::finds;
    use super::*;

    /// The worker knows which delivery is the last, so that no document waits for ever.
    #[test]
    fn the_pdf_generator_knows_its_last_attempt() {
        let stack = super::super::all::as_written(&[]);
        let tries = number(&stack.properties("PdfQueue")["RedrivePolicy"]["maxReceiveCount"]);
        let known = millrace_fn_pdf_generator::handler::LAST_ATTEMPT;
        assert_eq!(tries, Some(u64::from(known)));
        // A document on which that many workers died is given up by a later delivery of the same message.
        let deaths = millrace_app::render_document::MOST_DEATHS;
        assert!(deaths < known, "{deaths} of {known}");
    }

    #[test]
    fn a_short_visibility_is_found() {
        let rule = visibility_covers_six_timeouts;
        finds(
            rule,
            &[("/PerfQueue/Properties/VisibilityTimeout", json!(719))],
            "PerfMapping",
        );
        finds(
            rule,
            &[("/StatusUpdaterFunction/Properties/Timeout", json!(31))],
            "StatusMapping",
        );
    }

    #[test]
    fn an_unbounded_or_silent_mapping_is_found() {
        let rule = mappings_report_failures_and_are_bounded;
        finds(
            rule,
            &[("/ChunkMapping/Properties/FunctionResponseTypes", Value::Null)],
            "ChunkMapping",
        );
        finds(
            rule,
            &[(
                "/PerfMapping/Properties/ScalingConfig/MaximumConcurrency",
                json!(1),
            )],
            "PerfMapping",
        );
        finds(
            rule,
            &[("/PerfMapping/Properties/EventSourceArn", json!("${NoQueue.Arn}"))],
            "PerfMapping",
        );
        let reserved = (
            "/CsvIngestFunction/Properties/ReservedConcurrentExecutions",
            json!(5),
        );
        finds(rule, &[reserved], "IngestMapping");
    }

    #[test]
    fn a_queue_that_loses_messages_is_found() {
        let rule = messages_are_given_up_and_kept;
        finds(
            rule,
            &[("/IngestQueue/Properties/RedrivePolicy/maxReceiveCount", json!(1))],
            "IngestQueue",
        );
        finds(
            rule,
            &[("/IngestQueue/Properties/RedrivePolicy", Value::Null)],
            "IngestQueue",
        );
        let retention = (
            "/PerfDeadLetterQueue/Properties/MessageRetentionPeriod",
            json!(345_600),
        );
        finds(rule, &[retention], "PerfDeadLetterQueue");
        let kept_as_long = (
            "/PerfQueue/Properties/MessageRetentionPeriod",
            json!(FOURTEEN_DAYS),
        );
        finds(rule, &[kept_as_long], "PerfQueue");
        let any = (
            "/ChunkDeadLetterQueue/Properties/RedriveAllowPolicy/redrivePermission",
            json!("allowAll"),
        );
        finds(rule, &[any], "ChunkDeadLetterQueue");
    }

    #[test]
    fn a_silent_dead_letter_queue_is_found() {
        let rule = dead_letters_raise_an_alarm;
        finds(
            rule,
            &[("/StatusDeadLetterAlarm", Value::Null)],
            "StatusDeadLetterQueue",
        );
        finds(
            rule,
            &[("/PerfDeadLetterAlarm/Properties/Threshold", json!(10))],
            "PerfDeadLetterQueue",
        );
    }

    #[test]
    fn a_consumer_without_its_queues_address_is_found() {
        let variable = "/PdfGeneratorFunction/Properties/Environment/Variables/MILLRACE_PDF_QUEUE_URL";
        finds(
            consumers_know_their_queues,
            &[(variable, Value::Null)],
            "PdfMapping",
        );
        let another = (variable, json!("${PerfQueue}"));
        finds(consumers_know_their_queues, &[another], "PdfMapping");
    }

    #[test]
    fn a_plain_queue_is_found() {
        finds(
            queues_are_encrypted,
            &[("/ChunkQueue/Properties/KmsMasterKeyId", Value::Null)],
            "ChunkQueue",
        );
    }
}
