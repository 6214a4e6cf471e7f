//! One PostgreSQL for all tests of this process, one migrated template, a database a test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use millrace_data_api::{Clock, Engine, EngineConfig, Limits, StaticSecrets, SystemClock};
use millrace_fn_migrate::migrate::Migrator;
use millrace_fn_migrate::migrations::{MIGRATIONS, latest_version};
use millrace_fn_migrate::patience::Patience;
use millrace_postgres::{Binaries, Server};
use millrace_store::{Sql, Store};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::direct_sql::DirectSql;
use crate::engine_sql::{CLUSTER, EngineSql};
use crate::locks::MemoryLocks;
use crate::surroundings::Counter;

const TEMPLATE: &str = "base";
const OWNER: &str = "millrace_owner";
const APP: &str = "millrace_app";
const OWNER_SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:owner";
const APP_SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app";
/// With everything in it that a careless statement would trip over.
const PASSWORD: &str = "it's \\ a \"password\" of the tests";

/// The server of this process; none, and a word about it, where none is installed. It goes away with the process.
#[must_use]
pub fn postgres() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || {
        let Ok(binaries) = Binaries::installed() else {
            println!("skipped: no PostgreSQL server is installed (set MILLRACE_TEST_PG_BIN)");
            return None;
        };
        let server = Server::ephemeral(binaries).unwrap();
        let quoted = PASSWORD.replace('\'', "''");
        let role = format!("create role {OWNER} login createrole createdb password '{quoted}'");
        server.execute("postgres", &role).unwrap();
        Some(server)
    };
    let server = SERVER.get_or_init(start).as_ref();
    if server.is_none() {
        println!("skipped: no PostgreSQL server");
    }
    server
}

/// Migrates the template once; whoever comes second waits.
fn template(server: &'static Server) {
    static TEMPLATE_MADE: OnceLock<()> = OnceLock::new();
    TEMPLATE_MADE.get_or_init(|| {
        create(server, TEMPLATE, None);
        // A thread of its own, so that it works inside and outside of a runtime; its sessions end with its runtime.
        let migration = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(migrate(server));
        });
        migration.join().unwrap();
    });
}

async fn migrate(server: &'static Server) {
    let clock = Arc::new(SystemClock::new());
    let engine = engine(server, TEMPLATE, Limits::default(), clock);
    let locks = MemoryLocks::default();
    let migrator = Migrator {
        sql: Arc::new(EngineSql::new(&engine, OWNER_SECRET, TEMPLATE)),
        locks: &locks,
        owner: "the harness".to_owned(),
        patience: Patience {
            timer: &Counter::default(),
            deadline_ms: u64::MAX,
        },
    };
    migrator.run(MIGRATIONS, latest_version()).await.unwrap();
    migrator.set_app_password(PASSWORD).await.unwrap();
}

fn create(server: &Server, name: &str, template: Option<&str>) {
    server.create_database(name, template).unwrap();
    let owner = format!("alter database {name} owner to {OWNER}");
    server.execute("postgres", &owner).unwrap();
}

fn engine(server: &Server, database: &str, limits: Limits, clock: Arc<dyn Clock>) -> Engine {
    let secrets = StaticSecrets::new()
        .with(OWNER_SECRET, OWNER, PASSWORD)
        .with(APP_SECRET, APP, PASSWORD);
    let mut config = EngineConfig::new(server.port(), CLUSTER, database, Arc::new(secrets));
    config.clusters = BTreeMap::from([(CLUSTER.to_owned(), database.to_owned())]);
    config.limits = limits;
    config.clock = clock;
    Engine::new(config)
}

/// A database of a test's own; dropped with it.
pub struct Database {
    server: &'static Server,
    name: String,
    engine: Engine,
    superuser: OnceLock<Client>,
    forget_files: OnceLock<String>,
}

impl Database {
    /// A migrated database.
    #[must_use]
    pub fn new() -> Option<Self> {
        let server = postgres()?;
        template(server);
        let clock = Arc::new(SystemClock::new());
        Some(Self::create(server, Some(TEMPLATE), Limits::default(), clock))
    }

