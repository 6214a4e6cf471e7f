//! External sources over HTTP.
//!
//! What a URL says is checked by its source's access, and so is every redirect; what a host's name stands for is
//! checked where it is looked up, and only what passed is handed to whoever dials. There is no proxy, no cookie, and no
//! redirect but our own.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use millrace_app::ports::{SourceAnswer, SourceBody, SourceClient, SourceRequest, SourceStream};
use millrace_source::{AddressPolicy, FetchProblem, FetchRule};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use tokio::time::Instant;

/// Redirects that are followed, one behind the other.
const MOST_REDIRECTS: usize = 5;
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a source may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest `ETag` that is kept.
const MAX_VALIDATOR_BYTES: usize = 1_000;

/// Calls external sources.
#[derive(Default)]
pub struct HttpSources {
    /// A client for each policy: connections that are kept open were dialled under it.
    clients: Mutex<Vec<(AddressPolicy, Client)>>,
}

impl HttpSources {
    /// A caller; clients are made on first use.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self, addresses: &AddressPolicy) -> Result<Client, FetchProblem> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(policy, _)| policy == addresses) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Resolver(addresses.clone()))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .user_agent("millrace")
            .build()
            .map_err(|error| problem(&error, FetchRule::Unreachable))?;
        clients.push((addresses.clone(), client.clone()));
        Ok(client)
    }

    /// The answer behind all redirects, each of them checked.
    async fn follow(&self, request: &SourceRequest<'_>) -> Result<(Url, Response), FetchProblem> {
        let client = self.client(request.access.addresses())?;
        let mut url = request.access.check(request.url)?;
        for _ in 0..=MOST_REDIRECTS {
            let mut call = client.get(url.clone());
            if let Some(etag) = request.etag {
                call = call.header(IF_NONE_MATCH, etag);
            }
            if let Some(last_modified) = request.last_modified {
                call = call.header(IF_MODIFIED_SINCE, last_modified);
            }
            let answer = call.send().await;
            let answer = answer.map_err(|error| problem(&error, FetchRule::Unreachable))?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((url, answer));
            }
            let location = text(&answer, &LOCATION);
            let next = location.as_deref().and_then(|location| url.join(location).ok());
            let next = next.ok_or_else(|| {
                FetchProblem::new(
                    FetchRule::BadRedirect,
                    "a redirect without an address that can be read",
                )
            })?;
            url = request.access.check(next.as_str())?;
        }
        let message = format!("more than {MOST_REDIRECTS} redirects, one behind the other");
        Err(FetchProblem::new(FetchRule::TooManyRedirects, message))
    }
}

#[async_trait]
impl SourceClient for HttpSources {
    async fn get(&self, request: &SourceRequest<'_>) -> Result<SourceAnswer, FetchProblem> {
        let deadline = deadline(Duration::from_millis(request.timeout_ms));
        let followed = tokio::time::timeout_at(deadline, self.follow(request)).await;
        let (url, answer) = followed.map_err(|_| timed_out())??;
        match answer.status().as_u16() {
            200 => Ok(SourceAnswer::Body(SourceBody {
                url: url.into(),
                content_type: text(&answer, &CONTENT_TYPE),
                etag: text(&answer, &ETAG).filter(|etag| etag.len() <= MAX_VALIDATOR_BYTES),
                last_modified: text(&answer, &LAST_MODIFIED).filter(|date| date.len() <= MAX_VALIDATOR_BYTES),
                length: answer.content_length(),
                stream: Box::new(Body { answer, deadline }),
            })),
            304 => Ok(SourceAnswer::NotModified),
            status => Err(bad_status(status)),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the pause between two tries of an outside service"
    )]
    async fn pause(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// When a time is up that begins now.
#[expect(
    clippy::disallowed_methods,
    reason = "never waited for: it knows when it would end"
)]
fn deadline(time: Duration) -> Instant {
    tokio::time::sleep(time).deadline()
}

fn timed_out() -> FetchProblem {
    FetchProblem::new(FetchRule::TimedOut, "the source did not answer in time")
}

fn text(answer: &Response, name: &reqwest::header::HeaderName) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn bad_status(status: u16) -> FetchProblem {
    let rule = match status {
        404 | 410 => FetchRule::NotFound,
        408 | 425 | 429 => FetchRule::Throttled,
        400..=499 => FetchRule::Refused,
        _ => FetchRule::ServerError,
    };
    FetchProblem::new(rule, format!("the source answered with status {status}"))
}

/// A failed call as a problem; `otherwise` when nothing closer is known.
fn problem(error: &reqwest::Error, otherwise: FetchRule) -> FetchProblem {
    let mut words = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(forbidden) = cause.downcast_ref::<FetchProblem>() {
            return forbidden.clone();
        }
        words.push(cause.to_string());
        next = cause.source();
    }
    if error.is_timeout() {
        return timed_out();
    }
    let words = words.pop().unwrap_or_else(|| "no reason is known".to_owned());
    FetchProblem::new(otherwise, format!("the call failed: {words}"))
}

/// Looks names up, and hands on only what may be dialled.
struct Resolver(AddressPolicy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| policy.allows(address.ip())).collect();
            if allowed.is_empty() {
                let message = format!("{host} stands for addresses that are not called");
                return Err(FetchProblem::new(FetchRule::ForbiddenAddress, message).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

struct Body {
    answer: Response,
    deadline: Instant,
}

#[async_trait]
impl SourceStream for Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, FetchProblem> {
        let piece = tokio::time::timeout_at(self.deadline, self.answer.chunk()).await;
        match piece.map_err(|_| timed_out())? {
            Ok(piece) => Ok(piece.map(|bytes| bytes.to_vec())),
            Err(error) => Err(problem(&error, FetchRule::Truncated)),
        }
    }
}
