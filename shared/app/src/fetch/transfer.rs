//! One file from a source into the landing bucket: in bounded memory, hashed on the way, tried again where that helps.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use millrace_core::content_hash::ContentHash;
use millrace_core::failure::Failure;
use millrace_source::content::{self, LOOKED_AT_BYTES};
use millrace_source::listing::MAX_LIST_BYTES;
use millrace_source::{FetchProblem, FetchRule};
use millrace_store::sources::FetchEntry;
use sha2::{Digest as _, Sha256};

use super::Worker;
use crate::ports::{ObjectSink, SourceAnswer, SourceBody, SourceRequest};

/// Tries of one file or list in a row, with pauses between them.
const MOST_TRIES: usize = 4;
/// The first pause; each one after it is twice as long, up to the last of these, and shortened by chance.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came of a file.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Hash and size; none when the source said that nothing has changed.
    pub(super) bytes: Option<(String, u64)>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Whether the bytes were stored: not when they are held already.
    pub(super) is_stored: bool,
}

/// Why a try ended: by the source, which is a value to be kept, or by a part of ours.
enum Trouble {
    Problem(FetchProblem),
    Failure(Failure),
}

impl From<FetchProblem> for Trouble {
    fn from(problem: FetchProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The tries of one file or list, and when the last of them ends.
pub(super) struct Transfer<'a> {
    worker: &'a Worker<'a>,
    ends_ms: u64,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(worker: &'a Worker<'a>) -> Self {
        let now_ms = worker.ports.surroundings.now_ms();
        Self {
            worker,
            ends_ms: (now_ms + worker.file_ms).min(worker.ends_ms),
        }
    }

    fn left_ms(&self) -> u64 {
        self.ends_ms
            .saturating_sub(self.worker.ports.surroundings.now_ms())
    }

    /// Waits before the next try, where one is left and there is time for it.
    async fn pause(&self, pauses: &mut impl Iterator<Item = Duration>) -> bool {
        let Some(pause) = pauses.next() else { return false };
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        if pause_ms >= self.left_ms() {
            return false;
        }
        self.worker.ports.client.pause(pause_ms).await;
        true
    }

    /// Which of two problems in a row is the reason: a try that our own time cut short tells less than the one before.
    fn reason(&self, before: Option<FetchProblem>, last: FetchProblem) -> FetchProblem {
        match before {
            Some(before) if last.rule == FetchRule::TimedOut && self.left_ms() == 0 => before,
            _ => last,
        }
    }

    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let [seed @ .., _, _] = self.worker.ports.surroundings.random_bytes();
        ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(MOST_TRIES - 1)
            .with_jitter()
            .with_jitter_seed(u64::from_be_bytes(seed))
            .build()
    }

    /// Reads a list; answers where it was in the end, and its bytes.
    pub(super) async fn read_list(&self, url: &str) -> Result<(String, Vec<u8>), FetchProblem> {
        let (mut pauses, mut before) = (self.pauses(), None);
        loop {
            match self.try_list(url).await {
                Ok(list) => return Ok(list),
                Err(problem) => {
                    let problem = self.reason(before, problem);
                    if !(problem.is_transient() && self.pause(&mut pauses).await) {
                        return Err(problem);
                    }
                    before = Some(problem);
                }
            }
        }
    }

