//! The server: one connection a task, sites behind a lock.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::answer::{Body, Cut, respond, spoilt, whole};
use crate::site::{Asked, FaultKind, Site, take};

const LAST_MODIFIED: &str = "Mon, 08 Jan 2024 06:00:00 GMT";

/// Sites by name; a clone is the same server.
#[derive(Debug, Clone, Default)]
pub struct Server {
    sites: Arc<Mutex<BTreeMap<String, Site>>>,
}

impl Server {
    /// A server without sites.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Site>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a site up, or anew; what it was asked for is forgotten.
    pub fn set(&self, name: &str, site: Site) {
        self.lock().insert(name.to_owned(), site);
    }

    /// What a site was asked for.
    #[must_use]
    pub fn asked(&self, name: &str) -> Vec<Asked> {
        self.lock()
            .get(name)
            .map(|site| site.asked.clone())
            .unwrap_or_default()
    }

    fn note(&self, name: &str, path: &str, status: u16, conditional: bool) {
        if let Some(site) = self.lock().get_mut(name) {
            site.asked.push(Asked {
                path: path.to_owned(),
                status,
                conditional,
            });
        }
    }

    /// What would be answered if nothing went wrong, what it would hold, and what goes wrong.
    fn find(
        &self,
        name: &str,
        path: &str,
        conditions: &[String],
    ) -> Option<(Response<Body>, Bytes, Option<FaultKind>)> {
        let mut sites = self.lock();
        let site = sites.get_mut(name)?;
        let list = match path {
            "" | "index.html" => Some((site.page(), "text/html; charset=utf-8")),
            "list.json" => Some((site.json(), "application/json")),
            _ => None,
        };
        if let Some((text, content_type)) = list {
            let content = Bytes::from(text);
            let good = respond(200, &[("content-type", content_type)], whole(content.clone()));
            return Some((good, content, take(&mut site.list_fault)));
        }
        let wanted = path.strip_prefix("files/")?;
        let file = site.files.iter_mut().find(|file| file.name == wanted)?;
        let (content, etag) = (Bytes::from(file.content.clone()), file.etag());
        let headers = [
            ("content-type", "text/csv"),
            ("etag", etag.as_str()),
            ("last-modified", LAST_MODIFIED),
        ];
        let good = match conditions.contains(&etag) {
            true => respond(304, &headers[1..], whole("")),
            false => respond(200, &headers, whole(content.clone())),
        };
        Some((good, content, take(&mut file.fault)))
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        if let Some(site) = path.strip_prefix("_control/sites/") {
            return Ok(self.control(site.to_owned(), request).await);
        }
        let found = path.strip_prefix("sites/").and_then(|rest| rest.split_once('/'));
        let Some((name, rest)) = found else {
            return Ok(respond(404, &[], whole("nothing here")));
        };
        let conditions: Vec<String> = request
            .headers()
            .get_all("if-none-match")
            .iter()
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect();
        let answered = match self.find(name, rest, &conditions) {
            None => Ok(respond(
                404,
                &[("content-type", "text/html")],
                whole("<html>not found</html>"),
            )),
            Some((good, _, None)) => Ok(good),
            Some((good, content, Some(kind))) => spoilt(kind, good, content).await,
        };
        let status = answered.as_ref().map_or(0, |response| response.status().as_u16());
        self.note(name, rest, status, !conditions.is_empty());
        answered
    }

    async fn control(&self, site: String, request: Request<Incoming>) -> Response<Body> {
        let json = [("content-type", "application/json")];
        if request.method() != Method::PUT {
            let text = serde_json::to_string(&self.asked(&site)).unwrap_or_default();
            return respond(200, &json, whole(text));
        }
        let body = request.into_body().collect().await;
        let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
        match serde_json::from_slice::<Site>(&bytes) {
            Ok(found) => {
                self.set(&site, found);
                respond(200, &json, whole("{}"))
            }
            Err(error) => respond(
                400,
                &json,
                whole(serde_json::json!({"error": error.to_string()}).to_string()),
            ),
        }
    }
}

/// Serves until the future is dropped.
///
/// # Errors
/// When no more connections can be accepted.
pub async fn serve(listener: TcpListener, server: Server) -> io::Result<Infallible> {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let server = server.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let server = server.clone();
                async move { server.answer(request).await }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            // A caller that goes away, or a cut that was asked for.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
