//! Answers, whole and faulty.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use crate::site::FaultKind;

/// A body ends, or the connection breaks.
pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// A connection is cut instead of answered.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection was cut")
    }
}

impl std::error::Error for Cut {}

const ERROR_PAGE: &str = "<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>";

/// A whole body.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn streamed(pieces: impl Stream<Item = Result<Bytes, Cut>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

#[expect(clippy::disallowed_methods, reason = "being slow is what is asked for")]
pub(crate) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn page(status: u16, content_type: &str) -> Response<Body> {
    respond(status, &[("content-type", content_type)], whole(ERROR_PAGE))
}

pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: Body) -> Response<Body> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body).unwrap_or_else(|_| Response::new(whole("")))
}

/// What a fault makes of an answer that would have been good; `content` is what it would have held.
pub(crate) async fn spoilt(
    kind: FaultKind,
    good: Response<Body>,
    content: Bytes,
) -> Result<Response<Body>, Cut> {
    let length = content.len().to_string();
    let csv = [("content-type", "text/csv"), ("content-length", length.as_str())];
    Ok(match kind {
        FaultKind::Slow { ms } => {
            pause(ms).await;
            good
        }
        FaultKind::Silent => std::future::pending().await,
        FaultKind::Cut => return Err(Cut),
        FaultKind::Status { status } => page(status, "text/html"),
        FaultKind::Redirect { to } => respond(302, &[("location", to.as_str())], whole("")),
        FaultKind::Page => page(200, "text/html; charset=utf-8"),
        FaultKind::PageAsCsv => page(200, "text/csv"),
        FaultKind::NoValidators => respond(200, &csv, whole(content)),
        FaultKind::Truncated { after } => {
            let some = content.slice(..after.min(content.len()));
            // What came before the cut is sent first.
            let cut = stream::once(async {
                pause(20).await;
                Err(Cut)
            });
            respond(200, &csv, streamed(stream::iter([Ok(some)]).chain(cut)))
        }
        FaultKind::Trickle { ms } => {
            let bytes = stream::iter(content).then(move |byte| async move {
                pause(ms).await;
                Ok(Bytes::copy_from_slice(&[byte]))
            });
            respond(200, &csv, streamed(bytes))
        }
        FaultKind::Endless => {
            let piece = Bytes::from(vec![b'7'; 64 * 1024]);
            let first = stream::iter([Ok(content)]);
            let all = first.chain(stream::repeat_with(move || Ok(piece.clone())));
            respond(200, &csv[..1], streamed(all))
        }
    })
}
