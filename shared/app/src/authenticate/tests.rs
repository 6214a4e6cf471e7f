use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::principal::Scope;

use super::{AuthenticationError, Authenticator, CLIENT_CACHE_MS, sha256_hex};
use crate::ports::{ClientRecord, ClientStore};

struct OneClient {
    record: Option<ClientRecord>,
    reads: AtomicUsize,
}

#[async_trait]
impl ClientStore for OneClient {
    async fn load_client(&self, client_id: &str) -> Result<Option<ClientRecord>, Failure> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match (client_id, &self.record) {
            ("away", _) => Err(Failure::new(FailureKind::Transient, "test", "away")),
            ("c_1", Some(record)) => Ok(Some(record.clone())),
            _ => Ok(None),
        }
    }
}

fn token(client_id: &str, fill: &str) -> String {
    format!("mr_{client_id}_{}", fill.repeat(43))
}

fn clients() -> Arc<OneClient> {
    let record = ClientRecord {
        token_sha256: sha256_hex(token("c_1", "a")),
        scopes: vec!["files:read".to_owned(), "unheard:of".to_owned()],
        expires_at: 1_000,
    };
    Arc::new(OneClient {
        record: Some(record),
        reads: AtomicUsize::new(0),
    })
}

#[tokio::test]
async fn a_good_token_has_its_scopes_and_is_read_once_a_minute() {
    let clients = clients();
    let authenticator = Authenticator::new(clients.clone());
    for now_ms in [0, 1, CLIENT_CACHE_MS - 1] {
        let principal = authenticator
            .authenticate(&token("c_1", "a"), now_ms)
            .await
            .unwrap();
        assert!(principal.has_scope(Scope::FilesRead) && !principal.has_scope(Scope::FilesWrite));
    }
    assert_eq!(clients.reads.load(Ordering::Relaxed), 1);
    authenticator
        .authenticate(&token("c_1", "a"), CLIENT_CACHE_MS)
        .await
        .unwrap();
    assert_eq!(clients.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_bad_token_is_refused() {
    let authenticator = Authenticator::new(clients());
    for (token, now_ms) in [
        (token("c_1", "b"), 0),
        (token("c_2", "a"), 0),
        (token("c_1", "a"), 1_000_000),
    ] {
        let refused = authenticator.authenticate(&token, now_ms).await;
        assert!(matches!(refused, Err(AuthenticationError::Invalid)), "{token}");
    }
    let cut = token("c_1", "a")[..20].to_owned();
    for text in [
        "",
        "mr_",
        "mr__",
        &cut,
        &format!("{} ", token("c_1", "a")),
        &token("ü", "a"),
        &"x".repeat(500),
    ] {
        let refused = authenticator.authenticate(text, 0).await;
        assert!(matches!(refused, Err(AuthenticationError::Missing)), "{text}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_while_clients_cannot_be_read() {
    let authenticator = Authenticator::new(clients());
    let refused = authenticator.authenticate(&token("away", "a"), 0).await;
    assert!(matches!(refused, Err(AuthenticationError::Unavailable(_))));
}
