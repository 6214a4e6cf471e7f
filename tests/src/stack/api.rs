//! The API, as a program of a provider uses it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::wait_for;

const FINAL: [&str; 3] = ["Ready_to_archive", "Archived", "Error"];
/// A call that gets no answer fails the test.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Fails the test unless everything has a file that it feeds; a move that another test has begun may have archived it.
pub fn assert_through(file: &Value) {
    let status = file["status"].as_str().unwrap_or_default();
    assert!(["Ready_to_archive", "Archived"].contains(&status), "{file}");
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// Where it sends its caller on to.
    pub location: Option<String>,
    /// The body as JSON, or null.
    pub body: Value,
    /// The body.
    pub text: String,
}

impl Answer {
    /// A problem's code, or nothing.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Fails the test unless this is a problem of that status and code.
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        assert!(
            self.content_type.starts_with("application/problem+json"),
            "{}",
            self.content_type
        );
        assert_eq!(self.body["status"], status, "{}", self.text);
    }

    /// Fails the test unless this is an answer of that status; hands out its body.
    #[must_use]
    pub fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.text);
        &self.body
    }
}

/// A registered version and the address for its bytes.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file.
    pub file_id: String,
    /// Its version.
    pub version: u64,
    /// The address.
    pub url: String,
    /// Headers that have to go with the bytes.
    pub headers: BTreeMap<String, String>,
}

/// A caller.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    base: String,
    token: Option<String>,
}

/// A client that goes nowhere by itself.
fn client() -> Client {
    let builder = Client::builder().timeout(CALL_TIMEOUT);
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

impl Api {
    pub(super) fn new(base: &str, token: &str) -> Self {
        Self {
            http: client(),
            base: base.to_owned(),
            token: Some(token.to_owned()),
        }
    }

    /// The same without a token, or with another one.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self {
            token: token.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Where it is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request; nothing when the connection broke.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let location = response.headers().get("location");
        let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer {
            status,
            content_type,
            location,
            body,
            text,
        })
    }

    /// Sends a request.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let answer = self.try_send(method.clone(), path, headers, body).await;
        answer.unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, &[]).await
    }

    /// POST of JSON with headers.
    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::POST, path, &all, body.to_string().into_bytes())
            .await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], Vec::new()).await
    }

    /// POST of a form with a file in it.
    pub async fn post_form(&self, texts: &[(&str, &str)], file_name: &str, content: &[u8]) -> Answer {
        let (boundary, mut body) = ("millrace-test-boundary", Vec::new());
        for (name, text) in texts {
            let head =
                format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
             content-type: text/csv\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={boundary}");
        self.send(Method::POST, "/ingestion/csv", &[("content-type", &kind)], body)
            .await
    }

    /// Creates a spec, which must be new.
    pub async fn create_spec(&self, body: &Value) {
        let kind = body["ingestion_type"].as_str().unwrap();
        let answer = self.post(&format!("/spec/{kind}"), body).await;
        let _ = answer.expect(201);
    }

    /// Asks for an address, which must be given.
    pub async fn open(&self, order: &Value) -> Upload {
        let answer = self.post("/ingestion/uploads", order).await;
        upload(answer.expect(201))
    }

    /// Sends bytes to an address; the HTTP status.
    pub async fn put(&self, upload: &Upload, content: impl Into<Vec<u8>>) -> u16 {
        self.put_to(&upload.url, &upload.headers, content.into()).await
    }

    /// Sends bytes to any address with headers; the HTTP status.
    pub async fn put_to(&self, url: &str, headers: &BTreeMap<String, String>, content: Vec<u8>) -> u16 {
        let mut request = self.http.put(url).body(content);
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
        {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    }

    /// Registers and sends a new file; its id.
    pub async fn send_file(&self, kind: &str, spec: &str, name: &str, content: impl Into<Vec<u8>>) -> String {
        let order = json!({"ingestion_type": kind, "ingestion_name": spec, "file_name": name, "mode": "new"});
        let opened = self.open(&order).await;
        assert_eq!(self.put(&opened, content).await, 200, "{name}");
        opened.file_id
    }

    /// Registers and sends a version that takes the file's place; its number.
    pub async fn replace_file(
        &self,
        file_id: &str,
        kind: &str,
        spec: &str,
        name: &str,
        content: impl Into<Vec<u8>>,
    ) -> u64 {
        let order = json!({"ingestion_type": kind, "ingestion_name": spec, "file_name": name, "mode": "replace",
            "file_id": file_id});
        let opened = self.open(&order).await;
        assert_eq!(self.put(&opened, content).await, 200, "{name}");
        opened.version
    }

    /// A file's latest version, as it stands.
    pub async fn file(&self, file_id: &str) -> Value {
        self.get(&format!("/ingestion/files/{file_id}"))
            .await
            .expect(200)
            .clone()
    }

    /// Waits until a file's latest version is at its end; answers that for a while go unheard.
    pub async fn settled(&self, file_id: &str, patience: Duration) -> Value {
        self.settled_at(&format!("/ingestion/files/{file_id}"), patience)
            .await
    }

    /// Waits until a version of a file is at its end.
    pub async fn settled_version(&self, file_id: &str, version: u64, patience: Duration) -> Value {
        self.settled_at(&format!("/ingestion/files/{file_id}?version={version}"), patience)
            .await
    }

    async fn settled_at(&self, path: &str, patience: Duration) -> Value {
        let look = || async {
            let answer = self.try_send(Method::GET, path, &[], Vec::new()).await?;
            let status = answer.body["status"].as_str().unwrap_or_default();
            (answer.status == 200 && FINAL.contains(&status)).then_some(answer.body)
        };
        wait_for(&format!("{path} is at its end"), patience, look).await
    }

    /// Every row of every page, each as a map from column to value; `limit` rows a page.
    pub async fn rows(&self, path: &str, limit: u32) -> Vec<BTreeMap<String, Value>> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = self.get(&format!("{path}{mark}limit={limit}{cursor}")).await;
            let page = answer.expect(200);
            let columns: Vec<&str> = page["columns"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|column| column["name"].as_str())
                .collect();
            let found = page["rows"].as_array().unwrap();
            assert!(found.len() <= limit as usize);
            for row in found {
                let cells = row.as_array().unwrap().iter().cloned();
                rows.push(columns.iter().map(|name| (*name).to_owned()).zip(cells).collect());
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }
}

fn upload(opened: &Value) -> Upload {
    let headers = opened["upload"]["headers"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Upload {
        file_id: text(&opened["file_id"]),
        version: opened["version"].as_u64().unwrap(),
        url: text(&opened["upload"]["url"]),
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    }
}
