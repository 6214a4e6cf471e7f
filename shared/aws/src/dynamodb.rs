//! The clients, settings and locks tables.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use millrace_app::ports::{ClientRecord, ClientStore, Lock, LockStore, SettingStore};
use millrace_core::failure::{Failure, FailureKind};
use tokio::sync::OnceCell;

use crate::Connection;
use crate::failure::map;

/// A table and its client.
struct Table {
    connection: Connection,
    client: OnceCell<Client>,
    name: String,
}

impl Table {
    fn new(connection: &Connection, name: &str) -> Self {
        Self {
            connection: connection.clone(),
            client: OnceCell::new(),
            name: name.to_owned(),
        }
    }

    async fn client(&self) -> &Client {
        let make = || async { Client::new(self.connection.config().await) };
        self.client.get_or_init(make).await
    }
}

/// Whether a table answers, for health.
///
/// # Errors
/// [`Failure`] when it does not.
pub async fn table_answers(connection: &Connection, table: &str) -> Result<(), Failure> {
    let client = Client::new(connection.config().await);
    let answer = client.describe_table().table_name(table).send().await;
    answer
        .map(|_| ())
        .map_err(|error| map("dynamodb.describe_table", error))
}

/// The clients that may call.
pub struct ClientsTable(Table);

impl ClientsTable {
    /// The table by its name.
    #[must_use]
    pub fn new(connection: &Connection, table: &str) -> Self {
        Self(Table::new(connection, table))
    }
}

#[async_trait]
impl ClientStore for ClientsTable {
    async fn load_client(&self, client_id: &str) -> Result<Option<ClientRecord>, Failure> {
        let call = self.0.client().await.get_item().table_name(&self.0.name);
        let answer = call
            .key("client_id", AttributeValue::S(client_id.to_owned()))
            .send()
            .await
            .map_err(|error| map("dynamodb.get_item", error))?;
        Ok(answer.item.as_ref().and_then(client_record))
    }
}

/// A client as it is stored; an item that lacks what a client must have stands for none.
fn client_record(item: &HashMap<String, AttributeValue>) -> Option<ClientRecord> {
    let scopes = match item.get("scopes")? {
        AttributeValue::Ss(scopes) => scopes.clone(),
        AttributeValue::L(scopes) => scopes
            .iter()
            .filter_map(|scope| scope.as_s().ok().cloned())
            .collect(),
        _ => return None,
    };
    Some(ClientRecord {
        token_sha256: item.get("token_hash")?.as_s().ok()?.clone(),
        scopes,
        expires_at: item.get("expires_at")?.as_n().ok()?.parse().ok()?,
    })
}

/// Settings: a text each.
pub struct SettingsTable(Table);

impl SettingsTable {
    /// The table by its name.
    #[must_use]
    pub fn new(connection: &Connection, table: &str) -> Self {
        Self(Table::new(connection, table))
    }
}

#[async_trait]
impl SettingStore for SettingsTable {
    async fn load_setting(&self, setting_id: &str) -> Result<Option<String>, Failure> {
        let call = self.0.client().await.get_item().table_name(&self.0.name);
        // Whoever has set it sees it at once.
        let answer = call
            .key("setting_id", AttributeValue::S(setting_id.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| map("dynamodb.get_item", error))?;
        let text = answer.item.as_ref().and_then(|item| item.get("text"));
        Ok(text.and_then(|text| text.as_s().ok().cloned()))
    }

    async fn store_setting(
        &self,
        setting_id: &str,
        text: &str,
        expires_at: Option<i64>,
    ) -> Result<(), Failure> {
        let call = self.0.client().await.put_item().table_name(&self.0.name);
        let expiry = expires_at.map(|seconds| AttributeValue::N(seconds.to_string()));
        let call = call
            .item("setting_id", AttributeValue::S(setting_id.to_owned()))
            .item("text", AttributeValue::S(text.to_owned()));
        let call = match expiry {
            Some(expiry) => call.item("expires_at", expiry),
            None => call,
        };
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| map("dynamodb.put_item", error))
    }

