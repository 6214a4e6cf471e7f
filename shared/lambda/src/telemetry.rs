//! Logs: JSON lines with fields, in Lambda's format and level.

/// Starts logging; `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` are honoured.
pub fn begin() {
    lambda_runtime::tracing::init_default_subscriber();
}

/// An error with all its causes on one line, for the one place that logs it.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
