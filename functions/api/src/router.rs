//! The one table of routes: what each is, who may call it, what it takes.
//!
//! A route cannot be written down without its [`Access`]; the document at `/openapi.json` is made from the same table.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use http::{Method, StatusCode};
use millrace_core::principal::Scope;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::auth::{Access, guard};
use crate::deps::Deps;
use crate::extract::limits;
use crate::problem::Problem;
use crate::routes::{datasets, files, health, kpis, openapi, specs, uploads};

/// How long reading may take, and how long changing something may, where the function is given more.
const READ_BUDGET: Duration = Duration::from_secs(10);
const CHANGE_BUDGET: Duration = Duration::from_secs(25);

/// What answering takes once a handler was given up: that much before the function's own end it is.
const ANSWER_TIME: Duration = Duration::from_millis(500);

/// How long the function goes on for this request; put into the request by whoever knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLeft(pub(crate) Duration);

/// What a route's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// None.
    Nothing,
    /// JSON of at most [`limits::MAX_JSON_BYTES`].
    Json,
    /// A form of at most [`limits::MAX_FORM_BYTES`].
    Form,
}

/// A route.
pub(crate) struct Route {
    pub(crate) access: Access,
    pub(crate) takes: Takes,
    /// Whether it honours an `Idempotency-Key`.
    pub(crate) is_keyed: bool,
    /// Statuses of problems beyond those that every such route may answer.
    pub(crate) problems: &'static [u16],
    pub(crate) documented: UtoipaMethodRouter<Arc<Deps>>,
}

fn public(documented: UtoipaMethodRouter<Arc<Deps>>) -> Route {
    Route {
        access: Access::Public,
        takes: Takes::Nothing,
        is_keyed: false,
        problems: &[],
        documented,
    }
}

fn scoped(scope: Scope, documented: UtoipaMethodRouter<Arc<Deps>>) -> Route {
    Route {
        access: Access::Scope(scope),
        ..public(documented)
    }
}

impl Route {
    fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    fn keyed(self) -> Self {
        Self {
            is_keyed: true,
            ..self
        }
    }

    fn problems(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }
}

/// All routes.
pub(crate) fn all() -> Vec<Route> {
    let sends = |documented| scoped(Scope::FilesWrite, documented).keyed();
    vec![
        public(routes!(health::read)),
        public(routes!(openapi::read)),
        scoped(Scope::SpecsWrite, routes!(specs::create))
            .takes(Takes::Json)
            .problems(&[409, 422]),
        scoped(Scope::SpecsRead, routes!(specs::list)),
        scoped(Scope::SpecsRead, routes!(specs::read)),
        sends(routes!(uploads::open))
            .takes(Takes::Json)
            .problems(&[404, 409, 422]),
        sends(routes!(uploads::send_csv))
            .takes(Takes::Form)
            .problems(&[404, 409, 422]),
        sends(routes!(uploads::delete)).problems(&[422]),
        scoped(Scope::FilesRead, routes!(files::list)),
        scoped(Scope::FilesRead, routes!(files::read)),
        scoped(Scope::FilesRead, routes!(files::list_row_errors)),
        scoped(Scope::FilesWrite, routes!(files::drive)),
        scoped(Scope::Admin, routes!(files::drive_open)),
        scoped(Scope::DatasetsRead, routes!(datasets::list_dataset_rows)).problems(&[422]),
        scoped(Scope::DatasetsRead, routes!(datasets::list_dimension_rows)),
        scoped(Scope::DatasetsRead, routes!(kpis::query)).problems(&[422]),
    ]
}

/// The whole API over its dependencies.
pub fn build(deps: Arc<Deps>) -> Router {
    let mut router = Router::new();
    for route in all() {
        let access = (Arc::clone(&deps), route.access);
        let (_, paths, handlers) = route.documented;
        for path in paths.paths.keys() {
            let guarded = handlers
                .clone()
                .route_layer(from_fn_with_state(access.clone(), guard));
            router = router.route(path, guarded);
        }
    }
    let router = router
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method);
    bounded(router.with_state(deps))
}

/// Routes, with limits on what a request is and how long it takes.
pub(crate) fn bounded(router: Router) -> Router {
    router
        .layer(from_fn(keep_to_budget))
        .layer(from_fn(limits::check))
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this address")
}

async fn wrong_method() -> Problem {
    let detail = "the address is there, but not for this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// Gives up before the gateway does, and before the function's time is up. What was begun either committed or did not; a repeat is harmless.
async fn keep_to_budget(request: Request, next: Next) -> Result<Response, Problem> {
    let budget = match *request.method() {
        Method::GET | Method::HEAD => READ_BUDGET,
        _ => CHANGE_BUDGET,
    };
    let budget = match request.extensions().get::<TimeLeft>() {
        Some(TimeLeft(left)) => budget.min(left.saturating_sub(ANSWER_TIME)),
        None => budget,
    };
    tokio::time::timeout(budget, next.run(request))
        .await
        .map_err(|_| {
            let detail = "the answer took too long; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out", detail).retry_after(5)
        })
}
