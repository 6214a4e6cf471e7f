//! What a data folder says about the server on it (`postmaster.pid`), and how to stop one that was left over.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::error::PostgresError;

const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What `postmaster.pid` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) pid: i32,
    pub(crate) is_ready: bool,
}

pub(crate) fn lock_file(data_dir: &Path) -> PathBuf {
    data_dir.join("postmaster.pid")
}

/// Reads the lock file: line 1 is the process, line 8 its state.
pub(crate) fn read_lock(data_dir: &Path) -> Option<Lock> {
    let text = std::fs::read_to_string(lock_file(data_dir)).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    Some(Lock {
        pid,
        is_ready: lines.nth(6).is_some_and(takes_connections),
    })
}

/// A standby says `standby` when it takes connections, and never `ready`.
fn takes_connections(state: &str) -> bool {
    matches!(state.trim(), "ready" | "standby")
}

/// Stops the server that a killed program left on `data_dir`, if there is one, and clears a stale lock. Says whether a
/// process was stopped.
///
/// # Errors
/// [`PostgresError::Stop`] when it does not end, [`PostgresError::File`] when the lock cannot be removed.
pub fn stop_leftover(data_dir: &Path) -> Result<bool, PostgresError> {
    let Some(lock) = read_lock(data_dir) else {
        return Ok(false);
    };
    let ours = Pid::from_raw(lock.pid).filter(|pid| is_alive(*pid) && is_server_of(lock.pid, data_dir));
    if let Some(pid) = ours {
        stop_process(pid)?;
    }
    let entries = std::fs::read_dir(data_dir).map_err(PostgresError::file("reading", data_dir))?;
    let stale = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".s.PGSQL."));
    // the sockets' locks name the process too, and a server that waits to be reaped would still count as running
    for path in stale.map(|entry| entry.path()).chain([lock_file(data_dir)]) {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(PostgresError::file("removing", &path)(error));
            }
            _ => {}
        }
    }
    Ok(ours.is_some())
}

/// Fast, then immediate, then by force; each time waiting for the end.
fn stop_process(pid: Pid) -> Result<(), PostgresError> {
    for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
        if kill_process(pid, signal).is_err() || wait_until(STOP_PATIENCE, || !is_alive(pid)) {
            return Ok(());
        }
    }
    Err(PostgresError::Stop {
        pid: pid.as_raw_nonzero().get(),
    })
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok() && !is_zombie(pid)
}

/// A killed child that nobody waited for still has a number, but is no longer running.
fn is_zombie(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// Numbers are used again: only a process that runs on this folder may be signalled. The server's working folder is
/// its data folder; where `/proc` does not exist, its command line names it.
fn is_server_of(pid: i32, data_dir: &Path) -> bool {
    let wanted = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    if let Ok(folder) = std::fs::read_link(format!("/proc/{pid}/cwd")) {
        return folder == wanted;
    }
    let listed = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output();
    listed.is_ok_and(|listed| {
        let command = String::from_utf8_lossy(&listed.stdout).into_owned();
        command.contains("postgres") && command.contains(&*wanted.to_string_lossy())
    })
}

/// Waits for `condition`, at most `patience`; says whether it came true.
pub(crate) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > patience {
            return false;
        }
        pause();
    }
    true
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process's state can only be asked for again and again"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
