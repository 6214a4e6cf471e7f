//! The log of requests: bounded, without parameter values.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::{Call, Operation};
use crate::api::ApiError;

const ENTRIES_MAX: usize = 10_000;
const SQL_CHARS_MAX: usize = 2_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestEntry {
    /// Its number, from 1.
    pub number: u64,
    /// The operation.
    pub operation: Operation,
    /// The beginning of its SQL text, or `BEGIN`, `COMMIT`, `ROLLBACK`.
    pub sql: String,
    /// The transaction it named.
    pub transaction_id: Option<String>,
    /// When it came, in milliseconds of the endpoint's clock.
    pub begun_ms: u128,
    /// How long it took; absent while it is running.
    pub duration_ms: Option<u128>,
    /// The exception's name; absent when it went well or is running.
    pub error: Option<&'static str>,
    /// The SQLSTATE, if the database refused it.
    pub sql_state: Option<String>,
}

#[derive(Debug, Default)]
struct Log {
    last: u64,
    entries: VecDeque<RequestEntry>,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    log: Mutex<Log>,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, call: Call<'_>, now: Duration) -> u64 {
        let mut log = self.lock();
        log.last += 1;
        let number = log.last;
        if log.entries.len() == ENTRIES_MAX {
            log.entries.pop_front();
        }
        log.entries.push_back(RequestEntry {
            number,
            operation: call.operation,
            sql: call.text.chars().take(SQL_CHARS_MAX).collect(),
            transaction_id: call.transaction_id.map(str::to_owned),
            begun_ms: now.as_millis(),
            duration_ms: None,
            error: None,
            sql_state: None,
        });
        number
    }

    pub(super) fn end(&self, number: u64, now: Duration, error: Option<&ApiError>) {
        let mut log = self.lock();
        if let Some(entry) = log.entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.duration_ms = Some(now.as_millis().saturating_sub(entry.begun_ms));
            entry.error = error.map(|error| error.kind.name());
            entry.sql_state = error.and_then(|error| error.sql_state()).map(str::to_owned);
        }
    }

    pub(super) fn after(&self, number: u64) -> Vec<RequestEntry> {
        self.lock()
            .entries
            .iter()
            .filter(|entry| entry.number > number)
            .cloned()
            .collect()
    }
}
