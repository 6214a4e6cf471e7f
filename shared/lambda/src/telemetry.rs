//! Logs: JSON lines with fields, in Lambda's format and level.

use millrace_core::failure::Failure;

/// Starts logging; `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` are honoured.
pub fn begin() {
    lambda_runtime::tracing::init_default_subscriber();
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
