//! Fakes: a database that answers by the text of a statement, a bucket and queues in memory, one client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use millrace_app::authenticate::{Authenticator, sha256_hex};
use millrace_app::ports::{ClientRecord, ClientStore, MessageSender, Surroundings};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::Queue;
use millrace_core::principal::Scope;
use millrace_store::{Rows, Sql, Statement, Store, TransactionId, Value as SqlValue};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::deps::{Deps, Part, Probe};
use crate::router;

mod bucket;
mod settings;

use bucket::Bucket;

/// Answers a statement: the database of a test.
pub(super) type Script = dyn Fn(&Statement) -> Result<Rows, Failure> + Send + Sync;

/// A whole API over fakes.
pub(super) struct Api {
    router: Router,
    pub(super) statements: Arc<Mutex<Vec<Statement>>>,
    pub(super) objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub(super) parts: bucket::Parts,
    pub(super) messages: Arc<Mutex<Vec<(Queue, String)>>>,
    /// How late each of the messages is seen.
    pub(super) delays: Arc<Mutex<Vec<u16>>>,
    pub(super) settings: settings::Stored,
}

/// An answer, read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Read {
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Pointer and code of each error of a problem.
    pub(super) fn errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors
            .map(|error| {
                let member = |name: &str| error[name].as_str().unwrap();
                (member("pointer"), member("code"))
            })
            .collect()
    }
}

pub(super) const TOKEN: &str = "mr_tester_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub(super) fn api(script: impl Fn(&Statement) -> Result<Rows, Failure> + Send + Sync + 'static) -> Api {
    api_for(&Scope::ALL, script)
}

pub(super) fn api_for(
    scopes: &[Scope],
    script: impl Fn(&Statement) -> Result<Rows, Failure> + Send + Sync + 'static,
) -> Api {
    let statements = Arc::default();
    let sql = Arc::new(Database {
        script: Box::new(script),
        statements: Arc::clone(&statements),
    });
    let bucket = Arc::new(Bucket::default());
    let queues = Arc::new(Queues::default());
    let settings = Arc::new(settings::Settings::default());
    let deps = Deps {
        store: Store::new(sql.clone()),
        owner_store: Store::new(sql),
        landing: bucket.clone(),
        landing_reader: bucket.clone(),
        collections: bucket.clone(),
        documents: bucket.clone(),
        document_signer: bucket.clone(),
        settings: settings.clone(),
        signer: bucket.clone(),
        multipart_uploads: bucket.clone(),
        sender: queues.clone(),
        reminder_delay_seconds: 60,
        authenticator: Authenticator::new(Arc::new(Clients(
            scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        ))),
        surroundings: Arc::new(Still),
        parts: vec![
            Part {
                name: "good",
                probe: Box::new(Answering(true)),
            },
            Part {
                name: "bad",
                probe: Box::new(Answering(false)),
            },
        ],
    };
    Api {
        router: router::build(Arc::new(deps)),
        statements,
        objects: Arc::clone(&bucket.objects),
        parts: Arc::clone(&bucket.parts),
        messages: Arc::clone(&queues.messages),
        delays: Arc::clone(&queues.delays),
        settings: Arc::clone(&settings.0),
    }
}

/// An API whose database is never asked.
pub(super) fn api_without_database() -> Api {
    api(|statement| panic!("no statement was expected: {}", statement.text))
}

/// One row with one JSON text, as most statements answer.
pub(super) fn json(value: &Value) -> Result<Rows, Failure> {
    Ok(Rows {
        rows: vec![vec![SqlValue::Text(value.to_string())]],
    })
}

/// No row at all.
pub(super) fn nothing() -> Result<Rows, Failure> {
    Ok(Rows::default())
}

/// A failure with an SQLSTATE or an exception name.
pub(super) fn failure(kind: FailureKind, detail: &str) -> Failure {
    Failure::new(kind, "data_api.execute_statement", "told by a test").with_detail(detail)
}

pub(super) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {TOKEN}"))
}

