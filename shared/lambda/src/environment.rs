//! Configuration from environment variables: all problems at once, at cold start.

use std::fmt;

/// What is wrong with the environment: every problem, not just the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentError(pub Vec<String>);

impl fmt::Display for EnvironmentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the environment is incomplete: {}", self.0.join("; "))
    }
}

impl std::error::Error for EnvironmentError {}

/// Reads variables by name and collects what is wrong with them.
pub struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Variables<'a> {
    /// Variables behind a lookup.
    #[must_use]
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: Vec::new(),
        }
    }

    /// A text that must be there and not be empty.
    pub fn text(&mut self, name: &str) -> String {
        match (self.lookup)(name) {
            Some(text) if !text.is_empty() => text,
            _ => {
                self.problems.push(format!("{name} is not set"));
                String::new()
            }
        }
    }

    /// A whole number that must be there.
    pub fn number(&mut self, name: &str) -> u64 {
        let text = self.text(name);
        if text.is_empty() {
            return 0;
        }
        text.parse().unwrap_or_else(|_| {
            self.problems.push(format!("{name} is not a whole number"));
            0
        })
    }

    /// What a text that may be absent or empty says; `parse` answers what is wrong with it.
    pub fn parsed<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = (self.lookup)(name).unwrap_or_default();
        parse(&text)
            .map_err(|wrong| self.problems.push(format!("{name} is wrong: {wrong}")))
            .ok()
    }

    /// Hands the configuration out if nothing was wrong.
    ///
    /// # Errors
    /// [`EnvironmentError`] with every problem.
    pub fn finish<T>(self, config: T) -> Result<T, EnvironmentError> {
        if self.problems.is_empty() {
            Ok(config)
        } else {
            Err(EnvironmentError(self.problems))
        }
    }
}

/// The process's own environment.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::Variables;

    #[test]
    fn reports_every_problem_at_once() {
        let lookup = |name: &str| (name == "MILLRACE_CHUNK_BYTES").then(|| "many".to_owned());
        let mut variables = Variables::new(&lookup);
        let stage = variables.text("MILLRACE_STAGE");
        let bytes = variables.number("MILLRACE_CHUNK_BYTES");
        let error = variables.finish((stage, bytes)).unwrap_err();
        assert_eq!(
            error.0,
            [
                "MILLRACE_STAGE is not set",
                "MILLRACE_CHUNK_BYTES is not a whole number"
            ]
        );
    }
}
