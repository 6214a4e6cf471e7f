//! The yardstick of the data stage: psql's `\copy` of the CSV file into an unlogged table without keys.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use millrace_postgres::{Binaries, Server};

const TABLE: &str = "create unlogged table attendance (date date, school_id integer, grade smallint, \
     students_total integer, students_present integer, teacher_id text, lat double precision, remarks text)";

/// `\copy` into one table of a database of its own.
pub struct Copy {
    psql: PathBuf,
    connection: String,
}

impl Copy {
    /// A database of that name with the table, on the server that the product's figures come from.
    ///
    /// # Errors
    /// When it cannot be made, or there is no psql beside the server.
    pub fn prepare(server: &Server, database: &str) -> anyhow::Result<Self> {
        let psql = Binaries::installed()?.program("psql");
        ensure!(
            psql.is_file(),
            "there is no psql beside the server: {}",
            psql.display()
        );
        server.create_database(database, None)?;
        server.execute(database, TABLE)?;
        Ok(Self {
            psql,
            connection: server.superuser_connection(database),
        })
    }

    /// Copies a file into the emptied table: psql's own time of the one command, without its start and connection.
    ///
    /// # Errors
    /// When psql fails or takes another number of rows.
    pub fn run(&self, file: &Path, records: u64) -> anyhow::Result<Duration> {
        let file = file.display().to_string().replace('\'', "''");
        let copy = format!("\\copy attendance from '{file}' with (format csv, header)");
        let output = Command::new(&self.psql)
            .env_clear()
            .env("LC_ALL", "C")
            .args([
                "--no-psqlrc",
                "--set",
                "ON_ERROR_STOP=1",
                "--dbname",
                &self.connection,
            ])
            .args([
                "--command",
                "truncate attendance",
                "--command",
                "\\timing on",
                "--command",
                &copy,
            ])
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.psql.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("psql failed: {said}{}", String::from_utf8_lossy(&output.stderr));
        }
        ensure!(
            said.contains(&format!("COPY {records}\n")),
            "psql took other rows: {said}"
        );
        timing(&said).with_context(|| format!("psql does not say how long it took: {said}"))
    }

    /// The server's and psql's version.
    ///
    /// # Errors
    /// When psql cannot be run.
    pub fn version(&self) -> anyhow::Result<String> {
        let output = Command::new(&self.psql).arg("--version").output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// psql's `Time: 1234.567 ms (00:01.235)`.
fn timing(said: &str) -> Option<Duration> {
    let line = said.lines().find_map(|line| line.strip_prefix("Time: "))?;
    let (ms, _) = line.split_once(" ms")?;
    Some(Duration::from_secs_f64(ms.parse::<f64>().ok()? / 1e3))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::timing;

    #[test]
    fn the_time_that_psql_prints_is_read() {
        let said = "TRUNCATE TABLE\nTiming is on.\nCOPY 500000\nTime: 1234.500 ms (00:01.234)\n";
        assert_eq!(timing(said), Some(Duration::from_micros(1_234_500)));
        assert_eq!(timing("Time: 9.25 ms"), Some(Duration::from_micros(9_250)));
        assert_eq!(timing("COPY 3\n"), None);
    }
}
