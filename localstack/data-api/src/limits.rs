//! The service's limits, as arguments.

use std::time::Duration;

/// What the service allows. The default is what AWS documents (Aurora user guide, "Data API limitations").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The whole request, headers included, in bytes.
    pub request_bytes: usize,
    /// The SQL text, in characters.
    pub sql_chars: usize,
    /// The result, in bytes of the JSON of its records. The service measures the database's answer, which is never
    /// larger; this is the stricter reading.
    pub result_bytes: usize,
    /// One row of the result, in bytes of its values as the database sends them.
    pub row_bytes: usize,
    /// `formattedRecords`, in bytes.
    pub formatted_bytes: usize,
    /// How long a call may take.
    pub call: Duration,
    /// How long a transaction may rest between two calls.
    pub transaction_idle: Duration,
    /// How long a transaction may last.
    pub transaction_total: Duration,
    /// How long a secret is remembered (ours; keeps a call to one round trip).
    pub secret_cache: Duration,
    /// How many sessions to one database and user are kept open between calls (ours).
    pub idle_sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 4 * 1024 * 1024,
            sql_chars: 65_536,
            result_bytes: 1024 * 1024,
            row_bytes: 64 * 1024,
            formatted_bytes: 10 * 1024 * 1024,
            call: Duration::from_secs(45),
            transaction_idle: Duration::from_secs(3 * 60),
            transaction_total: Duration::from_secs(24 * 60 * 60),
            secret_cache: Duration::from_secs(60),
            idle_sessions: 16,
        }
    }
}
