//! Under which account the server runs: PostgreSQL refuses root.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::PostgresError;

/// How to start a program that refuses root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Not root: as ourselves.
    Own,
    /// Root: in a user namespace where we are number 1000. Needs no account, no change of owner, and works below a
    /// folder of mode 0700.
    Namespace,
    /// Root where namespaces are forbidden: as `nobody`, who then owns the files.
    Nobody {
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

const UNSHARE: [&str; 3] = ["--user", "--map-user=1000", "--map-group=1000"];

impl Account {
    pub(crate) fn choose() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Own;
        }
        let mut trial = Command::new("unshare");
        trial
            .args(UNSHARE)
            .arg("true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if trial.status().is_ok_and(|status| status.success()) {
            return Self::Namespace;
        }
        let (uid, gid) = nobody();
        Self::Nobody { uid, gid }
    }

    /// A command for `program` under this account, with nothing of our environment but `PATH`.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = match self {
            Self::Own => Command::new(program),
            Self::Namespace => {
                let mut command = Command::new("unshare");
                command.args(UNSHARE).arg(program);
                command
            }
            Self::Nobody { uid, gid } => {
                let mut command = Command::new(program);
                command.uid(uid).gid(gid);
                command
            }
        };
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        #[expect(
            clippy::disallowed_methods,
            reason = "the server's programs are found the way ours are"
        )]
        if let Ok(path) = std::env::var("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Hands over `folder` and all in it, where it belongs to another account (also of an earlier start).
    pub(crate) fn own(self, folder: &Path) -> Result<(), PostgresError> {
        let (uid, gid) = match self {
            Self::Own => return Ok(()),
            Self::Namespace => (0, 0),
            Self::Nobody { uid, gid } => (uid, gid),
        };
        let owner = std::fs::metadata(folder)
            .map_err(PostgresError::file("reading", folder))?
            .uid();
        if self == Self::Namespace && owner == uid {
            return Ok(());
        }
        hand_over(folder, uid, gid)
    }
}

fn hand_over(folder: &Path, uid: u32, gid: u32) -> Result<(), PostgresError> {
    let failed = || PostgresError::file("changing the owner of", folder);
    chown(folder, Some(uid), Some(gid)).map_err(failed())?;
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            hand_over(&entry.path(), uid, gid)?;
        } else {
            chown(entry.path(), Some(uid), Some(gid)).map_err(failed())?;
        }
    }
    Ok(())
}

/// The user and group of `nobody`, by the usual number where the account is not listed.
fn nobody() -> (u32, u32) {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts
        .lines()
        .find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .unwrap_or((65_534, 65_534))
}