    async fn delete_setting(&self, setting_id: &str) -> Result<(), Failure> {
        let call = self.0.client().await.delete_item().table_name(&self.0.name);
        call.key("setting_id", AttributeValue::S(setting_id.to_owned()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("dynamodb.delete_item", error))
    }
}

/// Locks with an owner, a lease and a fencing token.
///
/// The token only ever grows, so a lock's item must not age: its lease lies in `lease_ends_ms`, not in the
/// attribute that the table's TTL watches.
pub struct LocksTable(Table);

impl LocksTable {
    /// The table by its name.
    #[must_use]
    pub fn new(connection: &Connection, table: &str) -> Self {
        Self(Table::new(connection, table))
    }
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[async_trait]
impl LockStore for LocksTable {
    async fn acquire(
        &self,
        lock_id: &str,
        owner: &str,
        now_ms: u64,
        lease_ms: u64,
    ) -> Result<Option<Lock>, Failure> {
        let call = self.0.client().await.update_item().table_name(&self.0.name);
        let answer = call
            .key("lock_id", AttributeValue::S(lock_id.to_owned()))
            .update_expression("SET lock_owner = :owner, lease_ends_ms = :ends ADD fencing_token :one")
            .condition_expression("attribute_not_exists(lease_ends_ms) OR lease_ends_ms < :now")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()))
            .expression_attribute_values(":ends", number(now_ms + lease_ms))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let answer = match answer.map_err(|error| map("dynamodb.update_item", error)) {
            Err(failure) if failure.kind == FailureKind::Conflict => return Ok(None),
            answer => answer?,
        };
        let token = answer
            .attributes
            .as_ref()
            .and_then(|item| item.get("fencing_token")?.as_n().ok()?.parse().ok())
            .ok_or_else(|| Failure::invalid("dynamodb.update_item", "the lock has no fencing token"))?;
        Ok(Some(Lock {
            lock_id: lock_id.to_owned(),
            owner: owner.to_owned(),
            fencing_token: token,
        }))
    }

    async fn renew(&self, lock: &Lock, now_ms: u64, lease_ms: u64) -> Result<bool, Failure> {
        self.set_lease(lock, now_ms + lease_ms).await
    }

    async fn advance(&self, lock: &Lock, beyond: u64) -> Result<Option<Lock>, Failure> {
        let advanced = Lock {
            fencing_token: beyond + 1,
            ..lock.clone()
        };
        let token = number(advanced.fencing_token);
        let is_ours = self
            .update_held(lock, "SET fencing_token = :value", token)
            .await?;
        Ok(is_ours.then_some(advanced))
    }

    async fn release(&self, lock: &Lock) -> Result<bool, Failure> {
        self.set_lease(lock, 0).await
    }
}

impl LocksTable {
    /// Moves the end of a lease that is still ours; false when somebody else took the lock.
    async fn set_lease(&self, lock: &Lock, ends_ms: u64) -> Result<bool, Failure> {
        self.update_held(lock, "SET lease_ends_ms = :value", number(ends_ms))
            .await
    }

    /// Changes the item of a lock that is still ours; false when somebody else took it.
    async fn update_held(&self, lock: &Lock, update: &str, value: AttributeValue) -> Result<bool, Failure> {
        let call = self.0.client().await.update_item().table_name(&self.0.name);
        let answer = call
            .key("lock_id", AttributeValue::S(lock.lock_id.clone()))
            .update_expression(update)
            .condition_expression("lock_owner = :owner AND fencing_token = :token")
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":owner", AttributeValue::S(lock.owner.clone()))
            .expression_attribute_values(":token", number(lock.fencing_token))
            .send()
            .await;
        match answer.map_err(|error| map("dynamodb.update_item", error)) {
            Ok(_) => Ok(true),
            Err(failure) if failure.kind == FailureKind::Conflict => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
