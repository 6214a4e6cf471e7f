//! A real server: as root or not, in a closed folder, after a kill. Skipped where no PostgreSQL is installed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says why it is skipped"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use millrace_postgres::{Binaries, PostgresError, SUPERUSER, Server, ServerOptions, stop_leftover};

fn binaries() -> Option<Binaries> {
    let found = Binaries::installed().ok();
    if found.is_none() {
        println!("skipped: no PostgreSQL server is installed (set MILLRACE_TEST_PG_BIN)");
    }
    found
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

async fn text(connection: &str, query: &str) -> Result<String, tokio_postgres::Error> {
    let (client, driver) = tokio_postgres::connect(connection, tokio_postgres::NoTls).await?;
    tokio::spawn(driver);
    client.query_one(query, &[]).await.map(|row| row.get(0))
}

#[tokio::test]
async fn starts_in_a_closed_folder_and_has_the_settings_it_promises() {
    let Some(binaries) = binaries() else { return };
    let folder = folder();
    let server = Server::start(&ServerOptions::new(binaries, folder.path().join("pg"))).unwrap();
    let connection = server.superuser_connection(SUPERUSER);
    for (name, wanted) in [
        ("fsync", "off"),
        ("listen_addresses", "127.0.0.1"),
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO, YMD"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
    ] {
        assert_eq!(
            text(&connection, &format!("show {name}")).await.unwrap(),
            wanted,
            "{name}"
        );
    }
    server.stop().unwrap();
}

#[tokio::test]
async fn a_password_is_really_checked_over_tcp() {
    let Some(binaries) = binaries() else { return };
    let folder = folder();
    let server = Server::start(&ServerOptions::new(binaries, folder.path().join("pg"))).unwrap();
    server
        .execute(SUPERUSER, "create role app login password 'it''s \\ right'")
        .unwrap();
    server.create_database("base", None).unwrap();
    server
        .execute(
            "base",
            "create table t (x text); insert into t values ('one'); grant select on t to app",
        )
        .unwrap();
    server.create_database("copy", Some("base")).unwrap();
    let right = server.connection("copy", "app", "it's \\ right");
    assert_eq!(text(&right, "select x from t").await.unwrap(), "one");
    assert!(
        text(&server.connection("copy", "app", "wrong"), "select x from t")
            .await
            .is_err()
    );
    assert!(
        text(&server.connection("copy", SUPERUSER, ""), "select x from t")
            .await
            .is_err()
    );
    server.drop_database("copy").unwrap();
    server.drop_database("copy").unwrap();
    assert!(text(&right, "select x from t").await.is_err());
    assert!(matches!(
        server.create_database("", None),
        Err(PostgresError::Identifier(_))
    ));
}

#[tokio::test]
async fn keeps_rows_and_port_over_restart_crash_and_kill() {
    let Some(binaries) = binaries() else { return };
    let folder = folder();
    let mut options = ServerOptions::new(binaries, folder.path().join("pg"));
    let server = Server::start(&options).unwrap();
    options.port = Some(server.port());
    server
        .execute(SUPERUSER, "create table t as select 'kept'::text as x")
        .unwrap();
    server.stop().unwrap();
    let server = Server::start(&options).unwrap();
    server.stop_immediate().unwrap();
    let server = Server::start(&options).unwrap();
    // as a `kill -9` of the starting program would leave it: running, with nobody to stop it
    let orphan = server.pid();
    std::mem::forget(server);
    let server = Server::start(&options).unwrap();
    assert_ne!(server.pid(), orphan);
    // and the server itself killed, with a lock that names a process which is not a server
    let killed = std::process::Command::new("kill")
        .args(["-9", &server.pid().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let lock = options.data_dir.join("postmaster.pid");
    rewrite_pid(&lock, std::process::id());
    std::mem::forget(server);
    let server = Server::start(&options).unwrap();
    assert_eq!(Some(server.port()), options.port);
    assert_eq!(
        text(&server.superuser_connection(SUPERUSER), "select x from t")
            .await
            .unwrap(),
        "kept"
    );
    drop(server);
    assert!(!stop_leftover(&options.data_dir).unwrap());
}

fn rewrite_pid(lock: &Path, pid: u32) {
    let content = std::fs::read_to_string(lock).unwrap();
    let rest = content.split_once('\n').map_or("", |(_, rest)| rest);
    std::fs::write(lock, format!("{pid}\n{rest}")).unwrap();
}

#[tokio::test]
async fn works_below_a_path_too_long_for_a_socket() {
    let Some(binaries) = binaries() else { return };
    let folder = folder();
    let deep = folder.path().join("a".repeat(60)).join("b's".repeat(20));
    let server = Server::start(&ServerOptions::new(binaries, deep)).unwrap();
    assert_eq!(
        text(&server.superuser_connection(SUPERUSER), "select 'in'::text")
            .await
            .unwrap(),
        "in"
    );
}

#[test]
fn says_where_it_looked() {
    let missing = Binaries::find(["/nonexistent/one", "/nonexistent/two"]).unwrap_err();
    assert!(
        missing
            .to_string()
            .ends_with("/nonexistent/one, /nonexistent/two"),
        "{missing}"
    );
}

#[test]
fn a_setting_that_is_refused_is_named() {
    let Some(binaries) = binaries() else { return };
    let folder = folder();
    let mut options = ServerOptions::new(binaries, folder.path().join("pg"));
    options
        .settings
        .push(("no_such_setting".to_owned(), "1".to_owned()));
    let refused = Server::start(&options).unwrap_err().to_string();
    assert!(refused.contains("no_such_setting"), "{refused}");
}

#[tokio::test]
async fn an_ephemeral_server_leaves_nothing() {
    let Some(binaries) = binaries() else { return };
    let server = Server::ephemeral(binaries).unwrap();
    assert_eq!(
        text(&server.superuser_connection(SUPERUSER), "select 'in'::text")
            .await
            .unwrap(),
        "in"
    );
    let folder = server.data_dir().parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
}