    async fn try_list(&self, url: &str) -> Result<(String, Vec<u8>), FetchProblem> {
        let mut body = self.open(url, None, None).await?.ok_or_else(not_asked_for)?;
        let mut bytes = Vec::new();
        while let Some(piece) = body.stream.next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > MAX_LIST_BYTES {
                let message = format!("the list has more than {MAX_LIST_BYTES} bytes");
                return Err(FetchProblem::new(FetchRule::BadList, message));
            }
        }
        check_length(body.length, bytes.len() as u64)?;
        Ok((body.url, bytes))
    }

    /// Fetches a file into the landing bucket; the inner error is the source's.
    pub(super) async fn fetch(
        &self,
        entry: &FetchEntry,
        key: &str,
    ) -> Result<Result<Outcome, FetchProblem>, Failure> {
        let (mut pauses, mut before) = (self.pauses(), None);
        loop {
            match self.try_fetch(entry, key).await {
                Ok(outcome) => return Ok(Ok(outcome)),
                Err(Trouble::Failure(failure)) => return Err(failure),
                Err(Trouble::Problem(problem)) => {
                    let problem = self.reason(before, problem);
                    if !(problem.is_transient() && self.pause(&mut pauses).await) {
                        return Ok(Err(problem));
                    }
                    before = Some(problem);
                }
            }
        }
    }

    async fn open(
        &self,
        url: &str,
        etag: Option<&str>,
        last_modified: Option<&str>,
    ) -> Result<Option<SourceBody>, FetchProblem> {
        let request = SourceRequest {
            url,
            access: &self.worker.access,
            etag,
            last_modified,
            timeout_ms: self.left_ms().max(1),
        };
        match self.worker.ports.client.get(&request).await? {
            SourceAnswer::NotModified => Ok(None),
            SourceAnswer::Body(body) => Ok(Some(body)),
        }
    }

    async fn try_fetch(&self, entry: &FetchEntry, key: &str) -> Result<Outcome, Trouble> {
        let (etag, last_modified) = match entry.is_held {
            true => (entry.etag.as_deref(), entry.last_modified.as_deref()),
            false => (None, None),
        };
        let opened = self.open(&entry.url, etag, last_modified).await?;
        let Some(mut body) = opened else {
            // Only who holds something may be told that it has not changed.
            return match entry.is_held && (etag.is_some() || last_modified.is_some()) {
                true => Ok(Outcome::default()),
                false => Err(not_asked_for().into()),
            };
        };
        let most = self.worker.definition.max_file_bytes;
        if body.length.is_some_and(|length| length > most) {
            return Err(too_large(most).into());
        }
        let beginning = self.read_beginning(&mut body).await?;
        content::check(
            &self.worker.definition.content,
            body.content_type.as_deref(),
            &beginning,
        )?;
        let mut sink = self.worker.ports.landing.create(key).await?;
        let copied = copy(&mut body, beginning, sink.as_mut(), most).await;
        let (sha256, size) = match copied {
            Ok(copied) => copied,
            Err(trouble) => {
                sink.abort().await;
                return Err(trouble);
            }
        };
        let is_held = match entry.is_held && entry.sha256.as_deref() == Some(sha256.as_str()) {
            true => Ok(true),
            false if entry.file_id.is_some() && entry.same_as.is_none() => Ok(false),
            false => {
                self.worker
                    .ports
                    .store
                    .holds_bytes(self.worker.work.source, &sha256)
                    .await
            }
        };
        let is_stored = match is_held {
            Ok(false) => sink.finish().await.map(|_| true)?,
            Ok(true) => {
                sink.abort().await;
                false
            }
            Err(failure) => {
                sink.abort().await;
                return Err(failure.into());
            }
        };
        Ok(Outcome {
            bytes: Some((sha256, size)),
            etag: body.etag,
            last_modified: body.last_modified,
            is_stored,
        })
    }

    async fn read_beginning(&self, body: &mut SourceBody) -> Result<Vec<u8>, FetchProblem> {
        let mut beginning = Vec::new();
        while beginning.len() < LOOKED_AT_BYTES {
            match body.stream.next().await? {
                Some(piece) => beginning.extend_from_slice(&piece),
                None => break,
            }
        }
        Ok(beginning)
    }
}

/// Copies a body whose beginning was read; answers hash and size.
async fn copy(
    body: &mut SourceBody,
    beginning: Vec<u8>,
    sink: &mut dyn ObjectSink,
    most: u64,
) -> Result<(String, u64), Trouble> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut next = Some(beginning);
    while let Some(piece) = next {
        size += piece.len() as u64;
        if size > most {
            return Err(too_large(most).into());
        }
        hash.update(&piece);
        sink.write(piece).await?;
        next = body.stream.next().await?;
    }
    check_length(body.length, size)?;
    let hash = ContentHash::from(<[u8; 32]>::from(hash.finalize()));
    Ok((hash.to_string(), size))
}

/// A body has the length that was announced, or it was cut.
fn check_length(announced: Option<u64>, found: u64) -> Result<(), FetchProblem> {
    match announced {
        Some(length) if length != found => {
            let message = format!("{found} of {length} announced bytes came");
            Err(FetchProblem::new(FetchRule::Truncated, message))
        }
        _ => Ok(()),
    }
}

fn too_large(most: u64) -> FetchProblem {
    FetchProblem::new(
        FetchRule::TooLarge,
        format!("the file has more than {most} bytes"),
    )
}

fn not_asked_for() -> FetchProblem {
    let message = "the source says that nothing has changed, which nobody asked";
    FetchProblem::new(FetchRule::ServerError, message)
}
