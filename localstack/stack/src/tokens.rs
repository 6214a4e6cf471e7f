//! API tokens: made once for an instance, kept in its folder, put into the table after every deploy.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::{now_text, unix_seconds};
use crate::files::{read_json, write_json};
use crate::instance::Instance;

const EVERY_SCOPE: [&str; 8] = [
    "admin",
    "datasets:read",
    "documents:read",
    "documents:write",
    "files:read",
    "files:write",
    "specs:read",
    "specs:write",
];
const READ_SCOPES: [&str; 4] = ["datasets:read", "documents:read", "files:read", "specs:read"];
const VALID_SECONDS: u64 = 365 * 86_400;

/// A token and who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    /// What is sent after `Bearer`.
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: String,
    /// Seconds since 1970.
    pub(crate) expires_at: u64,
}

impl Token {
    fn new(name: &str, scopes: &[&str]) -> anyhow::Result<Self> {
        let client_id = format!("local-{name}");
        let secret = BASE64_URL_SAFE_NO_PAD.encode(random_bytes()?);
        Ok(Self {
            name: name.to_owned(),
            token: format!("mr_{client_id}_{secret}"),
            client_id,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            created_at: now_text(),
            expires_at: unix_seconds() + VALID_SECONDS,
        })
    }

    /// What the table keeps instead of the token.
    pub(crate) fn hash(&self) -> String {
        hex(&Sha256::digest(self.token.as_bytes()))
    }
}

/// The instance's tokens: one for everything (first), one that only reads.
///
/// # Errors
/// When there are no random bytes or the file cannot be written.
pub(crate) fn settle(instance: &Instance) -> anyhow::Result<Vec<Token>> {
    let path = instance.path("tokens.json");
    let remembered: Option<Vec<Token>> = read_json(&path);
    let still_valid = |tokens: &Vec<Token>| {
        tokens.len() == 2
            && tokens
                .iter()
                .all(|token| token.expires_at > unix_seconds() + 86_400)
    };
    if let Some(mut tokens) = remembered.filter(still_valid) {
        // Scopes that have come since are given too: the table is written after every deploy.
        for (token, scopes) in tokens.iter_mut().zip([&EVERY_SCOPE[..], &READ_SCOPES]) {
            token.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        }
        return Ok(tokens);
    }
    let tokens = vec![
        Token::new("admin", &EVERY_SCOPE)?,
        Token::new("reader", &READ_SCOPES)?,
    ];
    write_json(&path, &tokens)?;
    Ok(tokens)
}

/// A password of 256 random bits.
///
/// # Errors
/// When there are no random bytes.
pub(crate) fn password() -> anyhow::Result<String> {
    Ok(hex(&random_bytes()?))
}

fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bytes)
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
