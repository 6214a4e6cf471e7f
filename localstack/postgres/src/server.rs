//! One server: initialise, start, stop.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use millrace_sql::identifier::quote;
use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::binaries::Binaries;
use crate::data_dir::{read_lock, stop_leftover, wait_until};
use crate::error::PostgresError;
use crate::sql;
use crate::watchdog::{self, Watchdog};

/// The superuser that `initdb` makes. It can come in over the socket only.
pub const SUPERUSER: &str = "postgres";

const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// Starting is tried again while backends of a killed server let go of its memory, and when a free port was snatched.
const START_ATTEMPTS: u32 = 100;
/// `sun_path` has 108 bytes on Linux and 104 on macOS, `/.s.PGSQL.65535.lock` needs 21.
const SOCKET_DIR_BYTES_MAX: usize = 80;

const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_permissions", "0700"),
    ("fsync", "off"),
    ("datestyle", "ISO, YMD"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("max_connections", "200"),
    ("password_encryption", "scram-sha-256"),
    ("dynamic_shared_memory_type", "mmap"),
];

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Whose programs.
    pub binaries: Binaries,
    /// The data folder; initialised when absent or empty.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; a free one when not given.
    pub port: Option<u16>,
    /// Where the server logs to; `server.log` in the data folder when not given.
    pub log_file: Option<PathBuf>,
    /// Further settings, which win over ours.
    pub settings: Vec<(String, String)>,
}

impl ServerOptions {
    /// A server on `data_dir`, on a free port.
    #[must_use]
    pub fn new(binaries: Binaries, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            binaries,
            data_dir: data_dir.into(),
            port: None,
            log_file: None,
            settings: Vec::new(),
        }
    }
}

/// A running server; stopped when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    data_dir: PathBuf,
    socket_dir: PathBuf,
    watchdog: Option<Watchdog>,
}

