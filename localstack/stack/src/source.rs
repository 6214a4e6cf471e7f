//! The server that stands for external sources: it lives in the process that owns the others.

use anyhow::Context as _;
use millrace_source_server::{Server, example};
use tokio::net::TcpListener;

use crate::ports::Ports;

/// Serves the example source, and whatever tests set up, for as long as this process lives.
///
/// # Errors
/// When the port cannot be had.
pub(crate) fn serve(ports: &Ports) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime
        .block_on(TcpListener::bind(("127.0.0.1", ports.source)))
        .with_context(|| format!("listening on 127.0.0.1:{}", ports.source))?;
    let server = Server::new();
    server.set(example::SITE, example::site());
    std::thread::spawn(move || runtime.block_on(millrace_source_server::serve(listener, server)));
    Ok(())
}
