//! API tokens: `mr_<client id>_<secret>`, of which only the SHA-256 is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use millrace_core::content_hash::ContentHash;
use millrace_core::failure::Failure;
use millrace_core::principal::{Principal, Scope};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::ports::{ClientRecord, ClientStore};

/// How long a client that was read is trusted: a revoked token ends within this.
pub const CLIENT_CACHE_MS: u64 = 60_000;
const CACHED_CLIENTS: usize = 1_000;

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// No token, or not in the form of one.
    #[error("the request carries no well-formed API token")]
    Missing,
    /// Unknown, expired, revoked or wrong: which of them is not told.
    #[error("the API token is not valid")]
    Invalid,
    /// The clients table could not be read; nobody is let in meanwhile.
    #[error("callers cannot be checked at the moment")]
    Unavailable(#[source] Failure),
}

/// Checks tokens, remembering clients for [`CLIENT_CACHE_MS`].
pub struct Authenticator {
    clients: Arc<dyn ClientStore>,
    cache: Mutex<HashMap<String, (u64, ClientRecord)>>,
}

impl Authenticator {
    /// An authenticator over a clients table.
    #[must_use]
    pub fn new(clients: Arc<dyn ClientStore>) -> Self {
        Self {
            clients,
            cache: Mutex::new(HashMap::new()),
        }
    }

    /// The caller that a token stands for.
    ///
    /// # Errors
    /// [`AuthenticationError`]; a clients table that is away lets nobody in.
    pub async fn authenticate(&self, token: &str, now_ms: u64) -> Result<Principal, AuthenticationError> {
        let client_id = client_id_of(token).ok_or(AuthenticationError::Missing)?;
        let client = match self.cached(client_id, now_ms) {
            Some(client) => client,
            None => self.load(client_id, now_ms).await?,
        };
        let is_same: bool = sha256_hex(token)
            .as_bytes()
            .ct_eq(client.token_sha256.as_bytes())
            .into();
        let has_expired = client.expires_at <= i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
        if !is_same || has_expired {
            return Err(AuthenticationError::Invalid);
        }
        let scopes = client
            .scopes
            .iter()
            .filter_map(|scope| Scope::parse(scope))
            .collect();
        Ok(Principal {
            client_id: client_id.to_owned(),
            scopes,
        })
    }

    fn cached(&self, client_id: &str, now_ms: u64) -> Option<ClientRecord> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, client) = cache.get(client_id)?;
        (now_ms.saturating_sub(*read_at) < CLIENT_CACHE_MS).then(|| client.clone())
    }

    async fn load(&self, client_id: &str, now_ms: u64) -> Result<ClientRecord, AuthenticationError> {
        let client = self
            .clients
            .load_client(client_id)
            .await
            .map_err(AuthenticationError::Unavailable)?;
        let client = client.ok_or(AuthenticationError::Invalid)?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_CLIENTS {
            cache.clear();
        }
        cache.insert(client_id.to_owned(), (now_ms, client.clone()));
        Ok(client)
    }
}

/// Lowercase hexadecimal SHA-256 of a text or of bytes.
#[must_use]
pub fn sha256_hex(content: impl AsRef<[u8]>) -> String {
    ContentHash::from(<[u8; 32]>::from(Sha256::digest(content))).to_string()
}

/// The public id in a token of the form `mr_<client id>_<secret of 43 characters>`.
fn client_id_of(token: &str) -> Option<&str> {
    const SECRET_CHARACTERS: usize = 43;
    let rest = token.strip_prefix("mr_")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let split = rest.len().checked_sub(SECRET_CHARACTERS + 1)?;
    if token.len() > 200 || split == 0 || !rest.bytes().all(is_plain) || rest.as_bytes()[split] != b'_' {
        return None;
    }
    Some(&rest[..split])
}

#[cfg(test)]
mod tests;
