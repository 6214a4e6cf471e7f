//! The system message on the wire.

use jiff::Timestamp;
use millrace_app::system_message::{Level, MAX_CHARACTERS, SystemMessage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Problem, rules_are_broken};

/// A message to be shown.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemMessageAsked {
    /// Plain text; line breaks are kept.
    #[schema(min_length = 1, max_length = 8_000)]
    pub text: String,
    /// `info`, `warning` or `error`.
    #[schema(example = "warning")]
    pub level: String,
    /// From when (RFC 3339); at once when absent.
    #[schema(example = "2023-02-01T06:00:00Z")]
    pub from: Option<String>,
    /// Until when (RFC 3339, exclusive); until it is taken away when absent.
    #[schema(example = "2023-02-01T08:00:00Z")]
    pub to: Option<String>,
}

impl SystemMessageAsked {
    /// Checks the message.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn check(&self, set_by: &str, now_ms: i64) -> Result<SystemMessage, Problem> {
        let mut broken: Vec<(&str, String)> = Vec::new();
        if !is_text(&self.text) {
            let message = format!(
                "has 1 to {MAX_CHARACTERS} characters, not all of them blank, and no control character but line breaks"
            );
            broken.push(("/text", message));
        }
        let level = level(&self.level);
        if level.is_none() {
            broken.push(("/level", "has to be info, warning or error".to_owned()));
        }
        let mut instants = [None, None];
        for (at, (pointer, text)) in [("/from", &self.from), ("/to", &self.to)].into_iter().enumerate() {
            let Some(text) = text else { continue };
            match text.parse::<Timestamp>() {
                Ok(instant) => instants[at] = Some(instant.as_millisecond()),
                Err(_) => broken.push((pointer, "has to be an instant (RFC 3339)".to_owned())),
            }
        }
        let [from_ms, to_ms] = instants;
        if from_ms.zip(to_ms).is_some_and(|(from, to)| from >= to) {
            broken.push(("/to", "has to be after from".to_owned()));
        }
        match (level, broken.is_empty()) {
            (Some(level), true) => Ok(SystemMessage {
                text: self.text.clone(),
                level,
                from_ms,
                to_ms,
                set_by: set_by.to_owned(),
                set_at_ms: now_ms,
            }),
            _ => Err(refusal(broken)),
        }
    }
}

fn refusal(broken: Vec<(&str, String)>) -> Problem {
    let detail = rules_are_broken(broken.len());
    let problem = Problem::invalid("invalid_system_message", detail);
    broken.into_iter().fold(problem, |problem, (pointer, message)| {
        problem.at(pointer, "wrong_value", message)
    })
}

fn is_text(text: &str) -> bool {
    let is_bad = |character: char| character.is_control() && character != '\n';
    !text.trim().is_empty() && text.chars().count() <= MAX_CHARACTERS && !text.chars().any(is_bad)
}

fn level(text: &str) -> Option<Level> {
    match text {
        "info" => Some(Level::Info),
        "warning" => Some(Level::Warning),
        "error" => Some(Level::Error),
        _ => None,
    }
}

/// A message that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SystemMessageDetail {
    /// Plain text.
    pub text: String,
    /// `info`, `warning` or `error`.
    #[schema(value_type = String, example = "warning")]
    pub level: Level,
    /// From when it is shown.
    pub from: Option<String>,
    /// Until when, exclusive.
    pub to: Option<String>,
    /// Whether everybody sees it now.
    pub is_active: bool,
}

impl SystemMessageDetail {
    /// The message as it is shown at an instant.
    #[must_use]
    pub fn new(message: SystemMessage, now_ms: i64) -> Self {
        let text = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        Self {
            is_active: message.is_active(now_ms),
            text: message.text,
            level: message.level,
            from: message.from_ms.map(text),
            to: message.to_ms.map(text),
        }
    }
}

/// The message, if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SystemMessageShown {
    /// Null when there is none to be shown.
    pub message: Option<SystemMessageDetail>,
}
