//! The HTTP API over a database of a test, asked as the gateway asks it.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_app::authenticate::{Authenticator, sha256_hex};
use millrace_app::ports::{
    ClientRecord, ClientStore, DownloadSigner, MultipartUploads, PresignedUpload, SettingStore, UploadSigner,
    UploadedPart,
};
use millrace_core::failure::Failure;
use millrace_core::principal::Scope;
use millrace_fn_api::deps::Deps;
use millrace_fn_api::{gateway, router};
use serde_json::{Value, json};

use crate::database::Database;
use crate::objects::MemoryObjects;
use crate::queues::MemoryQueues;
use crate::surroundings::Counter;

const TOKEN: &str = "mr_tests_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The API over a database, with buckets and queues in memory.
pub struct Served {
    deps: Arc<Deps>,
}

impl Served {
    /// The API over a database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let bucket = MemoryObjects::new(64 * 1024);
        let deps = Deps {
            store: database.store(),
            owner_store: database.owner_store(),
            landing: Arc::new(bucket.clone()),
            landing_reader: Arc::new(bucket.clone()),
            collections: Arc::new(bucket.clone()),
            documents: Arc::new(bucket),
            document_signer: Arc::new(Nobody),
            settings: Arc::new(Nobody),
            signer: Arc::new(Nobody),
            multipart_uploads: Arc::new(Nobody),
            sender: Arc::new(MemoryQueues::default()),
            reminder_delay_seconds: 60,
            authenticator: Authenticator::new(Arc::new(OneClient)),
            surroundings: Arc::new(Counter::default()),
            parts: Vec::new(),
        };
        Self { deps: Arc::new(deps) }
    }

    /// Status and body of an address.
    pub async fn get(&self, path: &str, query: &str) -> (u16, Value) {
        let payload = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": {"authorization": format!("Bearer {TOKEN}")},
            "requestContext": {"stage": "$default", "requestId": "r", "http": {"method": "GET", "path": path}},
            "isBase64Encoded": false,
        });
        self.answer(payload).await
    }

    /// Status and answer of a body that is posted as it is.
    pub async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let payload = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "body": body,
            "headers": {"authorization": format!("Bearer {TOKEN}"), "content-type": "application/json"},
            "requestContext": {"stage": "$default", "requestId": "r", "http": {"method": "POST", "path": path}},
            "isBase64Encoded": false,
        });
        self.answer(payload).await
    }

    async fn answer(&self, payload: Value) -> (u16, Value) {
        let response = gateway::handle(router::build(Arc::clone(&self.deps)), payload, None).await;
        let body = serde_json::from_str(&response.body).unwrap();
        (response.status_code, body)
    }

    /// The items of a listing, page by page to its end, and the sizes of the pages.
    pub async fn pages(&self, path: &str, limit: u32, member: &str) -> (Vec<Value>, Vec<usize>) {
        let (mut items, mut sizes) = (Vec::new(), Vec::new());
        let mut query = format!("limit={limit}");
        loop {
            let (status, mut page) = self.get(path, &query).await;
            assert_eq!(status, 200, "{path}?{query}: {page}");
            let Value::Array(found) = page[member].take() else {
                panic!("{path}: {page}")
            };
            sizes.push(found.len());
            items.extend(found);
            match page["next"].as_str() {
                Some(next) => query = format!("limit={limit}&cursor={next}"),
                None => return (items, sizes),
            }
        }
    }
}

/// Whoever is not needed to read and to declare.
struct Nobody;

fn nobody(operation: &'static str) -> Failure {
    Failure::invalid(operation, "nobody is here")
}

#[async_trait]
impl UploadSigner for Nobody {
    async fn sign_upload(&self, _: &str, _: u32) -> Result<PresignedUpload, Failure> {
        Err(nobody("tests.sign_upload"))
    }
}

#[async_trait]
impl MultipartUploads for Nobody {
    async fn begin(&self, _: &str) -> Result<String, Failure> {
        Err(nobody("tests.begin"))
    }

    async fn sign_part(&self, _: &str, _: &str, _: (u32, u64), _: u32) -> Result<PresignedUpload, Failure> {
        Err(nobody("tests.sign_part"))
    }

    async fn list(&self, _: &str, _: &str, _: u32, _: u32) -> Result<Option<Vec<UploadedPart>>, Failure> {
        Err(nobody("tests.list"))
    }

    async fn complete(&self, _: &str, _: &str, _: &[UploadedPart]) -> Result<bool, Failure> {
        Err(nobody("tests.complete"))
    }

    async fn abort(&self, _: &str, _: &str) -> Result<(), Failure> {
        Err(nobody("tests.abort"))
    }
}

#[async_trait]
impl DownloadSigner for Nobody {
    async fn sign_download(&self, _: &str, _: &str, _: &str, _: u32) -> Result<String, Failure> {
        Err(nobody("tests.sign_download"))
    }
}

#[async_trait]
impl SettingStore for Nobody {
    async fn load_setting(&self, _: &str) -> Result<Option<String>, Failure> {
        Err(nobody("tests.load_setting"))
    }

    async fn store_setting(&self, _: &str, _: &str, _: Option<i64>) -> Result<(), Failure> {
        Err(nobody("tests.store_setting"))
    }

    async fn delete_setting(&self, _: &str) -> Result<(), Failure> {
        Err(nobody("tests.delete_setting"))
    }
}

struct OneClient;

#[async_trait]
impl ClientStore for OneClient {
    async fn load_client(&self, _: &str) -> Result<Option<ClientRecord>, Failure> {
        Ok(Some(ClientRecord {
            token_sha256: sha256_hex(TOKEN),
            scopes: Scope::ALL.iter().map(|scope| scope.as_str().to_owned()).collect(),
            expires_at: i64::MAX,
        }))
    }
}
