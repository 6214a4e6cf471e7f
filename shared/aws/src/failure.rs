//! `SdkError` to [`Failure`]: the one place that decides what may be tried again.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use millrace_core::failure::{Failure, FailureKind};

/// Maps an SDK error. Anything that never reached an answer, and every 5xx and throttling, may be tried again.
pub(crate) fn map<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .map(str::to_owned);
    let kind = match &error {
        SdkError::ServiceError(_) => service_kind(code.as_deref().unwrap_or_default(), status),
        SdkError::ConstructionFailure(_) => FailureKind::Invalid,
        _ => FailureKind::Transient,
    };
    let detail = code.unwrap_or_else(|| outcome(&error).to_owned());
    Failure::new(kind, operation, error).with_detail(detail)
}

/// What became of a call that no code was answered to, for the log.
fn outcome<E>(error: &SdkError<E, HttpResponse>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "not sent",
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "unreadable answer",
        _ => "no code",
    }
}

fn service_kind(code: &str, status: Option<u16>) -> FailureKind {
    match code {
        "NoSuchKey" | "NotFound" | "ResourceNotFoundException" => FailureKind::NotFound,
        "ConditionalCheckFailedException" | "PreconditionFailed" | "ConditionalRequestConflict" => {
            FailureKind::Conflict
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "ForbiddenException"
        | "NoSuchBucket"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist" => FailureKind::Configuration,
        "SlowDown"
        | "ThrottlingException"
        | "ProvisionedThroughputExceededException"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "RequestTimeout" => FailureKind::Transient,
        _ => match status {
            Some(404) => FailureKind::NotFound,
            Some(403) => FailureKind::Configuration,
            Some(409 | 412) => FailureKind::Conflict,
            Some(400..=499) => FailureKind::Invalid,
            _ => FailureKind::Transient,
        },
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::failure::FailureKind;

    use super::service_kind;

    #[test]
    fn throttling_and_server_errors_may_be_tried_again_and_nothing_else() {
        for (code, status, kind) in [
            ("SlowDown", Some(503), FailureKind::Transient),
            ("InternalError", Some(500), FailureKind::Transient),
            ("ThrottlingException", Some(400), FailureKind::Transient),
            ("NoSuchKey", Some(404), FailureKind::NotFound),
            ("AccessDenied", Some(403), FailureKind::Configuration),
            ("PreconditionFailed", Some(412), FailureKind::Conflict),
            ("ValidationException", Some(400), FailureKind::Invalid),
        ] {
            assert_eq!(service_kind(code, status), kind, "{code}");
        }
    }
}
