//! The database goes away and comes back; the database is a standby.

use std::sync::Arc;

use millrace_data_api::api::{ApiErrorKind, ExecuteStatementRequest, Field};
use millrace_data_api::{Engine, Limits, ManualClock};
use millrace_postgres::{Binaries, Server, ServerOptions};

use crate::bench::{CLUSTER, SECRET, engine, only, refusal, statement};

struct Away {
    options: ServerOptions,
    _folder: tempfile::TempDir,
}

impl Away {
    fn new() -> Option<(Self, Server)> {
        let Ok(binaries) = Binaries::installed() else {
            println!("skipped: no PostgreSQL server is installed (set MILLRACE_TEST_PG_BIN)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut options = ServerOptions::new(binaries, folder.path().join("pg"));
        let server = Server::start(&options).unwrap();
        options.port = Some(server.port());
        server
            .execute(
                "postgres",
                "create role owner login password 'owner'; grant create on schema public to owner",
            )
            .unwrap();
        Some((
            Self {
                options,
                _folder: folder,
            },
            server,
        ))
    }

    fn engine(&self) -> Engine {
        let port = self.options.port.unwrap_or_default();
        engine(port, "postgres", Limits::default(), Arc::new(ManualClock::new()))
    }

    fn start(&self) -> Server {
        Server::start(&self.options).unwrap()
    }
}

#[tokio::test]
async fn the_endpoint_comes_back_with_the_database() {
    let Some((away, server)) = Away::new() else { return };
    let engine = away.engine();
    let call = async |sql: &str, transaction_id: Option<String>| {
        let request = ExecuteStatementRequest {
            transaction_id,
            ..statement(sql, Vec::new())
        };
        engine.execute_statement(request).await
    };
    call("create table t (x int)", None).await.unwrap();
    call("insert into t values (1)", None).await.unwrap();
    let begin = millrace_data_api::api::BeginTransactionRequest {
        resource_arn: CLUSTER.to_owned(),
        secret_arn: SECRET.to_owned(),
        ..Default::default()
    };
    let id = engine.begin_transaction(begin).await.unwrap().transaction_id;
    call("insert into t values (2)", Some(id.clone())).await.unwrap();
    server.stop_immediate().unwrap();
    assert_eq!(
        refusal(call("select 1", None).await).0,
        ApiErrorKind::DatabaseUnavailable
    );
    let server = away.start();
    assert_eq!(
        only(call("select count(*) from t", None).await.unwrap()),
        Field::LongValue(1)
    );
    // the transaction is lost: first with the connection, then for good
    call("select 1", Some(id.clone())).await.unwrap_err();
    assert_eq!(
        refusal(call("select 1", Some(id)).await).0,
        ApiErrorKind::TransactionNotFound
    );
    server.stop().unwrap();
}

#[tokio::test]
async fn a_standby_is_no_writer() {
    let Some((away, server)) = Away::new() else { return };
    server.stop().unwrap();
    std::fs::write(away.options.data_dir.join("standby.signal"), "").unwrap();
    let _server = away.start();
    let refused = away
        .engine()
        .execute_statement(statement("select 1", Vec::new()))
        .await;
    assert_eq!(refusal(refused).0, ApiErrorKind::DatabaseNotFound);
}
