//! Limits on a request as a whole, checked before anything else looks at it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode, Uri};

use crate::problem::Problem;

/// The most bytes of path and query.
pub const MAX_LINE_BYTES: usize = 8 * 1024;
/// The most bytes of all headers.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// The most members of a query.
pub const MAX_QUERY_MEMBERS: usize = 100;
/// The most bytes of a JSON body.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;
/// The most bytes of a batch of rows: on its way through Lambda a text is escaped once more, which at most doubles it and
/// keeps it below 6 MB.
pub const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;
/// The most bytes of a form with a file in it.
pub const MAX_FORM_BYTES: usize = 4 * 1024 * 1024;

/// Refuses a request that is larger than its address and headers may be, or whose body is encoded.
///
/// # Errors
/// 400, 413, 414, 415 or 431 as a problem.
pub async fn check(request: Request, next: Next) -> Result<Response, Problem> {
    check_line(request.uri())?;
    check_headers(request.headers())?;
    Ok(next.run(request).await)
}

fn check_line(uri: &Uri) -> Result<(), Problem> {
    let line = uri.path_and_query().map_or(0, |line| line.as_str().len());
    if line > MAX_LINE_BYTES {
        let detail = format!("path and query have {line} bytes; at most {MAX_LINE_BYTES} are taken");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "url_too_long", detail));
    }
    let members = uri.query().map_or(0, |query| query.split('&').count());
    if members > MAX_QUERY_MEMBERS {
        let detail = format!("the query has {members} members; at most {MAX_QUERY_MEMBERS} are taken");
        return Err(Problem::malformed("too_many_query_members", detail));
    }
    Ok(())
}

fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > MAX_HEADER_BYTES {
        let detail = format!("the headers have {bytes} bytes; at most {MAX_HEADER_BYTES} are taken");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Problem::new(status, "headers_too_large", detail));
    }
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        let detail = "bodies are taken as they are: send none with a Content-Encoding";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_encoding_not_supported",
            detail,
        ));
    }
    Ok(())
}

/// 413, with what was sent, what is taken, and the road for more.
pub(crate) fn body_too_large(found: Option<u64>, limit: usize) -> Problem {
    let found = found.map_or_else(|| "more".to_owned(), |bytes| format!("{bytes} bytes"));
    let detail = format!(
        "the body has {found}; at most {limit} bytes are taken here. Send it in parts; a file of rows, of any size, goes \
         straight to the store: ask POST /ingestion/uploads for an address"
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

/// Reads a body of limited size.
///
/// # Errors
/// 413 when there is more.
pub(crate) async fn read_body(request: Request, limit: usize) -> Result<bytes::Bytes, Problem> {
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let declared: Option<u64> = declared.and_then(|length| length.parse().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(body_too_large(declared, limit));
    }
    let body = request.into_body();
    axum::body::to_bytes(body, limit)
        .await
        .map_err(|_| body_too_large(None, limit))
}
