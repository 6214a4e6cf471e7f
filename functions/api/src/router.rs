//! The one table of routes: what each is, who may call it, what it takes.
//!
//! A route cannot be written down without its [`Access`]; the document at `/openapi.json` is made from the same table.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use http::{Method, StatusCode};
use millrace_core::principal::Scope;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::{PathItemExt as _, routes};

use crate::auth::{Access, guard};
use crate::deps::Deps;
use crate::extract::limits;
use crate::problem::Problem;
use crate::routes::{
    batches, datasets, documents, drops, explain, file_status, files, health, import, kpis,
    multipart_uploads, openapi, pipelines, reconciliation, repairs, schedules, sources, spec_life, specs,
    system_message, uploads, waiting,
};

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
    /// A batch of rows as JSON of at most [`limits::MAX_BATCH_BYTES`].
    Batch,
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
    pub(crate) handler: Handler,
}

/// A handler, and what its documentation says of it. Describing it in full costs more than a request, so a cold start
/// takes no more than address and methods.
pub(crate) struct Handler {
    path: fn() -> String,
    router: fn() -> MethodRouter<Arc<Deps>>,
    /// The schemas, the operation, and once more the handler.
    pub(crate) describe: fn() -> UtoipaMethodRouter<Arc<Deps>>,
}

/// The [`Handler`] of a function under `#[utoipa::path]`.
macro_rules! handler {
    ($module:ident :: $name:ident) => {
        Handler {
            path: || routes!(@path [path()] of $module::$name),
            router: || {
                let methods = routes!(@path [methods()] of $module::$name);
                let add = |router: MethodRouter<Arc<Deps>>, method: &utoipa::openapi::HttpMethod| {
                    router.on(method.to_method_filter(), $module::$name)
                };
                methods.iter().fold(MethodRouter::new(), add)
            },
            describe: || routes!($module::$name),
        }
    };
}

fn public(handler: Handler) -> Route {
    Route {
        access: Access::Public,
        takes: Takes::Nothing,
        is_keyed: false,
        problems: &[],
        handler,
    }
}

