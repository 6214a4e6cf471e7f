//! Processes: started in a group of their own, remembered by number and start time, stopped without ever hitting a
//! stranger.
//!
//! Numbers are used again by the system. So a record holds the start time too, and whoever differs in it is left alone.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::clock::wait_until;

/// A process that was started, as it is remembered in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its number, also that of its group.
    pub(crate) pid: i32,
    /// When it was started, in the system's own words.
    pub(crate) started: String,
}

impl Record {
    /// The record of a process that runs now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        Some(Self {
            pid,
            started: start_time(pid)?,
        })
    }

    /// Whether this very process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        start_time(self.pid).is_some_and(|started| started == self.started)
    }

    /// Sends `signal` to the process, if it is still the same.
    pub(crate) fn signal(&self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks the process to stop, waits, and then ends its whole group. Says whether there was anything to stop.
    pub(crate) fn stop(&self, patience: Duration) -> bool {
        if !self.is_alive() {
            return false;
        }
        self.signal(Signal::TERM);
        // Its children would outlive it: the group is read while its number is still taken.
        wait_until(patience, || !self.is_alive());
        if self.is_alive()
            && let Some(group) = Pid::from_raw(self.pid)
        {
            let _ = kill_process_group(group, Signal::KILL);
            wait_until(Duration::from_secs(5), || !self.is_alive());
        }
        true
    }
}

/// Ends the group that `record` leads, if it is still the same process.
pub(crate) fn end_group(record: &Record) {
    if let (true, Some(group)) = (record.is_alive(), Pid::from_raw(record.pid)) {
        let _ = kill_process_group(group, Signal::TERM);
        wait_until(Duration::from_secs(5), || !record.is_alive());
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Starts `command` in a process group of its own, with both outputs appended to `log`.
///
/// # Errors
/// When the log cannot be opened or the program cannot be started.
pub(crate) fn start(mut command: Command, log: &Path) -> anyhow::Result<Child> {
    let output = OpenOptions::new().create(true).append(true).open(log);
    let output = output.with_context(|| format!("opening {}", log.display()))?;
    command
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0);
    let program = command.get_program().to_owned();
    command
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

/// A command that gets nothing of this program's environment.
pub(crate) fn bare_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// When `pid` was started; nothing when there is no such process or it is only waiting to be reaped.
#[cfg(target_os = "linux")]
pub(crate) fn start_time(pid: i32) -> Option<String> {
    let stat = read_stat(pid)?;
    if stat.state == "Z" {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}@{}", stat.started, boot.trim()))
}

#[cfg(target_os = "linux")]
struct Stat {
    state: String,
    group: i32,
    started: String,
}

/// Reads `/proc/<pid>/stat` (proc(5)): the fields after the name in brackets, which may hold anything.
#[cfg(target_os = "linux")]
fn read_stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: (*fields.first()?).to_owned(),
        group: fields.get(2)?.parse().ok()?,
        started: (*fields.get(19)?).to_owned(),
    })
}

/// When `pid` was started; nothing when there is no such process or it is only waiting to be reaped.
#[cfg(not(target_os = "linux"))]
pub(crate) fn start_time(pid: i32) -> Option<String> {
    let listed = Command::new("ps")
        .args(["-o", "state=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    (!text.is_empty() && !text.starts_with('Z')).then(|| {
        text.split_once(' ')
            .map_or(String::new(), |(_, started)| started.trim().to_owned())
    })
}

/// A process of a group, and the program it runs or the folder it works in.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) pid: i32,
    pub(crate) place: PathBuf,
}

/// The processes of group `group` that work below `folder`: what a killed leader leaves.
#[cfg(target_os = "linux")]
pub(crate) fn members(group: i32, folder: &Path) -> Vec<Member> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let in_group =
        pids.filter(|pid| read_stat(*pid).is_some_and(|stat| stat.group == group && stat.state != "Z"));
    in_group
        .filter_map(|pid| {
            let place = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
            place.starts_with(folder).then_some(Member { pid, place })
        })
        .collect()
}

/// The processes of group `group` that work below `folder`: what a killed leader leaves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn members(group: i32, folder: &Path) -> Vec<Member> {
    let Ok(listed) = Command::new("ps")
        .args(["-axo", "pid=,pgid=,state=,command="])
        .output()
    else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let parsed = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let pid = fields.next()?.parse().ok()?;
        let is_wanted = fields.next()?.parse::<i32>() == Ok(group) && !fields.next()?.starts_with('Z');
        let place = PathBuf::from(fields.next()?);
        (is_wanted && place.starts_with(folder)).then_some(Member { pid, place })
    });
    parsed.collect()
}

/// Ends every process of `group` that works below `folder`; says how many there were.
pub(crate) fn end_members(group: i32, folder: &Path) -> usize {
    let found = members(group, folder);
    for member in &found {
        if let Some(pid) = Pid::from_raw(member.pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    wait_until(Duration::from_secs(5), || members(group, folder).is_empty());
    found.len()
}
