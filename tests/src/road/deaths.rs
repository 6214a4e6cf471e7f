//! Workers that die at a step, and whose messages come again.

use super::{Delivered, Road};

impl Road {
    /// Hands the first message to a worker that dies at a step ([`crate::Faults::die_at_step`]); the message comes again.
    /// Whether the worker got through before.
    pub async fn die_over_first(&self, step: u64) -> bool {
        let message = self.queues.take(0).unwrap();
        self.faults.die_at_step(step);
        let delivered = self.deliver(&message).await;
        self.faults.stop();
        self.queues.put_back(message);
        matches!(delivered, Delivered::Done)
    }

    /// Hands all messages, and those that they lead to, to workers that die at a step; all of them come again. Whether they
    /// got through before.
    pub async fn die_over_all(&self, step: u64) -> bool {
        self.faults.die_at_step(step);
        let (mut is_through, mut tried) = (true, Vec::new());
        while let Some(message) = self.queues.take(0) {
            is_through &= !matches!(self.deliver(&message).await, Delivered::Failed(_));
            tried.push(message);
        }
        self.faults.stop();
        for message in tried {
            self.queues.put_back(message);
        }
        is_through
    }
}
