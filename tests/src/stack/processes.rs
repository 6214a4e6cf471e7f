//! A function's processes on this machine: found by the folder that its code was unpacked into, killed by number.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Credentials, Stack};

/// A function.
#[derive(Debug, Clone)]
pub struct Function {
    /// SHA-256 of its package, which the emulator names the folder after.
    code: String,
    folder: PathBuf,
}

impl Function {
    pub(super) fn new(stack: &Stack, name: &str) -> Self {
        let path = stack.folder.join("deploy.json");
        let record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let deployed = record["functions"].as_object().unwrap().values();
        let mut ours = deployed
            .filter(|function| function["name"].as_str() == stack.functions.get(name).map(String::as_str));
        let code = ours.next().and_then(|function| function["code"].as_str());
        Self {
            code: code
                .unwrap_or_else(|| panic!("{name} is not deployed"))
                .to_owned(),
            folder: std::fs::canonicalize(stack.folder.join("ministack")).unwrap(),
        }
    }

    /// The numbers of its processes. They work below this instance's folder, so they are nobody else's.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let ours = pids.filter(|pid| {
            let place = std::fs::read_link(format!("/proc/{pid}/cwd"));
            place.is_ok_and(|place| {
                place.starts_with(&self.folder) && place.to_string_lossy().contains(&self.code)
            })
        });
        ours.collect()
    }

    /// Kills its processes as a crash would; says how many there were.
    #[must_use]
    pub fn kill(&self) -> usize {
        let pids = self.processes();
        for pid in &pids {
            signal(*pid, "KILL");
        }
        pids.len()
    }

    /// The session that one of its processes calls AWS with.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials> {
        let pid = *self.processes().first()?;
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let variable = |name: &str| {
            let mut pairs = environment.split('\0').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        Some(Credentials::Session(json!({
            "access_key": variable("AWS_ACCESS_KEY_ID")?,
            "secret_key": variable("AWS_SECRET_ACCESS_KEY")?,
            "session_token": variable("AWS_SESSION_TOKEN")?,
        })))
    }
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
}
