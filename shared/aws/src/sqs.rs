//! The queues.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use millrace_app::ports::MessageSender;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::Queue;
use tokio::sync::OnceCell;

use crate::Connection;
use crate::failure::map;

/// The queues that a function is told of, and those of them to which it sends. The others it asks how they are, or it
/// sets the back-offs of what they brought: its role lets it do no more.
#[derive(Debug, Clone)]
pub struct QueueUrls {
    known: Vec<(Queue, String)>,
    sends_to: &'static [Queue],
}

impl QueueUrls {
    /// Queues with their addresses, and to which of them the function sends.
    #[must_use]
    pub fn new<const N: usize>(known: [(Queue, &str); N], sends_to: &'static [Queue]) -> Self {
        let known = known.map(|(queue, url)| (queue, url.to_owned())).into();
        Self { known, sends_to }
    }

    fn url(&self, queue: Queue) -> Option<&str> {
        let mut known = self.known.iter();
        known
            .find(|(known, _)| *known == queue)
            .map(|(_, url)| url.as_str())
    }

    fn sends_to(&self, queue: Queue) -> bool {
        self.sends_to.contains(&queue) && self.url(queue).is_some()
    }

    /// The address of the queue with an ARN: both end in the queue's name.
    fn by_arn(&self, queue_arn: &str) -> Option<&str> {
        let (_, name) = queue_arn.rsplit_once(':')?;
        let mut known = self.known.iter().map(|(_, url)| url.as_str());
        known.find(|url| url.rsplit('/').next() == Some(name))
    }
}

/// The queues of a function.
pub struct Queues {
    connection: Connection,
    client: OnceCell<Client>,
    urls: QueueUrls,
}

impl Queues {
    /// Queues by their addresses.
    #[must_use]
    pub fn new(connection: &Connection, urls: QueueUrls) -> Self {
        Self {
            connection: connection.clone(),
            client: OnceCell::new(),
            urls,
        }
    }

    async fn client(&self) -> &Client {
        let make = || async { Client::new(self.connection.config().await) };
        self.client.get_or_init(make).await
    }

    fn url(&self, queue: Queue, operation: &'static str) -> Result<&str, Failure> {
        let missing = || {
            let why = format!("this function has no {} queue", queue.as_str());
            Failure::explained(FailureKind::Configuration, operation, why)
        };
        self.urls.url(queue).ok_or_else(missing)
    }

    /// Whether a queue answers, for health.
    ///
    /// # Errors
    /// [`Failure`] when it does not.
    pub async fn answers(&self, queue: Queue) -> Result<(), Failure> {
        let call = self.client().await.get_queue_attributes();
        call.queue_url(self.url(queue, "sqs.get_queue_attributes")?)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("sqs.get_queue_attributes", error))
    }

    /// Lets a received message be seen again after a while; `queue_arn` is where it came from, one of the function's
    /// queues.
    ///
    /// # Errors
    /// [`Failure`] of the queue; the message is then seen again after the queue's own time.
    pub async fn postpone(&self, queue_arn: &str, receipt: &str, seconds: u16) -> Result<(), Failure> {
        const OPERATION: &str = "sqs.change_message_visibility";
        let unknown = || {
            let why = format!("this function was told no address of {queue_arn}");
            Failure::explained(FailureKind::Configuration, OPERATION, why)
        };
        let url = self.urls.by_arn(queue_arn).ok_or_else(unknown)?;
        let call = self.client().await.change_message_visibility();
        call.queue_url(url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::from(seconds))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map(OPERATION, error))
    }
}

#[async_trait]
impl MessageSender for Queues {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        const OPERATION: &str = "sqs.send_message";
        if !self.sends_to(queue) {
            let why = format!("this function does not send to the {} queue", queue.as_str());
            return Err(Failure::explained(FailureKind::Configuration, OPERATION, why));
        }
        let call = self.client().await.send_message();
        call.queue_url(self.url(queue, OPERATION)?)
            .message_body(body)
            .delay_seconds(i32::from(delay_seconds))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map(OPERATION, error))
    }

    fn sends_to(&self, queue: Queue) -> bool {
        self.urls.sends_to(queue)
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::message::Queue;

    use super::QueueUrls;

    #[test]
    fn a_known_queue_is_not_one_to_send_to() {
        let known = [(Queue::Ingest, "u/ingest"), (Queue::Perf, "u/perf")];
        let urls = QueueUrls::new(known, &[Queue::Perf, Queue::Status]);
        let sends_to = Queue::ALL.into_iter().filter(|queue| urls.sends_to(*queue));
        assert_eq!(sends_to.collect::<Vec<_>>(), [Queue::Perf]);
        assert_eq!(urls.by_arn("arn:aws:sqs:x:0:ingest"), Some("u/ingest"));
    }

    #[test]
    fn a_queue_is_found_by_its_arn_in_every_partition() {
        let chunk = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/millrace-dev-chunk";
        let perf = "http://127.0.0.1:4566/000000000000/millrace-dev-perf";
        let urls = QueueUrls::new([(Queue::Chunk, chunk), (Queue::Perf, perf)], &[]);
        let by_arn = |arn| urls.by_arn(arn);
        assert_eq!(
            by_arn("arn:aws-cn:sqs:cn-north-1:123456789012:millrace-dev-chunk"),
            Some(chunk)
        );
        assert_eq!(
            by_arn("arn:aws:sqs:us-east-1:000000000000:millrace-dev-perf"),
            Some(perf)
        );
        for unknown in [
            "arn:aws:sqs:us-east-1:0:millrace-dev-ingest",
            "arn:aws:sqs:us-east-1:0:perf",
            "",
            "x",
        ] {
            assert_eq!(by_arn(unknown), None, "{unknown}");
        }
    }
}
