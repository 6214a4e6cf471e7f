//! What can go wrong with a server of one's own.

use std::path::PathBuf;

/// Why a server could not be found, started, spoken to or stopped.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No folder had both `postgres` and `initdb`.
    #[error("no PostgreSQL programs (postgres, initdb) in {}", list(.looked_in))]
    BinariesMissing {
        /// Where they were looked for.
        looked_in: Vec<PathBuf>,
    },
    /// A file or folder could not be read, written or given to the server's account.
    #[error("{action} {}", .path.display())]
    File {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be run at all.
    #[error("running {program}")]
    Spawn {
        /// Which.
        program: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// `initdb` failed.
    #[error("initdb failed: {output}")]
    Initdb {
        /// What it printed.
        output: String,
    },
    /// The server ended while starting, or did not become ready.
    #[error("the server did not start: {log}")]
    Start {
        /// The end of its log.
        log: String,
    },
    /// A process did not end although it was told to.
    #[error("process {pid} did not stop")]
    Stop {
        /// Which.
        pid: i32,
    },
    /// A name cannot be an identifier.
    #[error(transparent)]
    Identifier(#[from] millrace_sql::identifier::IdentifierError),
    /// A statement failed.
    #[error("running SQL as the superuser")]
    Sql(#[source] tokio_postgres::Error),
    /// The thread that speaks to the server ended early.
    #[error("the thread for SQL ended early")]
    Thread,
}

impl PostgresError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BinariesMissing { .. } => "postgres_binaries_missing",
            Self::File { .. } => "postgres_file",
            Self::Spawn { .. } => "postgres_spawn",
            Self::Initdb { .. } => "postgres_initdb",
            Self::Start { .. } => "postgres_start",
            Self::Stop { .. } => "postgres_stop",
            Self::Identifier(_) => "postgres_identifier",
            Self::Sql(_) => "postgres_sql",
            Self::Thread => "postgres_thread",
        }
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

fn list(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "any folder".to_owned();
    }
    folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
