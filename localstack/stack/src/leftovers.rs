//! What an instance's killed programs left: found by the records of `serve.json`, ended, and named.

use std::time::Duration;

use crate::files::read_json;
use crate::instance::Instance;
use crate::process::{self, Record};
use crate::status::Serving;

/// Long enough for the emulator to save its state.
pub(crate) const EMULATOR_PATIENCE: Duration = Duration::from_secs(20);
/// Where a test run remembers the step that uses the stack.
pub(crate) const STEP_FILE: &str = "step.json";
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends everything that is left of the instance; says what there was.
///
/// # Errors
/// When the database server does not stop.
pub(crate) fn end(instance: &Instance) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    if let Some(Some(step)) = read_json::<Option<Record>>(&instance.path(STEP_FILE))
        .filter(|step| step.as_ref().is_some_and(Record::is_alive))
    {
        process::end_group(&step);
        found.push("a step of a test run".to_owned());
    }
    if let Some(serving) = Serving::read(instance) {
        if let Some(record) = &serving.ministack {
            found.extend(end_emulator(instance, record));
        }
        let stopped = |record: &Option<Record>| record.as_ref().is_some_and(|record| record.stop(PATIENCE));
        if stopped(&serving.data_api) {
            found.push("the Data API endpoint".to_owned());
        }
    }
    let data_dir = instance.path("pg");
    if data_dir.is_dir() && millrace_postgres::stop_leftover(&data_dir)? {
        found.push("PostgreSQL".to_owned());
    }
    Ok(found)
}

/// Stops the emulator (it saves its state first) and the functions that it started, which a killed emulator leaves.
pub(crate) fn end_emulator(instance: &Instance, record: &Record) -> Vec<String> {
    let mut found = Vec::new();
    if record.stop(EMULATOR_PATIENCE) {
        found.push("MiniStack".to_owned());
    }
    let folder = instance.path("ministack");
    let folder = std::fs::canonicalize(&folder).unwrap_or(folder);
    let functions = process::end_members(record.pid, &folder);
    if functions > 0 {
        found.push(format!("{functions} function processes"));
    }
    found
}
