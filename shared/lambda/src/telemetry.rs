//! Logs: JSON lines with fields, in Lambda's format and level.

use millrace_core::failure::Failure;

/// Starts logging; `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` are honoured.
pub fn begin() {
    lambda_runtime::tracing::init_default_subscriber();
}

/// The namespace of our metrics.
const NAMESPACE: &str = "Millrace";

/// Writes counts as metrics, in the embedded metric format of `CloudWatch`: a line of its own, no log line of ours. What
/// cannot be written is lost, as a log line would be.
pub fn metrics(now_ms: u64, counts: &[(&str, u64)]) {
    let mut line = metrics_line(now_ms, counts).to_string();
    line.push('\n');
    let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
}

fn metrics_line(now_ms: u64, counts: &[(&str, u64)]) -> serde_json::Value {
    let named: Vec<_> = counts
        .iter()
        .map(|(name, _)| serde_json::json!({"Name": name, "Unit": "Count"}))
        .collect();
    let mut line = serde_json::json!({"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [
        {"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": named}]}});
    for (name, count) in counts {
        line[*name] = (*count).into();
    }
    line
}

/// An error with its causes on one line, for the one place that logs it.
///
/// A [`Failure`] is the last of them: its own source may quote what was sent or stored (PostgreSQL's DETAIL holds values
/// of rows), which no log is to hold.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut last = error;
    while let Some(cause) = last.source().filter(|_| !last.is::<Failure>()) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        last = cause;
    }
    text
}

#[cfg(test)]
mod tests {
    use millrace_core::failure::{Failure, FailureKind};

    use super::chain;

    #[derive(Debug, thiserror::Error)]
    #[error("migration 7 failed at line 3")]
    struct Migration(#[source] Failure);

    #[test]
    fn metrics_are_written_as_cloudwatch_reads_them() {
        let line = super::metrics_line(1_673_179_200_000, &[("Findings", 2)]);
        let expected = serde_json::json!({"_aws": {"Timestamp": 1_673_179_200_000_u64, "CloudWatchMetrics": [
            {"Namespace": "Millrace", "Dimensions": [[]], "Metrics": [{"Name": "Findings", "Unit": "Count"}]}]},
            "Findings": 2});
        assert_eq!(line, expected);
    }

    #[test]
    fn a_chain_ends_at_a_failure() {
        let message =
            "ERROR: could not create unique index; Detail: Key (name)=(Ada) is duplicated.; SQLState: 23505";
        let failure = || {
            Failure::new(FailureKind::Conflict, "data_api.execute_statement", message).with_detail("23505")
        };
        let own = "data_api.execute_statement failed (conflict) [23505]";
        assert_eq!(chain(&failure()), own);
        assert_eq!(
            chain(&Migration(failure())),
            format!("migration 7 failed at line 3: {own}")
        );
        let other = std::io::Error::other(std::fmt::Error);
        assert_eq!(chain(&other), "an error occurred when formatting an argument");
    }
}
