//! The queues in memory: a bag of messages that the test hands out as it likes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::MessageSender;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::Queue;

use crate::faults::FaultySender;

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Where it went.
    pub queue: Queue,
    /// What it says.
    pub body: String,
    /// When it may be seen.
    pub delay_seconds: u16,
}

impl Sent {
    /// Whether it is a reminder: a late look that is needed only when something was lost.
    #[must_use]
    pub fn is_reminder(&self) -> bool {
        let is_kind = |kind: &str| self.body.contains(&format!(r#""kind":"{kind}""#));
        // A document's own message, sent late, is its reminder.
        is_kind("reminder") || (is_kind("render_document") && self.delay_seconds > 0)
    }
}

/// Messages that nobody has handled.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    messages: Mutex<Vec<Sent>>,
}

impl MemoryQueues {
    fn lock(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in.
    pub fn push(&self, queue: Queue, body: impl Into<String>) {
        self.lock().push(Sent {
            queue,
            body: body.into(),
            delay_seconds: 0,
        });
    }

    /// Puts a message back.
    pub fn put_back(&self, message: Sent) {
        self.lock().push(message);
    }

    /// All messages, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Sent> {
        self.lock().clone()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes one out.
    pub fn take(&self, at: usize) -> Option<Sent> {
        let mut messages = self.lock();
        (at < messages.len()).then(|| messages.remove(at))
    }

    /// Loses everything.
    pub fn purge(&self) {
        self.lock().clear();
    }
}

/// Queues of which a function may send to some.
pub(crate) struct AllowedQueues {
    inner: FaultySender,
    sends_to: &'static [Queue],
}

impl AllowedQueues {
    /// Those of some queues that a function's role allows.
    pub(crate) fn new(inner: FaultySender, sends_to: &'static [Queue]) -> Self {
        Self { inner, sends_to }
    }
}

#[async_trait]
impl MessageSender for AllowedQueues {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        if !self.sends_to(queue) {
            let why = format!("the role does not allow to send to {}", queue.as_str());
            return Err(Failure::explained(FailureKind::Configuration, "queues.send", why));
        }
        self.inner.send(queue, body, delay_seconds).await
    }

    fn sends_to(&self, queue: Queue) -> bool {
        self.sends_to.contains(&queue)
    }
}

#[async_trait]
impl MessageSender for MemoryQueues {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        self.lock().push(Sent {
            queue,
            body,
            delay_seconds,
        });
        Ok(())
    }
}
