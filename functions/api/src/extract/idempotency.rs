//! The `Idempotency-Key` header.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::problem::Problem;

/// The header's name.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A caller's key for one effect: 1 to 255 visible ASCII characters; none when the header is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// The key beside the hash of the request that it stands for.
    #[must_use]
    pub fn with<'a>(&'a self, request_sha256: &'a str) -> Option<(&'a str, &'a str)> {
        self.0.as_deref().map(|key| (key, request_sha256))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = first else {
            return Ok(Self(None));
        };
        let key = value.to_str().ok().filter(|key| is_key(key) && second.is_none());
        key.map(|key| Self(Some(key.to_owned()))).ok_or_else(|| {
            let detail = "an Idempotency-Key has 1 to 255 visible ASCII characters, and there is one";
            Problem::malformed("bad_idempotency_key", detail)
        })
    }
}

fn is_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}
