//! The migrations, in order, built into the function.

use sha2::{Digest as _, Sha256};

use crate::migrate::MigrateError;

/// A numbered SQL script.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number; they have no gaps.
    pub version: u32,
    /// What it is about.
    pub name: &'static str,
    /// The script.
    pub script: &'static str,
}

impl Migration {
    /// Lowercase hexadecimal SHA-256 of the script: a migration that was applied never changes.
    #[must_use]
    pub fn checksum(&self) -> String {
        Sha256::digest(self.script.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Refuses a script that is not the one that was applied.
    ///
    /// # Errors
    /// [`MigrateError::Changed`].
    pub(crate) fn check(&self, applied_checksum: &str) -> Result<(), MigrateError> {
        if self.checksum() == applied_checksum {
            return Ok(());
        }
        Err(MigrateError::Changed(self.version))
    }
}

macro_rules! migration {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            script: include_str!(concat!("../../../infra/sql/", $file)),
        }
    };
}

/// All migrations.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "schemas", "0001_schemas.sql"),
    migration!(2, "specs", "0002_specs.sql"),
    migration!(3, "files", "0003_files.sql"),
    migration!(4, "datasets", "0004_datasets.sql"),
    migration!(5, "dimensions", "0005_dimensions.sql"),
    migration!(6, "app_password", "0006_app_password.sql"),
    migration!(7, "create_spec", "0007_create_spec.sql"),
    migration!(8, "documents", "0008_documents.sql"),
    migration!(9, "sources", "0009_sources.sql"),
    migration!(10, "uploads", "0010_uploads.sql"),
    migration!(11, "settling", "0011_settling.sql"),
    migration!(12, "kpis", "0012_kpis.sql"),
    migration!(13, "ways_in", "0013_ways_in.sql"),
    migration!(14, "life_of_specs", "0014_life_of_specs.sql"),
    migration!(15, "repair", "0015_repair.sql"),
    migration!(16, "building", "0016_building.sql"),
    migration!(17, "staging", "0017_staging.sql"),
    migration!(18, "retired_datasets", "0018_retired_datasets.sql"),
    migration!(19, "ready_rows", "0019_ready_rows.sql"),
    migration!(20, "pipelines", "0020_pipelines.sql"),
    migration!(
        21,
        "moves_and_reconciliation",
        "0021_moves_and_reconciliation.sql"
    ),
    migration!(22, "declared_uploads", "0022_declared_uploads.sql"),
    migration!(23, "taken_again", "0023_taken_again.sql"),
    migration!(24, "many_files", "0024_many_files.sql"),
    migration!(25, "files_of_one_spec", "0025_files_of_one_spec.sql"),
];

/// The newest schema version that this build knows.
#[must_use]
pub fn latest_version() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_script_is_listed_once_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/sql");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".sql"))
            .collect();
        files.sort();
        let listed: Vec<String> = MIGRATIONS
            .iter()
            .map(|migration| format!("{:04}_{}.sql", migration.version, migration.name))
            .collect();
        assert_eq!(files, listed);
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version as usize, at + 1);
        }
    }
}
