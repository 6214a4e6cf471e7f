//! SQL text without a database: named parameters, statement splitting, identifier quoting.
//!
//! Everything here is pure and total: no input makes it panic, and text that is not a parameter comes out byte for
//! byte as it went in. One lexer serves all of it, and it follows PostgreSQL's own lexical rules
//! (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html>) with `standard_conforming_strings` on.
//!
//! It must never know what a statement *means*: whether SQL is valid is the server's to say.
//!
//! - [`parameters::rewrite`]: `:name` → `$n`, as the RDS Data API does.
//! - [`statements::split`]: a script into its single statements.
//! - [`identifier::quote`]: the one way in which a name from a spec gets into SQL.
//! - [`constant::constant`]: the one way in which a value from a spec does.

pub mod constant;
pub mod identifier;
mod lexer;
pub mod parameters;
pub mod statements;
