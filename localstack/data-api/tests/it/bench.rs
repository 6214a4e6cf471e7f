//! What every test needs: a database of its own on one server, and short ways to call.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use millrace_data_api::api::{
    ApiError, ApiErrorKind, BatchExecuteStatementRequest, BeginTransactionRequest, CommitTransactionRequest,
    ExecuteStatementRequest, ExecuteStatementResponse, Field, RollbackTransactionRequest, SqlParameter,
};
use millrace_data_api::{Engine, EngineConfig, Limits, ManualClock, StaticSecrets};
use millrace_postgres::{Binaries, Server};

pub(crate) const CLUSTER: &str = "arn:aws:rds:us-east-1:000000000000:cluster:millrace";
pub(crate) const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:owner";
pub(crate) const OTHER_SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:other";
pub(crate) const WRONG_SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:wrong";

/// One server for all tests of this process; it goes away with the process.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || {
        let Ok(binaries) = Binaries::installed() else {
            println!("skipped: no PostgreSQL server is installed (set MILLRACE_TEST_PG_BIN)");
            return None;
        };
        let server = Server::ephemeral(binaries).unwrap();
        server
            .execute(
                "postgres",
                "create role owner login password 'owner'; create role other login password 'other'",
            )
            .unwrap();
        Some(server)
    };
    SERVER.get_or_init(start).as_ref()
}

pub(crate) struct Bench {
    pub(crate) server: &'static Server,
    pub(crate) database: String,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    /// A database of its own, owned by `owner`, and an engine with the service's limits.
    pub(crate) fn new() -> Option<Self> {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let database = format!("t_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.create_database(&database, None).unwrap();
        server
            .execute("postgres", &format!("alter database {database} owner to owner"))
            .unwrap();
        let clock = Arc::new(ManualClock::new());
        let engine = engine(server.port(), &database, limits, Arc::clone(&clock));
        Some(Self {
            server,
            database,
            engine,
            clock,
        })
    }

    pub(crate) async fn execute(
        &self,
        request: ExecuteStatementRequest,
    ) -> Result<ExecuteStatementResponse, ApiError> {
        self.engine.execute_statement(request).await
    }

    /// Runs one statement without parameters.
    pub(crate) async fn sql(&self, sql: &str) -> Result<ExecuteStatementResponse, ApiError> {
        self.execute(statement(sql, Vec::new())).await
    }

    pub(crate) async fn with_parameters(
        &self,
        sql: &str,
        parameters: Vec<SqlParameter>,
    ) -> Result<ExecuteStatementResponse, ApiError> {
        self.execute(statement(sql, parameters)).await
    }

    /// Runs one statement in a transaction.
    pub(crate) async fn sql_in(&self, id: &str, sql: &str) -> Result<ExecuteStatementResponse, ApiError> {
        self.execute(ExecuteStatementRequest {
            transaction_id: Some(id.to_owned()),
            ..statement(sql, Vec::new())
        })
        .await
    }

    /// The only value of the only row.
    pub(crate) async fn value(&self, sql: &str) -> Field {
        let response = self.sql(sql).await.unwrap();
        only(response)
    }

    pub(crate) async fn begin(&self) -> String {
        let request = BeginTransactionRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: SECRET.to_owned(),
            ..BeginTransactionRequest::default()
        };
        self.engine
            .begin_transaction(request)
            .await
            .unwrap()
            .transaction_id
    }

    pub(crate) async fn commit(&self, id: &str) -> Result<String, ApiError> {
        let request = CommitTransactionRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: SECRET.to_owned(),
            transaction_id: id.to_owned(),
        };
        self.engine
            .commit_transaction(request)
            .await
            .map(|answer| answer.transaction_status)
    }

    pub(crate) async fn roll_back(&self, id: &str) -> Result<String, ApiError> {
        let request = RollbackTransactionRequest {
            resource_arn: CLUSTER.to_owned(),
            secret_arn: SECRET.to_owned(),
            transaction_id: id.to_owned(),
        };
        self.engine
            .rollback_transaction(request)
            .await
            .map(|answer| answer.transaction_status)
    }
}

pub(crate) fn engine(port: u16, database: &str, limits: Limits, clock: Arc<ManualClock>) -> Engine {
    let secrets = StaticSecrets::new()
        .with(SECRET, "owner", "owner")
        .with(OTHER_SECRET, "other", "other")
        .with(WRONG_SECRET, "owner", "wrong");
    let config = EngineConfig::new(port, CLUSTER, database, Arc::new(secrets));
    Engine::new(EngineConfig {
        limits,
        clock,
        ..config
    })
}

pub(crate) fn statement(sql: &str, parameters: Vec<SqlParameter>) -> ExecuteStatementRequest {
    ExecuteStatementRequest {
        resource_arn: CLUSTER.to_owned(),
        secret_arn: SECRET.to_owned(),
        sql: sql.to_owned(),
        parameters,
        ..ExecuteStatementRequest::default()
    }
}

pub(crate) fn batch(sql: &str, parameter_sets: Vec<Vec<SqlParameter>>) -> BatchExecuteStatementRequest {
    BatchExecuteStatementRequest {
        resource_arn: CLUSTER.to_owned(),
        secret_arn: SECRET.to_owned(),
        sql: sql.to_owned(),
        parameter_sets,
        ..BatchExecuteStatementRequest::default()
    }
}

pub(crate) fn only(response: ExecuteStatementResponse) -> Field {
    let mut records = response.records.unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    let mut record = records.remove(0);
    assert_eq!(record.len(), 1, "{record:?}");
    record.remove(0)
}

pub(crate) fn text(value: &str) -> Field {
    Field::StringValue(value.to_owned())
}

pub(crate) fn parameter(name: &str, value: &str) -> SqlParameter {
    SqlParameter::new(name, text(value))
}

/// The error's kind and, of the database's errors, its SQLSTATE.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, ApiError>) -> (ApiErrorKind, Option<String>) {
    let error = result.unwrap_err();
    (error.kind, error.sql_state().map(str::to_owned))
}

/// Comes back when `condition` does; the test runner's own limit ends a wait that never does.
pub(crate) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    while !condition().await {
        tokio::task::yield_now().await;
    }
}
