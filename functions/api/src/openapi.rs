//! `/openapi.json`, made from the table of routes and the handlers' own documentation.
//!
//! What follows from the table (who may call, limits, headers, problems) is written here for every operation alike,
//! so that no handler can forget it.

use serde_json::{Map, Value, json};
use utoipa::openapi::{Components, InfoBuilder, OpenApiBuilder, PathItem, Paths};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::auth::Access;
use crate::dto::spec_life::SpecReference;
use crate::extract::idempotency::IDEMPOTENCY_KEY;
use crate::extract::limits::{MAX_BATCH_BYTES, MAX_FORM_BYTES, MAX_JSON_BYTES};
use crate::problem::{ProblemBody, ProblemError};
use crate::router::{Route, Takes, all};

mod examples;

const ABOUT: &str = "Collects data against declared specs, turns it into KPIs and serves them. Errors are RFC 9457 \
     problems with a stable `code`. Values are exact: decimals, and whole numbers beyond 2^53, travel as strings.";

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut components = Components::new();
    let mut paths = Paths::new();
    let mut operations = Vec::new();
    for route in all() {
        let (schemas, documented, _) = (route.handler.describe)();
        components.schemas.extend(schemas);
        for (path, item) in &documented.paths {
            operations.extend(methods(item).map(|method| (path.clone(), method, Rules::of(&route))));
            match paths.paths.get_mut(path) {
                Some(there) => there.merge_operations(item.clone()),
                None => drop(paths.paths.insert(path.clone(), item.clone())),
            }
        }
    }
    components
        .schemas
        .insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components
        .schemas
        .insert(ProblemError::name().into_owned(), ProblemError::schema());
    components
        .schemas
        .insert(SpecReference::name().into_owned(), SpecReference::schema());
    let info = InfoBuilder::new()
        .title("Millrace")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT));
    let document = OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components))
        .build();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer",
        "description": "An API token: mr_<client id>_<secret>"}});
    for (path, method, rules) in operations {
        rules.write(&path, &mut document["paths"][&path][method]);
    }
    examples::write(&mut document);
    document
}

fn methods(item: &PathItem) -> impl Iterator<Item = &'static str> {
    let found = [
        ("get", item.get.is_some()),
        ("post", item.post.is_some()),
        ("put", item.put.is_some()),
        ("delete", item.delete.is_some()),
    ];
    found
        .into_iter()
        .filter(|(_, is_there)| *is_there)
        .map(|(method, _)| method)
}

/// What the table says of an operation.
struct Rules {
    access: Access,
    takes: Takes,
    is_keyed: bool,
    problems: &'static [u16],
}

impl Rules {
    fn of(route: &Route) -> Self {
        Self {
            access: route.access,
            takes: route.takes,
            is_keyed: route.is_keyed,
            problems: route.problems,
        }
    }

    fn write(&self, path: &str, operation: &mut Value) {
        match self.access {
            Access::Public => operation["security"] = json!([]),
            Access::Scope(scope) => {
                operation["security"] = json!([{"token": []}]);
                operation["x-required-scope"] = json!(scope.as_str());
            }
        }
        if let Some(limit) = self.body_limit() {
            operation["x-body-limit-bytes"] = json!(limit);
            operation["requestBody"]["required"] = json!(true);
        }
        if self.is_keyed {
            add_idempotency_key(operation);
        }
        for status in self.statuses(path) {
            // A handler's own words win.
            let key = status.to_string();
            if operation["responses"].get(&key).is_none() {
                operation["responses"][key] = match status {
                    GATEWAY_REFUSES => gateway_refusal(),
                    _ => problem(status),
                };
            }
        }
        sort_responses(operation);
    }

    fn body_limit(&self) -> Option<usize> {
        match self.takes {
            Takes::Nothing => None,
            Takes::Json => Some(MAX_JSON_BYTES),
            Takes::Batch => Some(MAX_BATCH_BYTES),
            Takes::Form => Some(MAX_FORM_BYTES),
        }
    }

    fn statuses(&self, path: &str) -> Vec<u16> {
        let mut statuses = vec![400, 414, 415, GATEWAY_REFUSES, 431, 500, 503];
        if self.access != Access::Public {
            statuses.extend([401, 403]);
        }
        if path.contains('{') {
            statuses.push(404);
        }
        if self.takes != Takes::Nothing {
            statuses.push(413);
        }
        statuses.extend(self.problems);
        statuses
    }
}

fn add_idempotency_key(operation: &mut Value) {
    let parameter = json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Yours, for one effect: the same request again answers as the first one did. A key is remembered for \
             seven days at least.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": format!("{IDEMPOTENCY_KEY}-2023-01"),
    });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

fn sort_responses(operation: &mut Value) {
    if let Some(responses) = operation["responses"].as_object_mut() {
        let mut sorted: Vec<(String, Value)> = std::mem::take(responses).into_iter().collect();
        sorted.sort_by(|left, right| left.0.cmp(&right.0));
        *responses = sorted.into_iter().collect::<Map<_, _>>();
    }
}

/// Meaning and most usual code of each problem status.
fn meaning(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("bad_query", "The request cannot be read."),
        401 => ("missing_token", "No valid API token."),
        403 => ("missing_scope", "The token lacks the scope."),
        404 => ("not_found", "There is no such thing."),
        409 => ("conflict", "The state does not allow it, or the name is taken."),
        413 => (
            "body_too_large",
            "The body is too large; a large file goes to the address of an upload.",
        ),
        414 => ("url_too_long", "Path and query are longer than 8 KiB."),
        415 => (
            "unsupported_media_type",
            "The body's type or encoding is not taken.",
        ),
        422 => ("invalid_body", "The request can be read and breaks a rule."),
        431 => ("headers_too_large", "The headers are larger than 8 KiB."),
        503 => (
            "temporarily_unavailable",
            "A part is away; try again after the seconds in Retry-After.",
        ),
        _ => ("internal_error", "A defect of ours, logged."),
    }
}

/// Too many requests: the gateway says so itself, before any of them reaches us.
const GATEWAY_REFUSES: u16 = 429;

/// The gateway's own answer: no problem of ours, without a code and without a Retry-After.
fn gateway_refusal() -> Value {
    json!({
        "description": "Too many requests, of all callers together; try again later. The gateway answers this with a body \
            of its own.",
        "content": {"application/json": {
            "schema": {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}},
            "example": {"message": "Too Many Requests"},
        }},
    })
}

fn problem(status: u16) -> Value {
    let (code, words) = meaning(status);
    let mut response = json!({
        "description": words,
        "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/ProblemBody"},
            "example": {
                "type": format!("https://millrace.example/problems/{code}"), "title": code.replace('_', " "),
                "status": status, "detail": words, "code": code,
            },
        }},
    });
    if status == 503 {
        response["headers"] =
            json!({"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}});
    }
    response
}