    /// A database without anything in it, behind a Data API with limits of one's own.
    #[must_use]
    pub fn empty(limits: Limits) -> Option<Self> {
        Some(Self::create(
            postgres()?,
            None,
            limits,
            Arc::new(SystemClock::new()),
        ))
    }

    /// A database without anything in it, behind a Data API that takes its time from a clock.
    #[must_use]
    pub fn empty_at(clock: Arc<dyn Clock>) -> Option<Self> {
        Some(Self::create(postgres()?, None, Limits::default(), clock))
    }

    fn create(
        server: &'static Server,
        template: Option<&str>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        create(server, &name, template);
        let engine = engine(server, &name, limits, clock);
        Self {
            server,
            name,
            engine,
            superuser: OnceLock::new(),
            forget_files: OnceLock::new(),
        }
    }

    /// The Data API in front of it, for faults and holds.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The application role's password.
    #[must_use]
    pub fn app_password(&self) -> &'static str {
        PASSWORD
    }

    /// The application's role through the Data API.
    #[must_use]
    pub fn app(&self) -> Arc<dyn Sql> {
        Arc::new(EngineSql::new(&self.engine, APP_SECRET, &self.name))
    }

    /// The owner through the Data API.
    #[must_use]
    pub fn owner(&self) -> Arc<dyn Sql> {
        Arc::new(EngineSql::new(&self.engine, OWNER_SECRET, &self.name))
    }

    /// A store as the functions have it.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(self.app())
    }

    /// A store that may create specs.
    #[must_use]
    pub fn owner_store(&self) -> Store {
        Store::new(self.owner())
    }

    /// The application's role on a connection of its own, without the Data API in between.
    pub async fn direct(&self) -> DirectSql {
        DirectSql::connect(&self.server.connection(&self.name, APP, PASSWORD)).await
    }

    /// Forgets all files and everything that came of them; the specs stay.
    pub async fn forget_files(&self) {
        if self.forget_files.get().is_none() {
            let tables = "select format('delete from %I.%I;', schemaname, tablename) from pg_tables \
                 where schemaname in ('ingestion', 'stored') and tablename not in ('dataset', 'dimension')";
            let deletes: String = self.query(tables).await.into_iter().flatten().flatten().collect();
            let script = format!(
                "begin; set local session_replication_role = replica; {deletes} \
                 delete from operations.outbox; delete from operations.idempotency; \
                 delete from operations.document; delete from operations.run_file; delete from operations.run; \
                 delete from operations.datafile_registry; delete from operations.source_fence; \
                 delete from operations.pipeline_run_step; delete from operations.pipeline_run; commit"
            );
            let _ = self.forget_files.set(script);
        }
        self.script(self.forget_files.get().unwrap()).await;
    }

    /// Runs a script as the superuser.
    pub async fn script(&self, script: &str) {
        self.query(script).await;
    }

    /// The rows of a query, as the superuser, each value as text.
    pub async fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let client = self.superuser().await;
        let answer = client.simple_query(sql).await;
        let messages = answer.unwrap_or_else(|error| panic!("{sql}: {:?}", error.as_db_error()));
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            .collect()
    }

    async fn superuser(&self) -> &Client {
        if self.superuser.get().is_none() {
            let connection = self.server.superuser_connection(&self.name);
            let (client, driver) = tokio_postgres::connect(&connection, NoTls).await.unwrap();
            tokio::spawn(driver);
            // Somebody else may have been quicker; then this one ends.
            let _ = self.superuser.set(client);
        }
        self.superuser.get().unwrap()
    }

    /// The only value of a query.
    pub async fn value(&self, sql: &str) -> Option<String> {
        self.query(sql).await.into_iter().next()?.into_iter().next()?
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.server.drop_database(&self.name) {
            println!("{} was left behind: {error}", self.name);
        }
    }
}
