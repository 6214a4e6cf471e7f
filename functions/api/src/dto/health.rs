//! Health on the wire.

use serde::Serialize;
use utoipa::ToSchema;

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// `healthy`, `degraded` (some parts are down) or `down` (all are).
    #[schema(example = "healthy")]
    pub status: &'static str,
    /// The parts.
    pub parts: Vec<PartHealth>,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartHealth {
    /// The part.
    #[schema(example = "database")]
    pub name: &'static str,
    /// `up` or `down`.
    #[schema(example = "up")]
    pub status: &'static str,
    /// Why it is down: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}
