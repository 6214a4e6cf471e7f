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

/// Addresses of the queues that a function may send to; none where its policy does not let it.
#[derive(Debug, Clone, Default)]
pub struct QueueUrls {
    /// The ingest queue.
    pub ingest: Option<String>,
    /// The chunk queue.
    pub chunk: Option<String>,
    /// The perf queue.
    pub perf: Option<String>,
    /// The status queue.
    pub status: Option<String>,
    /// The fetch queue.
    pub fetch: Option<String>,
}

impl QueueUrls {
    fn url(&self, queue: Queue) -> Option<&str> {
        match queue {
            Queue::Ingest => self.ingest.as_deref(),
            Queue::Chunk => self.chunk.as_deref(),
            Queue::Perf => self.perf.as_deref(),
            Queue::Status => self.status.as_deref(),
            Queue::Fetch => self.fetch.as_deref(),
        }
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
            Failure::new(FailureKind::Configuration, operation, why)
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

    /// Lets a received message be seen again after a while; `queue_arn` is where it came from.
    ///
    /// # Errors
    /// [`Failure`] of the queue; the message is then seen again after the queue's own time.
    pub async fn postpone(&self, queue_arn: &str, receipt: &str, seconds: u16) -> Result<(), Failure> {
        const OPERATION: &str = "sqs.change_message_visibility";
        let [region, account, name] = arn_parts(queue_arn)
            .ok_or_else(|| Failure::invalid(OPERATION, format!("{queue_arn} is no queue")))?;
        let url = format!("https://sqs.{region}.amazonaws.com/{account}/{name}");
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

fn arn_parts(queue_arn: &str) -> Option<[&str; 3]> {
    let parts: Vec<&str> = queue_arn.split(':').collect();
    match parts[..] {
        ["arn", _, "sqs", region, account, name] => Some([region, account, name]),
        _ => None,
    }
}

#[async_trait]
impl MessageSender for Queues {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        let call = self.client().await.send_message();
        call.queue_url(self.url(queue, "sqs.send_message")?)
            .message_body(body)
            .delay_seconds(i32::from(delay_seconds))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("sqs.send_message", error))
    }

    fn sends_to(&self, queue: Queue) -> bool {
        self.urls.url(queue).is_some()
    }
}
