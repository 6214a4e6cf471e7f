//! Migrations: under one lock, fenced in the database, killed at every call, and as a custom resource.
#![cfg(test)]

mod custom_resource;
mod fence;
mod killed;
mod lease;
mod password;
mod runs;
mod takeover;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_app::ports::{LockStore, Surroundings, Timer};
use millrace_data_api::Limits;
use millrace_data_api::control::Scope;
use millrace_fn_migrate::migrate::Migrator;
use millrace_fn_migrate::migrations::Migration;
use millrace_fn_migrate::patience::Patience;
use millrace_store::Sql;
use millrace_tests::{Counter, Database};

/// Three short scripts, the last of which needs the others.
const SCRIPTS: [Migration; 3] = [
    Migration {
        version: 1,
        name: "one",
        script: "create table one (x int);\ninsert into one values (1);",
    },
    Migration {
        version: 2,
        name: "two",
        script: "create table two (x int);\ninsert into two select x + 1 from one;",
    },
    Migration {
        version: 3,
        name: "three",
        script: "create function three() returns bigint language plpgsql as $$ begin return (select sum(x) from two); end $$;\n\
                 insert into two select x + 1 from two;",
    },
];

/// An empty database whose transactions end by themselves when nobody goes on with them for a moment.
fn database() -> Option<Database> {
    Database::empty(Limits {
        transaction_idle: Duration::from_millis(300),
        ..Limits::default()
    })
}

fn migrator<'a>(
    sql: Arc<dyn Sql>,
    locks: &'a dyn LockStore,
    clock: &'a dyn Timer,
    owner: &str,
) -> Migrator<'a> {
    Migrator {
        sql,
        locks,
        owner: owner.to_owned(),
        patience: Patience {
            timer: clock,
            deadline_ms: u64::MAX,
        },
    }
}

/// The versions that were applied, and what the scripts left.
async fn state(database: &Database) -> String {
    let tables = "select concat_ws(' ', (select string_agg(version::text, ',' order by version) from operations.migration), \
                  (select count(*) from pg_class where relname in ('one', 'two') and relkind = 'r'))";
    database.value(tables).await.unwrap_or_default()
}

/// The first call of which the text holds some words.
fn first(words: &str) -> Scope {
    Scope {
        matching: Some(words.to_owned()),
        count: Some(1),
        operation: None,
    }
}

/// Whether a call whose text holds some words has come, and was refused with an SQLSTATE if one is given.
fn has_come(database: &Database, words: &str, sql_state: Option<&str>) -> bool {
    let requests = database.engine().control().requests(0);
    requests.iter().any(|request| {
        request.sql.contains(words) && (sql_state.is_none() || request.sql_state.as_deref() == sql_state)
    })
}

/// Returns once a run has found the fence in another one's hands.
async fn refused_at_the_fence(database: &Database) {
    while !has_come(database, "for update nowait", Some("55P03")) {
        tokio::task::yield_now().await;
    }
}

/// A process that has stopped beside its work: its heartbeat never comes.
struct Breathless<'a>(&'a Counter);

impl Surroundings for Breathless<'_> {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn random_bytes(&self) -> [u8; 10] {
        self.0.random_bytes()
    }
}

#[async_trait]
impl Timer for Breathless<'_> {
    async fn pause(&self, ms: u64) {
        self.0.pause(ms).await;
    }

    async fn reach(&self, _: u64) {
        std::future::pending().await
    }
}
