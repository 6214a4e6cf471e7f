//! Ports of an instance: chosen once, remembered, used again, so that addresses stay.

use std::net::TcpListener;
use std::ops::Range;

use anyhow::{anyhow, bail};
use serde::{Deserialize, Serialize};

use crate::files::{read_json, write_json};
use crate::instance::Instance;

const RANGE: Range<u16> = 20_000..32_000;
const ATTEMPTS: u32 = 1_000;

/// Loopback ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) ministack: u16,
    pub(crate) postgres: u16,
    pub(crate) data_api: u16,
    /// Nought in what an older program remembered.
    #[serde(default)]
    pub(crate) source: u16,
}

impl Ports {
    /// The instance's ports; those that another program has taken meanwhile are replaced and named in the answer.
    ///
    /// # Errors
    /// When no port is free or the file cannot be written.
    pub(crate) fn settle(instance: &Instance) -> anyhow::Result<(Self, Vec<String>)> {
        let path = instance.path("ports.json");
        let remembered: Option<Self> = read_json(&path);
        let mut moved = Vec::new();
        let mut choose = |what: &str, old: Option<u16>| -> anyhow::Result<u16> {
            if let Some(port) = old {
                if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                    return Ok(port);
                }
                moved.push(format!(
                    "port {port} of {what} is taken by another program: it moves"
                ));
            }
            free_port()
        };
        let ports = Self {
            ministack: choose("MiniStack", remembered.as_ref().map(|ports| ports.ministack))?,
            postgres: choose("PostgreSQL", remembered.as_ref().map(|ports| ports.postgres))?,
            data_api: choose("the Data API", remembered.as_ref().map(|ports| ports.data_api))?,
            source: choose(
                "the example source",
                remembered
                    .as_ref()
                    .map(|ports| ports.source)
                    .filter(|port| *port > 0),
            )?,
        };
        write_json(&path, &ports)?;
        Ok((ports, moved))
    }

    /// Where the emulator listens.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ministack)
    }

    /// Where the example source listens.
    pub(crate) fn source_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.source)
    }

    /// Where the Data API listens.
    pub(crate) fn data_api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.data_api)
    }
}

/// A port that is free now. Below the range that systems give to outgoing connections (from 32768 on Linux, 49152 on
/// macOS), so that none of those can take it while the instance is down.
fn free_port() -> anyhow::Result<u16> {
    for _ in 0..ATTEMPTS {
        let mut random = [0_u8; 2];
        getrandom::fill(&mut random).map_err(|error| anyhow!("no random bytes: {error}"))?;
        let port = RANGE.start + u16::from_le_bytes(random) % (RANGE.end - RANGE.start);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 from {} to {}", RANGE.start, RANGE.end)
}
