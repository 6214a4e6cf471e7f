//! What this machine must have, checked before anything is started; what is missing is named with how to get it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, ensure};

/// The oldest Python that the pinned packages run on.
const PYTHON_MIN: (u32, u32) = (3, 10);
const PYTHON_NAMES: [&str; 6] = [
    "python3",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python",
];
const FREE_BYTES_MIN: u64 = 1 << 30;

/// A Python that can make virtual environments.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    pub(crate) version: String,
}

/// What was found, so that it is looked for once.
#[derive(Debug, Clone)]
pub(crate) struct Prerequisites {
    pub(crate) python: Python,
}

/// Checks everything at once and reports all that is missing together.
///
/// # Errors
/// When something is missing: one paragraph for each, with how to get it.
pub(crate) fn check(folder: &Path) -> anyhow::Result<Prerequisites> {
    let mut missing = Vec::new();
    let python = find_python().map_err(|text| missing.push(text)).ok();
    if let Err(error) = check_disk(folder) {
        missing.push(format!("{error:#}"));
    }
    if let Err(error) = check_account(folder) {
        missing.push(format!("{error:#}"));
    }
    match python {
        Some(python) if missing.is_empty() => Ok(Prerequisites { python }),
        _ => bail!("this machine is not ready:\n\n  - {}\n", missing.join("\n  - ")),
    }
}

fn find_python() -> Result<Python, String> {
    let wanted = format!("{}.{}", PYTHON_MIN.0, PYTHON_MIN.1);
    let chosen = std::env::var_os("MILLRACE_PYTHON").map(PathBuf::from);
    let names = chosen.map_or_else(
        || PYTHON_NAMES.iter().map(PathBuf::from).collect(),
        |path| vec![path],
    );
    let mut seen = Vec::new();
    for program in names {
        match probe(&program) {
            Some((version, true)) if version >= PYTHON_MIN => {
                return Ok(Python {
                    program,
                    version: format!("{}.{}", version.0, version.1),
                });
            }
            Some((version, has_venv)) => {
                let lacks = if has_venv {
                    "too old"
                } else {
                    "without venv and pip"
                };
                seen.push(format!(
                    "{} is {}.{}, {lacks}",
                    program.display(),
                    version.0,
                    version.1
                ));
            }
            None => {}
        }
    }
    let found = if seen.is_empty() {
        "none was found".to_owned()
    } else {
        seen.join("; ")
    };
    Err(format!(
        "Python {wanted} or newer with venv and pip is needed ({found}).\n    \
         Debian, Ubuntu: apt-get install python3 python3-venv · Fedora: dnf install python3 · macOS: brew install python\n    \
         Another one: MILLRACE_PYTHON=/path/to/python3 cargo local up"
    ))
}

/// The version of a Python and whether it can make virtual environments.
fn probe(program: &Path) -> Option<((u32, u32), bool)> {
    const SCRIPT: &str = "import sys\nprint(*sys.version_info[:2])\nimport venv, ensurepip\nprint('venv')";
    let output = Command::new(program)
        .args(["-c", SCRIPT])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    let version = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((version, words.next() == Some("venv")))
}

fn check_disk(folder: &Path) -> anyhow::Result<()> {
    let existing = folder
        .ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(Path::new("/"));
    let space = rustix::fs::statvfs(existing)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    ensure!(
        free >= FREE_BYTES_MIN,
        "{} MiB of disk are free at {}, {} are needed: make room",
        free >> 20,
        existing.display(),
        FREE_BYTES_MIN >> 20
    );
    Ok(())
}

/// PostgreSQL refuses root: as root it needs user namespaces, or a folder that the account `nobody` can enter.
fn check_account(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let namespace = Command::new("unshare")
        .args(["--user", "--map-user=1000", "--map-group=1000", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if namespace.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let closed = folder.ancestors().find(|path| {
        path.metadata()
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
    });
    match closed {
        None => Ok(()),
        Some(closed) => bail!(
            "PostgreSQL does not run as root, user namespaces are forbidden here, and {} is closed to the account \
             nobody.\n    Run as another user, or: chmod o+x {}",
            closed.display(),
            closed.display()
        ),
    }
}
