//! Rewrites the RDS Data API's named parameters into PostgreSQL's numbered ones, in one pass over the tokens.
//! Invariant: nothing but parameters changes.

use crate::lexer::{Kind, Lexer, is_word};

#[cfg(test)]
mod tests;

/// The most parameters one statement can have: the wire protocol counts them in 16 bits.
pub const PARAMETERS_MAX: usize = 65_535;

/// A statement with numbered parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The statement, with `$n` in place of each `:name`.
    pub sql: String,
    /// The names without their colon, `names[n - 1]` for `$n`, each once, in the order of first use.
    pub names: Vec<String>,
}

/// Why a text is not one statement with parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SqlTextError {
    /// Something other than blanks and comments follows a top-level semicolon.
    #[error("more than one statement: the second begins at byte {offset}")]
    MultipleStatements {
        /// Where the second statement begins, in bytes.
        offset: usize,
    },
    /// The wire protocol cannot number so many.
    #[error("more than {PARAMETERS_MAX} parameters")]
    TooManyParameters,
    /// PostgreSQL cannot hold U+0000 in any text.
    #[error("the SQL text contains a NUL character at byte {offset}")]
    Nul {
        /// Where it is, in bytes.
        offset: usize,
    },
}

impl SqlTextError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MultipleStatements { .. } => "sql_multiple_statements",
            Self::TooManyParameters => "sql_too_many_parameters",
            Self::Nul { .. } => "sql_nul",
        }
    }
}

/// Replaces each `:name` (or `:1`) by `$n`; the same name gets the same number.
///
/// Left alone are casts (`::`), `:=`, slices (`a[1:n]`), and whatever stands in strings, quoted identifiers, dollar
/// quotes and comments. A trailing semicolon is tolerated. Where a parameter directly follows a word (`select:a`), a
/// space is put before `$n`, which would otherwise become part of the word.
///
/// # Errors
/// [`SqlTextError`]: several statements, too many parameters, a NUL.
pub fn rewrite(sql: &str) -> Result<Rewritten, SqlTextError> {
    if let Some(offset) = sql.find('\0') {
        return Err(SqlTextError::Nul { offset });
    }
    let mut out = String::with_capacity(sql.len());
    let mut numbers: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    let mut names = Vec::new();
    let mut boundary = Boundary::default();
    for token in Lexer::new(sql) {
        let text = &sql[token.start..token.end];
        boundary.admit(token.kind, text, token.start)?;
        if token.kind != Kind::Parameter {
            out.push_str(text);
            continue;
        }
        let name = &text[1..];
        let number = *numbers.entry(name).or_insert_with(|| {
            names.push(name.to_owned());
            names.len()
        });
        if number > PARAMETERS_MAX {
            return Err(SqlTextError::TooManyParameters);
        }
        if out.bytes().last().is_some_and(is_word) {
            out.push(' ');
        }
        out.push('$');
        out.push_str(&number.to_string());
    }
    Ok(Rewritten { sql: out, names })
}

/// Watches for a second statement.
#[derive(Debug, Default)]
struct Boundary {
    ended: bool,
    block: crate::statements::Nesting,
}

impl Boundary {
    fn admit(&mut self, kind: Kind, text: &str, offset: usize) -> Result<(), SqlTextError> {
        if self.ended && !matches!(kind, Kind::Blank | Kind::Semicolon) {
            return Err(SqlTextError::MultipleStatements { offset });
        }
        self.block.follow(kind, text);
        self.ended |= kind == Kind::Semicolon && self.block.is_top_level();
        Ok(())
    }
}
