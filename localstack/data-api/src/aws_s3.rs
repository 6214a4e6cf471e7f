//! The stand-in for Aurora's `aws_s3`: what has to be run in a database before
//! `aws_s3.table_import_from_s3`, `aws_s3.query_export_to_s3` and `aws_commons.create_s3_uri` work there.
//!
//! On Aurora a migration says `create extension aws_s3 cascade` and grants; here the extension's place is taken by
//! [`install_script`], and the grants are the same. Differences that are known: credentials, region and key encryption
//! are accepted and ignored; an object is not unpacked (`gzip`); an export is one file of any size,
//! and its columns need names that differ.

use millrace_sql::identifier::{IdentifierError, quote};

/// The functions themselves, without the program they start. To be run as the superuser.
pub const AWS_S3_SQL: &str = include_str!("aws_s3.sql");

/// A script that makes the functions in a database, lets them start `command` ([`crate::s3_copy::run`] is given what
/// follows it), and lets `owner` use them and grant their use. To be run as the superuser; running it again changes the
/// command.
///
/// # Errors
/// [`IdentifierError`] when `owner` cannot be a role's name.
pub fn install_script(command: &[String], owner: &str) -> Result<String, IdentifierError> {
    let owner = quote(owner)?;
    let command: Vec<String> = command.iter().map(|word| for_shell(word)).collect();
    let command = command.join(" ").replace('\'', "''");
    Ok(format!(
        "{AWS_S3_SQL}\n\
         insert into aws_s3._program (command) values ('{command}')\n\
           on conflict (only_row) do update set command = excluded.command;\n\
         grant usage on schema aws_commons, aws_s3 to {owner} with grant option;\n\
         grant execute on all functions in schema aws_commons, aws_s3 to {owner} with grant option;\n"
    ))
}

/// A word that the shell leaves as it is.
fn for_shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
