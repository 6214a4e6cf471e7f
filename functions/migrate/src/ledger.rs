//! What the database itself knows of migrations: which scripts were applied, and the newest token that has written.

use std::collections::BTreeMap;

use millrace_app::ports::Lock;
use millrace_core::failure::Failure;
use millrace_store::{Sql, Statement, TransactionId, Value};

use crate::lease::LEASE_MS;
use crate::migrate::MigrateError;
use crate::migrations::Migration;

/// A script's row in `operations.migration`.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) checksum: String,
    pub(crate) fencing_token: u64,
}

/// The two tables, as their owner.
#[derive(Clone, Copy)]
pub(crate) struct Ledger<'a> {
    pub(crate) sql: &'a dyn Sql,
}

impl Ledger<'_> {
    /// What the migrations themselves need; repeats change nothing.
    async fn prepare(&self) -> Result<(), Failure> {
        for text in [
            "create schema if not exists operations",
            "create table if not exists operations.migration (version integer primary key, name text not null, \
             checksum text not null, fencing_token bigint not null, applied_at timestamptz not null default now())",
            "create table if not exists operations.fence (lock_id text primary key, token bigint not null)",
        ] {
            self.sql.execute(&Statement::new(text)).await?;
        }
        Ok(())
    }

    /// The scripts that were applied, by version.
    pub(crate) async fn applied(&self) -> Result<BTreeMap<u32, Recorded>, Failure> {
        self.prepare().await?;
        let text = "select version, checksum, fencing_token from operations.migration order by version";
        let rows = self.sql.execute(&Statement::new(text)).await?;
        Ok(rows.rows.into_iter().filter_map(recorded).collect())
    }

    /// The newest token that has written. The row is made once only, since an insert would wait for a holder whose
    /// transaction has the row, also where it does nothing in the end.
    pub(crate) async fn seen_token(&self, lock_id: &str) -> Result<u64, Failure> {
        self.prepare().await?;
        let text = "select token from operations.fence where lock_id = cast(:lock_id as text)";
        let statement = Statement::new(text).bind("lock_id", lock_id);
        if let Some(Value::Long(seen)) = self.sql.execute(&statement).await?.into_first_value() {
            return Ok(u64::try_from(seen).unwrap_or(0));
        }
        let insert = "insert into operations.fence values (cast(:lock_id as text), 0) on conflict do nothing";
        let insert = Statement::new(insert).bind("lock_id", lock_id);
        self.sql.execute(&insert).await.map(|_| 0)
    }

    /// The token under which a script was applied since we last looked: by a holder whose commit was under way when it
    /// was replaced, or by ourselves when the commit's answer was lost. Asked behind the fence, so nobody is at it now.
    pub(crate) async fn find(
        &self,
        transaction: &TransactionId,
        migration: &Migration,
    ) -> Result<Option<u64>, MigrateError> {
        let text = "select version, checksum, fencing_token from operations.migration \
                    where version = cast(:version as integer)";
        let statement = Statement::new(text).bind("version", migration.version);
        let rows = self.sql.execute(&statement.within(transaction)).await?;
        let Some((_, recorded)) = rows.rows.into_iter().find_map(recorded) else {
            return Ok(None);
        };
        migration.check(&recorded.checksum)?;
        Ok(Some(recorded.fencing_token))
    }

    /// Notes that a script was applied, in its own transaction.
    pub(crate) async fn record(
        &self,
        transaction: &TransactionId,
        migration: &Migration,
        lock: &Lock,
    ) -> Result<(), Failure> {
        let insert = Statement::new(
            "insert into operations.migration (version, name, checksum, fencing_token) values \
             (cast(:version as integer), cast(:name as text), cast(:checksum as text), cast(:token as bigint))",
        );
        let bound = insert
            .bind("version", migration.version)
            .bind("name", migration.name)
            .bind("checksum", migration.checksum())
            .bind("token", lock.fencing_token);
        self.sql.execute(&bound.within(transaction)).await.map(|_| ())
    }

    /// Refuses to go on when a newer holder has written; keeps the row locked until the transaction ends.
    ///
    /// A transaction that another holder left open is not waited for here, where a call's time would run out, but by
    /// trying again. It ends soon: the database itself ends it when its holder is silent for as long as a lease.
    pub(crate) async fn take_fence(
        &self,
        transaction: &TransactionId,
        lock: &Lock,
    ) -> Result<(), MigrateError> {
        let statement = Statement::new(
            "select set_config('idle_in_transaction_session_timeout', cast(:silence_ms as text), true) \
             from operations.fence where lock_id = cast(:lock_id as text) for update nowait",
        );
        let bound = statement
            .bind("silence_ms", LEASE_MS.to_string())
            .bind("lock_id", lock.lock_id.as_str());
        self.sql.execute(&bound.within(transaction)).await?;
        let statement = Statement::new(
            "update operations.fence set token = cast(:token as bigint) where lock_id = cast(:lock_id as text) \
             and token <= cast(:token as bigint) returning token",
        );
        let bound = statement
            .bind("token", lock.fencing_token)
            .bind("lock_id", lock.lock_id.as_str());
        let rows = self.sql.execute(&bound.within(transaction)).await?;
        match rows.into_first_value() {
            Some(_) => Ok(()),
            None => Err(MigrateError::StaleToken(lock.fencing_token)),
        }
    }
}

fn recorded(row: Vec<Value>) -> Option<(u32, Recorded)> {
    match <[Value; 3]>::try_from(row) {
        Ok([Value::Long(version), Value::Text(checksum), Value::Long(token)]) => Some((
            u32::try_from(version).ok()?,
            Recorded {
                checksum,
                fencing_token: u64::try_from(token).ok()?,
            },
        )),
        _ => None,
    }
}
