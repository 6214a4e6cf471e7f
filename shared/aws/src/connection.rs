//! The SDK configuration, loaded once, on first use.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use tokio::sync::OnceCell;

/// The shared configuration of all clients of a function; cheap to clone.
#[derive(Clone, Default)]
pub struct Connection {
    config: Arc<OnceCell<SdkConfig>>,
}

impl Connection {
    /// A connection that has loaded nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection with a configuration of one's own.
    #[cfg(all(test, feature = "s3"))]
    pub(crate) fn of(config: SdkConfig) -> Self {
        Self {
            config: Arc::new(OnceCell::new_with(Some(config))),
        }
    }

    /// The configuration: region, credentials and endpoints from the environment.
    pub async fn config(&self) -> &SdkConfig {
        let load = || async { aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await };
        self.config.get_or_init(load).await
    }
}
