//! The service in process: the five operations.

mod batch;
mod call;
mod execute;
mod sessions;
mod target;
mod transactions;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::api::{
    ApiError, BatchExecuteStatementRequest, BatchExecuteStatementResponse, BeginTransactionRequest,
    BeginTransactionResponse, CommitTransactionRequest, CommitTransactionResponse, ExecuteStatementRequest,
    ExecuteStatementResponse, RollbackTransactionRequest, RollbackTransactionResponse,
};
use crate::clock::{Clock, SystemClock};
use crate::control::{Call, Control, Operation};
use crate::limits::Limits;
use crate::secrets::SecretSource;
use crate::values::Catalog;
use crate::wire::Address;

/// What an engine is made of.
#[derive(Clone)]
pub struct EngineConfig {
    /// Where PostgreSQL listens.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The ARNs of the clusters that are known, each with its default database.
    pub clusters: BTreeMap<String, String>,
    /// Where credentials come from.
    pub secrets: Arc<dyn SecretSource>,
    /// The service's limits.
    pub limits: Limits,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl EngineConfig {
    /// One cluster on 127.0.0.1, with the service's limits and the system's clock.
    #[must_use]
    pub fn new(port: u16, cluster_arn: &str, database: &str, secrets: Arc<dyn SecretSource>) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            clusters: BTreeMap::from([(cluster_arn.to_owned(), database.to_owned())]),
            secrets,
            limits: Limits::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("EngineConfig");
        shown
            .field("host", &self.host)
            .field("port", &self.port)
            .field("clusters", &self.clusters);
        shown.field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The Data API of some clusters that are all one PostgreSQL. Cheap to clone; clones share sessions, transactions and
/// controls. Its methods must be called inside a tokio runtime.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("address", &self.inner.address)
            .finish_non_exhaustive()
    }
}

struct Inner {
    address: Address,
    clusters: BTreeMap<String, String>,
    secrets: target::SecretCache,
    limits: Limits,
    clock: Arc<dyn Clock>,
    pool: sessions::Pool,
    transactions: transactions::Transactions,
    catalog: Catalog,
    control: Control,
}

impl Engine {
    /// An engine; nothing is connected yet.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        let address = Address {
            host: config.host.into(),
            port: config.port,
        };
        Self {
            inner: Arc::new(Inner {
                address,
                clusters: config.clusters,
                secrets: target::SecretCache::new(config.secrets, config.limits.secret_cache),
                limits: config.limits,
                clock: config.clock,
                pool: sessions::Pool::new(config.limits.idle_sessions),
                transactions: transactions::Transactions::default(),
                catalog: Catalog::default(),
                control: Control::default(),
            }),
        }
    }

    /// Faults, holds and the log of requests.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.inner.control
    }

    pub(crate) fn limits(&self) -> Limits {
        self.inner.limits
    }

    async fn around<T>(
        &self,
        call: Call<'_>,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        self.inner.control.around(call, &*self.inner.clock, work).await
    }

    /// Executes one statement.
    ///
    /// # Errors
    /// The service's exceptions.
    pub async fn execute_statement(
        &self,
        request: ExecuteStatementRequest,
    ) -> Result<ExecuteStatementResponse, ApiError> {
        let transaction_id = request.transaction_id.as_deref();
        let call = Call {
            operation: Operation::Execute,
            text: &request.sql,
            transaction_id,
        };
        self.around(call, execute::execute(&self.inner, &request)).await
    }

    /// Executes one statement for each set of parameters; outside a transaction all of them or none.
    ///
    /// # Errors
    /// The service's exceptions.
    pub async fn batch_execute_statement(
        &self,
        request: BatchExecuteStatementRequest,
    ) -> Result<BatchExecuteStatementResponse, ApiError> {
        let transaction_id = request.transaction_id.as_deref();
        let call = Call {
            operation: Operation::BatchExecute,
            text: &request.sql,
            transaction_id,
        };
        self.around(call, batch::execute(&self.inner, &request)).await
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// The service's exceptions.
    pub async fn begin_transaction(
        &self,
        request: BeginTransactionRequest,
    ) -> Result<BeginTransactionResponse, ApiError> {
        let call = Call {
            operation: Operation::BeginTransaction,
            text: "BEGIN",
            transaction_id: None,
        };
        let work = async {
            let transaction_id = transactions::begin(&self.inner, &request).await?;
            Ok(BeginTransactionResponse { transaction_id })
        };
        self.around(call, work).await
    }

    /// Commits a transaction.
    ///
    /// # Errors
    /// The service's exceptions.
    pub async fn commit_transaction(
        &self,
        request: CommitTransactionRequest,
    ) -> Result<CommitTransactionResponse, ApiError> {
        let transaction_id = Some(request.transaction_id.as_str());
        let call = Call {
            operation: Operation::CommitTransaction,
            text: "COMMIT",
            transaction_id,
        };
        let work = async {
            let (resource, secret) = (&request.resource_arn, &request.secret_arn);
            transactions::end(&self.inner, resource, secret, &request.transaction_id, "COMMIT").await?;
            Ok(CommitTransactionResponse {
                transaction_status: "Transaction Committed".to_owned(),
            })
        };
        self.around(call, work).await
    }

    /// Rolls a transaction back.
    ///
    /// # Errors
    /// The service's exceptions.
    pub async fn rollback_transaction(
        &self,
        request: RollbackTransactionRequest,
    ) -> Result<RollbackTransactionResponse, ApiError> {
        let transaction_id = Some(request.transaction_id.as_str());
        let call = Call {
            operation: Operation::RollbackTransaction,
            text: "ROLLBACK",
            transaction_id,
        };
        let work = async {
            let (resource, secret) = (&request.resource_arn, &request.secret_arn);
            transactions::end(&self.inner, resource, secret, &request.transaction_id, "ROLLBACK").await?;
            Ok(RollbackTransactionResponse {
                transaction_status: "Rollback Complete".to_owned(),
            })
        };
        self.around(call, work).await
    }
}