impl Server {
    /// Starts a server in a new temporary folder, for tests: when it is dropped, and also when this process ends in any
    /// way without dropping it, the server stops and the folder is removed.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn ephemeral(binaries: Binaries) -> Result<Self, PostgresError> {
        let folder = watchdog::new_folder()?;
        Account::choose().own(&folder)?;
        let started = Self::start(&ServerOptions::new(binaries, folder.join("pg")));
        let mut server = started.inspect_err(|_| drop(std::fs::remove_dir_all(&folder)))?;
        server.watchdog = Some(Watchdog::over(&server, &folder)?);
        Ok(server)
    }

    /// Starts a server and returns when it takes connections. A server that a killed program left on the folder is
    /// stopped first.
    ///
    /// # Errors
    /// [`PostgresError`]: what could not be read, run or started, with the end of the server's log.
    pub fn start(options: &ServerOptions) -> Result<Self, PostgresError> {
        let account = Account::choose();
        let data_dir = prepare_data_dir(options, account)?;
        stop_leftover(&data_dir)?;
        write_access_rules(&data_dir)?;
        account.own(&data_dir)?;
        let mut failure = None;
        for _ in 0..START_ATTEMPTS {
            let port = options.port.map_or_else(free_port, Ok)?;
            match Self::attempt(options, account, &data_dir, port) {
                Ok(server) => return Ok(server),
                Err(PostgresError::Start { log }) if may_try_again(&log, options.port) => failure = Some(log),
                Err(error) => return Err(error),
            }
            wait_until(Duration::from_millis(100), || false);
        }
        Err(PostgresError::Start {
            log: failure.unwrap_or_default(),
        })
    }

    fn attempt(
        options: &ServerOptions,
        account: Account,
        data_dir: &Path,
        port: u16,
    ) -> Result<Self, PostgresError> {
        let socket_dir = socket_dir(data_dir, port, account)?;
        let log_path = options
            .log_file
            .clone()
            .unwrap_or_else(|| data_dir.join("server.log"));
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&log_path);
        let mut log = opened.map_err(PostgresError::file("opening", &log_path))?;
        let begin = log.seek(SeekFrom::End(0)).unwrap_or(0);
        let to_log = || {
            log.try_clone()
                .map(Stdio::from)
                .map_err(PostgresError::file("opening", &log_path))
        };
        let program = options.binaries.program("postgres");
        let mut command = account.command(&program);
        command
            .arg("-D")
            .arg(data_dir)
            .arg("-p")
            .arg(port.to_string())
            .arg("-k")
            .arg(&socket_dir);
        let ours = SETTINGS.iter().map(|(name, value)| format!("{name}={value}"));
        let theirs = options
            .settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        for setting in ours.chain(theirs) {
            command.arg("-c").arg(setting);
        }
        command.current_dir(data_dir).stdout(to_log()?).stderr(to_log()?);
        let child = command.spawn().map_err(|source| PostgresError::Spawn {
            program: program.display().to_string(),
            source,
        })?;
        let mut server = Self {
            child,
            port,
            data_dir: data_dir.to_owned(),
            socket_dir,
            watchdog: None,
        };
        if server.becomes_ready() {
            Ok(server)
        } else {
            Err(PostgresError::Start {
                log: tail(&mut log, begin),
            })
        }
    }

    fn becomes_ready(&mut self) -> bool {
        let pid = self.raw_pid();
        let mut ended = false;
        let ready = wait_until(START_PATIENCE, || {
            ended = !matches!(self.child.try_wait(), Ok(None));
            ended || read_lock(&self.data_dir).is_some_and(|lock| lock.pid == pid && lock.is_ready)
        });
        ready && !ended
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The main process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// How the superuser connects to `database` (key = value form, over the private socket, without a password).
    #[must_use]
    pub fn superuser_connection(&self, database: &str) -> String {
        format!(
            "host='{}' port={} user={SUPERUSER} dbname='{}'",
            escape(&self.socket_dir.to_string_lossy()),
            self.port,
            escape(database)
        )
    }

    /// How a role with a password connects to `database` (key = value form, over TCP).
    #[must_use]
    pub fn connection(&self, database: &str, user: &str, password: &str) -> String {
        format!(
            "host=127.0.0.1 port={} user='{}' password='{}' dbname='{}'",
            self.port,
            escape(user),
            escape(password),
            escape(database)
        )
    }

    /// Runs a script of one or more statements as the superuser, in one implicit transaction.
    ///
    /// # Errors
    /// [`PostgresError::Sql`] when connecting or a statement fails.
    pub fn execute(&self, database: &str, script: &str) -> Result<(), PostgresError> {
        sql::run(&self.superuser_connection(database), script)
    }

    /// Creates a database, as a copy of `template` or, without one, an empty one.
    ///
    /// # Errors
    /// [`PostgresError`] when a name is no identifier or the statement fails (the database exists, the template is in
    /// use).
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), PostgresError> {
        let template = quote(template.unwrap_or("template1"))?;
        self.execute(
            SUPERUSER,
            &format!("create database {} template {template}", quote(name)?),
        )
    }

    /// Drops a database and whoever is connected to it; one that does not exist is no error.
    ///
    /// # Errors
    /// [`PostgresError`] when the name is no identifier or the statement fails.
    pub fn drop_database(&self, name: &str) -> Result<(), PostgresError> {
        self.execute(
            SUPERUSER,
            &format!("drop database if exists {} with (force)", quote(name)?),
        )
    }

    /// Stops the server: open transactions are rolled back, everything is written.
    ///
    /// # Errors
    /// [`PostgresError::Stop`] when it does not end.
    pub fn stop(mut self) -> Result<(), PostgresError> {
        self.end(&[Signal::INT, Signal::QUIT, Signal::KILL])
    }

    /// Stops the server as a crash would: what was committed is recovered at the next start.
    ///
    /// # Errors
    /// [`PostgresError::Stop`] when it does not end.
    pub fn stop_immediate(mut self) -> Result<(), PostgresError> {
        self.end(&[Signal::QUIT, Signal::KILL])
    }

    fn end(&mut self, signals: &[Signal]) -> Result<(), PostgresError> {
        let pid = self.raw_pid();
        for signal in signals {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Ok(());
            }
            // not yet waited for, so the number is still its own
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, *signal));
            if wait_until(STOP_PATIENCE, || matches!(self.child.try_wait(), Ok(Some(_)))) {
                return Ok(());
            }
        }
        Err(PostgresError::Stop { pid })
    }

    fn raw_pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end(&[Signal::INT, Signal::QUIT, Signal::KILL]);
        if self.socket_dir != self.data_dir {
            let _ = std::fs::remove_dir_all(&self.socket_dir);
        }
        // then the watchdog removes the folder
        drop(self.watchdog.take());
    }
}

