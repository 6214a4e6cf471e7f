//! SQL as the superuser, over the private socket.

use crate::error::PostgresError;

/// Runs `script` (one or more statements without parameters), on a thread and a runtime of its own: the caller may be
/// inside a runtime, where blocking on another is forbidden.
pub(crate) fn run(connection: &str, script: &str) -> Result<(), PostgresError> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|source| PostgresError::Spawn {
                    program: "a runtime".to_owned(),
                    source,
                })?;
            runtime.block_on(run_async(connection, script))
        });
        worker.join().unwrap_or(Err(PostgresError::Thread))
    })
}

async fn run_async(connection: &str, script: &str) -> Result<(), PostgresError> {
    let (client, driver) = tokio_postgres::connect(connection, tokio_postgres::NoTls)
        .await
        .map_err(PostgresError::Sql)?;
    let driver = tokio::spawn(driver);
    let done = client.batch_execute(script).await.map_err(PostgresError::Sql);
    drop(client);
    // ends with the client; its own failure has been reported by the call above
    let _ = driver.await;
    done
}
