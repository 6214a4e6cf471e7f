//! A small process that outlives ours: when we end, however that happens, it stops the server and removes its folder.
//! It notices by the end of a pipe that only we hold.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::PostgresError;
use crate::server::Server;

/// Arguments: the server's process, the folder. A killed server may stay listed until somebody reaps it, so the wait
/// for its end is bounded.
const SCRIPT: &str = r#"cat >/dev/null
kill -QUIT "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 40 ]; do tries=$((tries + 1)); sleep 0.05; done
rm -rf "$2"
"#;

#[derive(Debug)]
pub(crate) struct Watchdog {
    child: Child,
}

impl Watchdog {
    pub(crate) fn over(server: &Server, folder: &Path) -> Result<Self, PostgresError> {
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT, "watchdog"])
            .arg(server.pid().to_string())
            .arg(folder);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // a group of its own: Ctrl-C is for us, not for it
        let child = command
            .process_group(0)
            .spawn()
            .map_err(|source| PostgresError::Spawn {
                program: "sh".to_owned(),
                source,
            })?;
        Ok(Self { child })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A new folder that only we can enter.
pub(crate) fn new_folder() -> Result<PathBuf, PostgresError> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("millrace-pg-{}-{number}", std::process::id()));
    let failed = || PostgresError::file("creating", &folder);
    std::fs::create_dir(&folder).map_err(failed())?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).map_err(failed())?;
    Ok(folder)
}