/// Makes the folder, and the cluster in it if there is none. Returns the folder's full path.
fn prepare_data_dir(options: &ServerOptions, account: Account) -> Result<PathBuf, PostgresError> {
    let wanted = &options.data_dir;
    std::fs::create_dir_all(wanted).map_err(PostgresError::file("creating", wanted))?;
    let data_dir = std::fs::canonicalize(wanted).map_err(PostgresError::file("resolving", wanted))?;
    if data_dir.join("PG_VERSION").is_file() {
        return Ok(data_dir);
    }
    account.own(&data_dir)?;
    let program = options.binaries.program("initdb");
    let mut command = account.command(&program);
    command
        .arg("-D")
        .arg(&data_dir)
        .arg("-U")
        .arg(SUPERUSER)
        .current_dir(&data_dir);
    command.args([
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--no-sync",
    ]);
    let output = command.output().map_err(|source| PostgresError::Spawn {
        program: program.display().to_string(),
        source,
    })?;
    if output.status.success() {
        return Ok(data_dir);
    }
    Err(PostgresError::Initdb {
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// The socket is for the superuser, without a password; everything else needs one.
fn write_access_rules(data_dir: &Path) -> Result<(), PostgresError> {
    let path = data_dir.join("pg_hba.conf");
    let rules = format!(
        "local all {SUPERUSER} trust\nlocal replication {SUPERUSER} trust\n\
         host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
    );
    std::fs::write(&path, rules).map_err(PostgresError::file("writing", &path))
}

/// The data folder (only its owner can enter it), or a short one where its path does not fit a socket's address.
fn socket_dir(data_dir: &Path, port: u16, account: Account) -> Result<PathBuf, PostgresError> {
    if data_dir.as_os_str().len() <= SOCKET_DIR_BYTES_MAX {
        return Ok(data_dir.to_owned());
    }
    let folder = std::env::temp_dir().join(format!("millrace-pg-{}-{port}", std::process::id()));
    let failed = || PostgresError::file("creating", &folder);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(failed())?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).map_err(failed())?;
    account.own(&folder)?;
    Ok(folder)
}

fn free_port() -> Result<u16, PostgresError> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound
        .map(|address| address.port())
        .map_err(PostgresError::file("binding a port on", Path::new("127.0.0.1")))
}

fn may_try_again(log: &str, fixed_port: Option<u16>) -> bool {
    let memory_in_use = log.contains("pre-existing shared memory block");
    memory_in_use || (fixed_port.is_none() && log.contains("Address already in use"))
}

/// What was logged since `begin`, at most its last 2,000 bytes or so.
fn tail(log: &mut File, begin: u64) -> String {
    let mut bytes = Vec::new();
    let _ = log
        .seek(SeekFrom::Start(begin))
        .and_then(|_| log.read_to_end(&mut bytes));
    let from = bytes.len().saturating_sub(2_000);
    String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
}

/// Escapes a value for a quoted place in a connection string.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\'', "\\'")
}
