//! Where functions send: as each is wired, against what its role allows.
//!
//! A queue that a function knows for its back-offs and may not send to would else be tried, and refused, for as long as a
//! message for it is in the way of others.

use std::collections::BTreeSet;
use std::sync::Arc;

use millrace_app::ports::MessageSender;
use millrace_core::message::Queue;

use super::stack::{Stack, list, referenced};

/// The environment of a function, whichever it is.
fn variable(name: &str) -> Option<String> {
    Some(match name {
        "MILLRACE_FETCH_PRIVATE_NETWORKS" => String::new(),
        number if number.ends_with("_SECONDS") || number.ends_with("_BYTES") => "60".to_owned(),
        other => other.to_lowercase(),
    })
}

/// The functions that know queues, as their own wiring leaves them.
fn functions() -> [(&'static str, Arc<dyn MessageSender>); 6] {
    use {
        millrace_fn_csv_ingest as ingest, millrace_fn_nightly_fetcher as fetcher,
        millrace_fn_pdf_generator as pdf, millrace_fn_perf_worker as perf,
        millrace_fn_status_updater as status,
    };
    let api = millrace_fn_api::config::Config::from_vars(&variable).unwrap();
    let ingest = ingest::deps::Deps::new(&ingest::config::Config::from_vars(&variable).unwrap());
    let perf = perf::deps::Deps::new(&perf::config::Config::from_vars(&variable).unwrap());
    let pdf = pdf::deps::Deps::new(&pdf::config::Config::from_vars(&variable).unwrap());
    let status = status::deps::Deps::new(&status::config::Config::from_vars(&variable).unwrap());
    let fetcher = fetcher::deps::Deps::new(&fetcher::config::Config::from_vars(&variable).unwrap());
    [
        ("ApiFunction", millrace_fn_api::adapters::connect(&api).sender),
        ("CsvIngestFunction", ingest.sender),
        ("PerfWorkerFunction", perf.sender),
        ("PdfGeneratorFunction", pdf.queues),
        ("StatusUpdaterFunction", status.sender),
        ("NightlyFetcherFunction", fetcher.sender),
    ]
}

fn resource(queue: Queue) -> &'static str {
    match queue {
        Queue::Ingest => "IngestQueue",
        Queue::Chunk => "ChunkQueue",
        Queue::Perf => "PerfQueue",
        Queue::Status => "StatusQueue",
        Queue::Pdf => "PdfQueue",
        Queue::Fetch => "FetchQueue",
    }
}

/// Each function sends to the queues that its role lets it send to, and tries no other.
pub(super) fn functions_send_where_they_may(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for (function, sender) in functions() {
        let role = referenced(&stack.properties(function)["Role"]).unwrap_or("");
        let statements = stack.statements_of(role);
        let sending = statements
            .iter()
            .filter(|statement| statement.allows() && statement.actions().contains(&"sqs:SendMessage"));
        let granted: BTreeSet<&str> = sending
            .flat_map(|statement| list(&statement.body["Resource"]).filter_map(referenced))
            .collect();
        for queue in Queue::ALL {
            let (name, sends) = (resource(queue), sender.sends_to(queue));
            match (sends, granted.contains(name)) {
                (true, false) => findings.push(format!("{function}: sends to {name}, and may not")),
                (false, true) => findings.push(format!("{function}: may send to {name}, and does not")),
                (true, true) | (false, false) => {}
            }
        }
    }
    findings
}

/// Functions that receive from queues, and the queues that each counts hops of.
fn receivers() -> [(&'static str, &'static [Queue]); 6] {
    [
        ("ApiFunction", &[]),
        ("CsvIngestFunction", millrace_fn_csv_ingest::deps::RECEIVES),
        ("PerfWorkerFunction", millrace_fn_perf_worker::deps::RECEIVES),
        ("PdfGeneratorFunction", &[Queue::Pdf]),
        (
            "StatusUpdaterFunction",
            millrace_fn_status_updater::deps::RECEIVES,
        ),
        (
            "NightlyFetcherFunction",
            millrace_fn_nightly_fetcher::deps::RECEIVES,
        ),
    ]
}

/// Who sends to a queue that it receives from counts its hops, and is not cut off by Lambda after sixteen; nobody else is
/// exempt from that.
pub(super) fn loops_are_counted(stack: &Stack) -> Vec<String> {
    let mut findings = Vec::new();
    for ((function, sender), (_, receives)) in functions().into_iter().zip(receivers()) {
        let mappings = stack.properties_of("AWS::Lambda::EventSourceMapping");
        let own = mappings.filter(|(_, mapping)| referenced(&mapping["FunctionName"]) == Some(function));
        let queues: BTreeSet<&str> = own
            .filter_map(|(_, mapping)| referenced(&mapping["EventSourceArn"]))
            .collect();
        let counted: BTreeSet<&str> = receives.iter().map(|queue| resource(*queue)).collect();
        if queues != counted {
            findings.push(format!(
                "{function}: receives from {queues:?} and counts hops of {counted:?}"
            ));
        }
        let is_loop = receives.iter().any(|queue| sender.sends_to(*queue));
        let is_exempt = stack.properties(function)["RecursiveLoop"] == "Allow";
        if is_loop != is_exempt {
            findings.push(format!(
                "{function}: sends to itself: {is_loop}, may loop: {is_exempt}"
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::stack::finds;
    use super::*;

    #[test]
    fn a_queue_more_or_less_is_found() {
        let rule = functions_send_where_they_may;
        let statements = |role: &str| format!("/{role}/Properties/Policies/0/PolicyDocument/Statement");
        let planted = json!({ "Sid": "Planted", "Effect": "Allow", "Action": "sqs:SendMessage",
            "Resource": "${IngestQueue.Arn}" });
        finds(
            rule,
            &[(&format!("{}/-", statements("CsvIngestRole")), planted)],
            "CsvIngestFunction: may send to IngestQueue, and does not",
        );
        let stack = super::super::all::as_written(&[]);
        let at = stack
            .statements_of("PerfWorkerRole")
            .iter()
            .position(|statement| statement.actions().contains(&"sqs:SendMessage"))
            .unwrap();
        finds(
            rule,
            &[(&format!("{}/{at}", statements("PerfWorkerRole")), Value::Null)],
            "PerfWorkerFunction: sends to PerfQueue, and may not",
        );
    }

    #[test]
    fn a_loop_that_is_cut_off_or_exempt_for_nothing_is_found() {
        let rule = loops_are_counted;
        finds(
            rule,
            &[("/StatusUpdaterFunction/Properties/RecursiveLoop", Value::Null)],
            "StatusUpdaterFunction: sends to itself: true, may loop: false",
        );
        finds(
            rule,
            &[("/PdfGeneratorFunction/Properties/RecursiveLoop", json!("Allow"))],
            "PdfGeneratorFunction: sends to itself: false, may loop: true",
        );
        finds(
            rule,
            &[(
                "/ChunkMapping/Properties/FunctionName",
                json!("${PerfWorkerFunction}"),
            )],
            "PerfWorkerFunction: receives from",
        );
    }
}
