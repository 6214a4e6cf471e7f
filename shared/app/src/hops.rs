//! Messages to a function's own queues are counted, so that no loop runs for ever.
//!
//! Lambda ends loops of a function and a queue after about sixteen rounds by itself, the intended ones too; functions that
//! send to their own queues are exempt from it (`RecursiveLoop: Allow` in the template) and count here instead. Every
//! message that a function sends to a queue that it receives from is one hop behind the message that it was sent for.

use async_trait::async_trait;
use millrace_core::failure::Failure;
use millrace_core::message::Queue;
use serde_json::{Map, Value};

use crate::ports::MessageSender;

/// Hops after which nothing is sent on. A dataset's back-fill sends two hundred messages a hop, a run of a source works
/// for minutes: a chain that is longer has lost its way.
pub const MOST_HOPS: u32 = 1_000;

/// The member of a message that says how many hops are behind it; none is 0.
const MEMBER: &str = "hop";

/// Sends as another sender does, and counts hops.
///
/// At the limit sending fails, and with it what the message asked for: that message ends in the dead-letter queue, where it
/// raises an alarm. Nothing is lost: what was to be sent stays in the outbox, the run stays open, and driving them on
/// begins a new chain.
pub struct HopSender<'a> {
    inner: &'a dyn MessageSender,
    own: &'static [Queue],
    hop: u32,
}

impl<'a> HopSender<'a> {
    /// The sender for whatever a message asks for; `own` are the queues that the function receives from.
    #[must_use]
    pub fn behind(message: &str, inner: &'a dyn MessageSender, own: &'static [Queue]) -> Self {
        Self {
            inner,
            own,
            hop: hops(message),
        }
    }

    /// The body, one hop further on.
    fn counted(&self, queue: Queue, body: &str) -> Result<String, Failure> {
        let hop = self.hop.saturating_add(1);
        if hop > MOST_HOPS {
            let why = format!(
                "{} messages of {} followed from each other: drive on what is left",
                self.hop,
                queue.as_str()
            );
            return Err(Failure::invalid("hops.send", why));
        }
        let read = serde_json::from_str::<Map<String, Value>>(body);
        let mut members = read.map_err(|error| Failure::invalid("hops.send", error.to_string()))?;
        members.insert(MEMBER.to_owned(), hop.into());
        crate::outbox::to_body(&members)
    }
}

#[async_trait]
impl MessageSender for HopSender<'_> {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        let body = match self.own.contains(&queue) {
            true => self.counted(queue, &body)?,
            false => body,
        };
        self.inner.send(queue, body, delay_seconds).await
    }

    fn sends_to(&self, queue: Queue) -> bool {
        self.inner.sends_to(queue)
    }
}

/// How many hops are behind a message; those of S3 and of earlier builds say nothing.
fn hops(message: &str) -> u32 {
    let read = serde_json::from_str::<Value>(message).ok();
    let hop = read.and_then(|message| message.get(MEMBER)?.as_u64());
    hop.map_or(0, |hop| u32::try_from(hop).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::hops;

    #[test]
    fn what_says_nothing_has_no_hops_behind_it() {
        for (message, expected) in [
            (r#"{"v":1,"kind":"fetch_all","hop":7}"#, 7),
            (r#"{"v":1,"kind":"fetch_all"}"#, 0),
            (r#"{"hop":-1}"#, 0),
            (r#"{"hop":99999999999}"#, u32::MAX),
            ("no JSON", 0),
        ] {
            assert_eq!(hops(message), expected, "{message}");
        }
    }
}