fn scoped(scope: Scope, handler: Handler) -> Route {
    Route {
        access: Access::Scope(scope),
        ..public(handler)
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
    let parts = [
        service_routes(),
        spec_routes(),
        sending_routes(),
        file_routes(),
        figure_routes(),
        document_routes(),
        source_routes(),
        pipeline_routes(),
    ];
    parts.into_iter().flatten().collect()
}

fn service_routes() -> Vec<Route> {
    vec![
        public(handler!(health::read)),
        public(handler!(openapi::read)),
        public(handler!(system_message::read)).problems(&[401]),
        scoped(Scope::Admin, handler!(system_message::set))
            .takes(Takes::Json)
            .problems(&[422]),
        scoped(Scope::Admin, handler!(system_message::remove)),
        scoped(Scope::Admin, handler!(reconciliation::read)),
        scoped(Scope::Admin, handler!(reconciliation::list_runs)),
        scoped(Scope::Admin, handler!(reconciliation::read_run)),
    ]
}

fn spec_routes() -> Vec<Route> {
    vec![
        scoped(Scope::SpecsWrite, handler!(specs::create))
            .takes(Takes::Json)
            .problems(&[409, 422]),
        scoped(Scope::SpecsWrite, handler!(import::import))
            .takes(Takes::Json)
            .problems(&[422]),
        scoped(Scope::SpecsRead, handler!(specs::validate))
            .takes(Takes::Json)
            .problems(&[422]),
        scoped(Scope::SpecsRead, handler!(specs::list)),
        scoped(Scope::SpecsRead, handler!(specs::read)),
        scoped(Scope::SpecsRead, handler!(spec_life::list_versions)),
        scoped(Scope::SpecsRead, handler!(spec_life::compare)),
        scoped(Scope::SpecsRead, handler!(spec_life::compare_body))
            .takes(Takes::Json)
            .problems(&[404, 422]),
        scoped(Scope::SpecsWrite, handler!(spec_life::migrate))
            .takes(Takes::Json)
            .problems(&[409, 422]),
        scoped(Scope::SpecsRead, handler!(spec_life::list_dependants)),
        scoped(Scope::SpecsWrite, handler!(spec_life::retire)).problems(&[409]),
        scoped(Scope::SpecsWrite, handler!(spec_life::restore)).problems(&[409]),
    ]
}

fn sending_routes() -> Vec<Route> {
    let sends = |handler| scoped(Scope::FilesWrite, handler).keyed();
    vec![
        sends(handler!(uploads::open))
            .takes(Takes::Json)
            .problems(&[404, 409, 422]),
        sends(handler!(multipart_uploads::open))
            .takes(Takes::Json)
            .problems(&[404, 409, 422]),
        scoped(Scope::FilesWrite, handler!(multipart_uploads::list_parts)).problems(&[409]),
        scoped(Scope::FilesWrite, handler!(multipart_uploads::complete)).problems(&[409]),
        scoped(Scope::FilesWrite, handler!(multipart_uploads::abort)).problems(&[409]),
        sends(handler!(uploads::send_csv))
            .takes(Takes::Form)
            .problems(&[404, 409, 422]),
        sends(handler!(batches::send_event))
            .takes(Takes::Batch)
            .problems(&[404, 409, 422]),
        sends(handler!(batches::send_dimension))
            .takes(Takes::Batch)
            .problems(&[404, 409, 422]),
        sends(handler!(batches::send_dataset))
            .takes(Takes::Batch)
            .problems(&[404, 409, 422]),
        sends(handler!(uploads::delete)).problems(&[422]),
        sends(handler!(repairs::send))
            .takes(Takes::Form)
            .problems(&[409, 422]),
        sends(handler!(repairs::open)).problems(&[409, 422]),
        sends(handler!(repairs::replay)).problems(&[409, 422]),
    ]
}

fn file_routes() -> Vec<Route> {
    vec![
        scoped(Scope::FilesRead, handler!(file_status::read)).problems(&[404]),
        scoped(Scope::FilesWrite, handler!(file_status::set))
            .takes(Takes::Json)
            .problems(&[404, 409, 422]),
        scoped(Scope::FilesRead, handler!(drops::list)),
        scoped(Scope::FilesRead, handler!(files::list)),
        scoped(Scope::FilesRead, handler!(files::read)),
        scoped(Scope::FilesRead, handler!(files::list_row_errors)),
        scoped(Scope::FilesRead, handler!(repairs::fetch)).problems(&[409]),
        scoped(Scope::FilesWrite, handler!(files::drive)),
        scoped(Scope::Admin, handler!(files::drive_open)),
        scoped(Scope::Admin, handler!(drops::drive)),
    ]
}

fn figure_routes() -> Vec<Route> {
    vec![
        scoped(Scope::DatasetsRead, handler!(datasets::list_dataset_rows)).problems(&[409, 422]),
        scoped(Scope::DatasetsRead, handler!(datasets::list_dimension_rows)),
        scoped(Scope::DatasetsRead, handler!(kpis::list)),
        scoped(Scope::DatasetsRead, handler!(waiting::list)).problems(&[409, 422]),
        scoped(Scope::DatasetsRead, handler!(waiting::list_lines)).problems(&[409, 422]),
        scoped(Scope::DatasetsRead, handler!(kpis::query)).problems(&[409, 422]),
        scoped(Scope::DatasetsRead, handler!(explain::explain)).problems(&[409, 422]),
        scoped(Scope::DatasetsRead, handler!(explain::explain_file)).problems(&[409, 422]),
    ]
}

fn document_routes() -> Vec<Route> {
    vec![
        scoped(Scope::DocumentsWrite, handler!(documents::order))
            .keyed()
            .takes(Takes::Json)
            .problems(&[422]),
        scoped(Scope::DocumentsRead, handler!(documents::list)),
        scoped(Scope::DocumentsRead, handler!(documents::read)),
        scoped(Scope::DocumentsRead, handler!(documents::fetch)).problems(&[409]),
        scoped(Scope::DocumentsWrite, handler!(documents::drive)),
        scoped(Scope::Admin, handler!(documents::drive_open)),
    ]
}

fn source_routes() -> Vec<Route> {
    vec![
        scoped(Scope::SourcesWrite, handler!(sources::run))
            .keyed()
            .problems(&[409, 422]),
        scoped(Scope::SourcesRead, handler!(sources::list_runs)),
        scoped(Scope::SourcesRead, handler!(sources::read_run)),
        scoped(Scope::SourcesRead, handler!(sources::list_files)),
        scoped(Scope::Admin, handler!(sources::drive_open)),
    ]
}

fn pipeline_routes() -> Vec<Route> {
    let sets = |handler| {
        scoped(Scope::SpecsWrite, handler)
            .takes(Takes::Json)
            .problems(&[409, 422])
    };
    vec![
        scoped(Scope::FilesWrite, handler!(pipelines::run))
            .keyed()
            .takes(Takes::Json)
            .problems(&[404, 409, 422]),
        scoped(Scope::FilesRead, handler!(pipelines::list_runs)),
        scoped(Scope::FilesRead, handler!(pipelines::read_run)),
        sets(handler!(schedules::set)),
        sets(handler!(schedules::set_move)),
    ]
}

/// The whole API over its dependencies.
pub fn build(deps: Arc<Deps>) -> Router {
    let mut router = Router::new();
    for route in all() {
        let access = (Arc::clone(&deps), route.access);
        let guarded = (route.handler.router)().route_layer(from_fn_with_state(access, guard));
        router = router.route(&(route.handler.path)(), guarded);
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
