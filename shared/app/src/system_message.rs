//! The system message: what an administrator tells everybody, for a while. It lies in the settings table, so it can
//! be read and changed with the database away.

use millrace_core::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use crate::ports::SettingStore;

/// The most characters of a message.
pub const MAX_CHARACTERS: usize = 8_000;
const SETTING: &str = "system_message";

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something will not be as usual.
    Warning,
    /// Something does not work.
    Error,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemMessage {
    /// Plain text.
    pub text: String,
    /// How much it matters.
    pub level: Level,
    /// From when it is shown, in milliseconds since 1970; at once without.
    pub from_ms: Option<i64>,
    /// Until when (exclusive); until it is taken away without.
    pub to_ms: Option<i64>,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at_ms: i64,
}

impl SystemMessage {
    /// Whether it is to be shown at an instant.
    #[must_use]
    pub fn is_active(&self, now_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= now_ms) && self.to_ms.is_none_or(|to| now_ms < to)
    }
}

/// The message that is set, active or not.
///
/// # Errors
/// [`Failure`] of the table.
pub async fn load_system_message(settings: &dyn SettingStore) -> Result<Option<SystemMessage>, Failure> {
    let Some(text) = settings.load_setting(SETTING).await? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Failure::new(FailureKind::Invalid, "system_message.load", error))
}

/// Sets the message, in place of the one before.
///
/// # Errors
/// [`Failure`] of the table.
pub async fn store_system_message(
    settings: &dyn SettingStore,
    message: &SystemMessage,
) -> Result<(), Failure> {
    let text = serde_json::to_string(message)
        .map_err(|error| Failure::new(FailureKind::Invalid, "system_message.store", error))?;
    let expires_at = message.to_ms.map(|to| to.div_euclid(1_000) + 1);
    settings.store_setting(SETTING, &text, expires_at).await
}

/// Takes the message away.
///
/// # Errors
/// [`Failure`] of the table.
pub async fn delete_system_message(settings: &dyn SettingStore) -> Result<(), Failure> {
    settings.delete_setting(SETTING).await
}

#[cfg(test)]
mod tests {
    use super::{Level, SystemMessage};

    #[test]
    fn a_message_is_shown_from_its_first_instant_to_before_its_last() {
        let message = |from_ms, to_ms| SystemMessage {
            text: "x".to_owned(),
            level: Level::Info,
            from_ms,
            to_ms,
            set_by: "admin".to_owned(),
            set_at_ms: 0,
        };
        let shown = |message: &SystemMessage| [9, 10, 19, 20].map(|now| message.is_active(now));
        assert_eq!(shown(&message(None, None)), [true; 4]);
        assert_eq!(shown(&message(Some(10), None)), [false, true, true, true]);
        assert_eq!(shown(&message(None, Some(20))), [true, true, true, false]);
        assert_eq!(shown(&message(Some(10), Some(20))), [false, true, true, false]);
    }
}
