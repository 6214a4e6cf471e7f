//! The settings table in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_app::ports::SettingStore;
use millrace_core::failure::Failure;

/// Texts by id, with the second after which they may be forgotten.
pub(in crate::tests) type Stored = Arc<Mutex<BTreeMap<String, (String, Option<i64>)>>>;

#[derive(Default)]
pub(super) struct Settings(pub(super) Stored);

#[async_trait]
impl SettingStore for Settings {
    async fn load_setting(&self, setting_id: &str) -> Result<Option<String>, Failure> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .get(setting_id)
            .map(|(text, _)| text.clone()))
    }

    async fn store_setting(
        &self,
        setting_id: &str,
        text: &str,
        expires_at: Option<i64>,
    ) -> Result<(), Failure> {
        let setting = (text.to_owned(), expires_at);
        self.0.lock().unwrap().insert(setting_id.to_owned(), setting);
        Ok(())
    }

    async fn delete_setting(&self, setting_id: &str) -> Result<(), Failure> {
        self.0.lock().unwrap().remove(setting_id);
        Ok(())
    }
}
