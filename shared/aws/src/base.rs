//! What every worker is wired to: the database and the queues.

use std::sync::Arc;

use millrace_store::Store;

use crate::{Connection, DataApi, QueueUrls, Queues};

/// A database, as a role.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseAddress<'a> {
    /// The cluster.
    pub cluster_arn: &'a str,
    /// The role's secret.
    pub secret_arn: &'a str,
    /// The database's name.
    pub name: &'a str,
}

/// The adapters that every worker has.
pub struct Base {
    /// For the adapters that only this worker has.
    pub connection: Connection,
    /// The database.
    pub store: Store,
    /// Sends messages and sets back-offs.
    pub queues: Arc<Queues>,
}

impl Base {
    /// Adapters by their addresses; nothing is called yet.
    #[must_use]
    pub fn new(database: DatabaseAddress<'_>, urls: QueueUrls) -> Self {
        let connection = Connection::new();
        let DatabaseAddress {
            cluster_arn,
            secret_arn,
            name,
        } = database;
        Self {
            store: Store::new(DataApi::connect(&connection, cluster_arn, secret_arn, name)),
            queues: Arc::new(Queues::new(&connection, urls)),
            connection,
        }
    }
}
