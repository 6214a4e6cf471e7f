//! The instance's PostgreSQL: server, owner role, database, `aws_s3`.

use std::path::PathBuf;

use anyhow::Context as _;
use millrace_postgres::{Binaries, Server, ServerOptions};

use crate::environment::Environment;
use crate::files::{read_json, write_json};
use crate::instance::Instance;
use crate::tokens;

/// The database of every instance.
pub(crate) const DATABASE: &str = "millrace";
/// Owns the database; the migrations run as it.
pub(crate) const OWNER: &str = "millrace_owner";

/// Which PostgreSQL: an installed one where `MILLRACE_POSTGRES_BIN` names its programs, else the packaged one.
///
/// # Errors
/// When the programs are not there.
pub(crate) fn binaries(environment: &Environment) -> anyhow::Result<Binaries> {
    if let Some(folder) = std::env::var_os("MILLRACE_POSTGRES_BIN") {
        return Binaries::at(PathBuf::from(folder)).context("MILLRACE_POSTGRES_BIN");
    }
    Ok(Binaries::find(environment.postgres_folders())?)
}

/// The owner's password: made once for an instance.
///
/// # Errors
/// When it can be neither read nor written.
pub(crate) fn owner_password(instance: &Instance) -> anyhow::Result<String> {
    let path = instance.path("database-owner.json");
    if let Some(password) = read_json(&path) {
        return Ok(password);
    }
    let password = tokens::password()?;
    write_json(&path, &password)?;
    Ok(password)
}

/// Starts the server on the instance's folder (made on first use) and brings roles and database to what they must be.
///
/// # Errors
/// When the server does not start or refuses a statement.
pub(crate) fn start(instance: &Instance, binaries: Binaries, port: u16, s3: &str) -> anyhow::Result<Server> {
    let mut options = ServerOptions::new(binaries, instance.path("pg"));
    options.port = Some(port);
    options.log_file = Some(instance.log("postgres"));
    let server = Server::start(&options).context("starting PostgreSQL")?;
    prepare(&server, &owner_password(instance)?, s3).context("preparing the database")?;
    Ok(server)
}

fn prepare(server: &Server, password: &str, s3: &str) -> anyhow::Result<()> {
    let role = format!(
        "do $$ begin if not exists (select from pg_roles where rolname = '{OWNER}') then \
         create role {OWNER} login createrole createdb; end if; end $$; \
         alter role {OWNER} password '{password}'"
    );
    server.execute("postgres", &role)?;
    if server.execute(DATABASE, "select 1").is_err() {
        server.create_database(DATABASE, None)?;
    }
    server.execute(DATABASE, &format!("alter database {DATABASE} owner to {OWNER}"))?;
    server.execute(DATABASE, s3)?;
    Ok(())
}
