//! Migrations: under one lock, fenced in the database, killed at every call, and as a custom resource.
#![cfg(test)]

mod custom_resource;
mod fence;
mod killed;
mod runs;

use std::sync::Arc;
use std::time::Duration;

use millrace_app::ports::LockStore;
use millrace_data_api::Limits;
use millrace_fn_migrate::migrate::Migrator;
use millrace_fn_migrate::migrations::Migration;
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
    clock: &'a Counter,
    owner: &str,
) -> Migrator<'a> {
    Migrator {
        sql,
        locks,
        surroundings: clock,
        owner: owner.to_owned(),
        deadline_ms: u64::MAX,
    }
}

/// The versions that were applied, and what the scripts left.
async fn state(database: &Database) -> String {
    let tables = "select concat_ws(' ', (select string_agg(version::text, ',' order by version) from operations.migration), \
                  (select count(*) from pg_class where relname in ('one', 'two') and relkind = 'r'))";
    database.value(tables).await.unwrap_or_default()
}