impl Api {
    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Read {
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Read {
        self.send(request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// A request without a body.
    pub(super) async fn call(&self, method: &str, path: &str) -> Read {
        self.send(request(method, path).body(Body::empty()).unwrap())
            .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Read {
        let request = request("POST", path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// The texts of all statements.
    pub(super) fn texts(&self) -> Vec<String> {
        let statements = self.statements.lock().unwrap();
        statements
            .iter()
            .map(|statement| statement.text.to_string())
            .collect()
    }

    /// The values bound to a parameter, over all statements.
    pub(super) fn bound(&self, name: &str) -> Vec<SqlValue> {
        let statements = self.statements.lock().unwrap();
        let all = statements
            .iter()
            .flat_map(|statement| statement.parameters.clone());
        all.filter(|(bound, _)| bound == name)
            .map(|(_, value)| value)
            .collect()
    }
}

pub(super) async fn read(response: Response) -> Read {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if parts.status.is_client_error() || (parts.status.is_server_error() && body["parts"].is_null()) {
        assert_eq!(parts.headers["content-type"], "application/problem+json");
        assert_eq!(body["status"], parts.status.as_u16());
        assert!(
            body["code"].as_str().is_some_and(|code| !code.is_empty()),
            "{body}"
        );
    }
    Read {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

struct Database {
    script: Box<Script>,
    statements: Arc<Mutex<Vec<Statement>>>,
}

#[async_trait]
impl Sql for Database {
    async fn execute(&self, statement: &Statement) -> Result<Rows, Failure> {
        self.statements.lock().unwrap().push(statement.clone());
        if !statement.text.contains("as pieces,") {
            return (self.script)(statement);
        }
        // Documents come in pieces; a script answers the whole texts of the query within.
        let mut within = statement.clone();
        within
            .parameters
            .retain(|(name, _)| name != "after" && name != "after_at" && name != "most");
        let texts = (self.script)(&within)?.rows;
        let count = i64::try_from(texts.len()).unwrap();
        let piece = |(at, mut row): (usize, Vec<SqlValue>)| {
            vec![
                SqlValue::from(format!("{at:04}")),
                SqlValue::Long(1),
                row.remove(0),
                SqlValue::Long(count),
                SqlValue::Long(count),
            ]
        };
        Ok(Rows {
            rows: texts.into_iter().enumerate().map(piece).collect(),
        })
    }

    async fn begin(&self) -> Result<TransactionId, Failure> {
        Ok(TransactionId("t".to_owned()))
    }

    async fn commit(&self, _: &TransactionId) -> Result<(), Failure> {
        Ok(())
    }

    async fn rollback(&self, _: &TransactionId) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Default)]
struct Queues {
    messages: Arc<Mutex<Vec<(Queue, String)>>>,
    delays: Arc<Mutex<Vec<u16>>>,
}

#[async_trait]
impl MessageSender for Queues {
    async fn send(&self, queue: Queue, body: String, delay_seconds: u16) -> Result<(), Failure> {
        self.delays.lock().unwrap().push(delay_seconds);
        self.messages.lock().unwrap().push((queue, body));
        Ok(())
    }
}

struct Clients(Vec<String>);

#[async_trait]
impl ClientStore for Clients {
    async fn load_client(&self, client_id: &str) -> Result<Option<ClientRecord>, Failure> {
        match client_id {
            "tester" => Ok(Some(ClientRecord {
                token_sha256: sha256_hex(TOKEN),
                scopes: self.0.clone(),
                expires_at: 4_000_000_000,
            })),
            "away" => Err(failure(FailureKind::Transient, "ServiceUnavailable")),
            _ => Ok(None),
        }
    }
}

struct Still;

impl Surroundings for Still {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }

    fn random_bytes(&self) -> [u8; 10] {
        [7; 10]
    }
}

struct Answering(bool);

#[async_trait]
impl Probe for Answering {
    async fn answers(&self) -> Result<(), Failure> {
        if self.0 {
            Ok(())
        } else {
            Err(failure(FailureKind::Transient, "away"))
        }
    }
}
