//! External sources in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::{SourceAnswer, SourceBody, SourceClient, SourceRequest, SourceStream};
use millrace_source::{FetchProblem, FetchRule};

/// What an address answers.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The bytes.
    pub content: String,
    /// The announced type.
    pub content_type: Option<String>,
    /// What they are called; a request with this name is told that nothing has changed.
    pub etag: Option<String>,
    /// The announced length, when it is not that of the bytes.
    pub length: Option<u64>,
    /// What goes wrong, and how often.
    pub problem: Option<(FetchRule, u32)>,
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<String, Page>,
    asked: Vec<(String, bool)>,
    paused_ms: Vec<u64>,
}

/// Addresses that answer what a test says; the access is checked as the real client does.
#[derive(Debug, Default)]
pub struct MemorySources(Mutex<State>);

impl MemorySources {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what an address answers.
    pub fn set(&self, url: &str, page: Page) {
        self.lock().pages.insert(url.to_owned(), page);
    }

    /// What was asked for since the last look, and whether on a condition.
    pub fn take_asked(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.lock().asked)
    }

    /// The pauses between tries.
    #[must_use]
    pub fn paused_ms(&self) -> Vec<u64> {
        self.lock().paused_ms.clone()
    }
}

struct Pieces(Vec<Vec<u8>>);

#[async_trait]
impl SourceStream for Pieces {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, FetchProblem> {
        Ok(self.0.pop())
    }
}

#[async_trait]
impl SourceClient for MemorySources {
    async fn get(&self, request: &SourceRequest<'_>) -> Result<SourceAnswer, FetchProblem> {
        request.access.check(request.url)?;
        let mut state = self.lock();
        state.asked.push((request.url.to_owned(), request.etag.is_some()));
        let Some(page) = state.pages.get_mut(request.url) else {
            return Err(FetchProblem::new(FetchRule::NotFound, "nothing there"));
        };
        if let Some((rule, times)) = page.problem.as_mut().filter(|(_, times)| *times > 0) {
            *times -= 1;
            return Err(FetchProblem::new(*rule, "asked for by a test"));
        }
        if page.etag.is_some() && page.etag.as_deref() == request.etag {
            return Ok(SourceAnswer::NotModified);
        }
        let bytes = page.content.as_bytes();
        let mut pieces: Vec<Vec<u8>> = bytes.chunks(700).map(<[u8]>::to_vec).collect();
        pieces.reverse();
        Ok(SourceAnswer::Body(SourceBody {
            url: request.url.to_owned(),
            content_type: page.content_type.clone(),
            etag: page.etag.clone(),
            last_modified: None,
            length: page.length.or(Some(bytes.len() as u64)),
            stream: Box::new(Pieces(pieces)),
        }))
    }

    async fn pause(&self, ms: u64) {
        self.lock().paused_ms.push(ms);
    }
}
