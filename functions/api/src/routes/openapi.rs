//! The description of this API.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;

use crate::extract::{NoParameters, Query};
use crate::openapi::document;

static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The `OpenAPI` 3.1 document of this very program.
#[utoipa::path(get, path = "/openapi.json", operation_id = "read_openapi", tag = "service",
    responses((status = 200, description = "The document.", body = Object, content_type = "application/json",
        example = json!({"openapi": "3.1.0"}))))]
pub(crate) async fn read(Query(NoParameters): Query<NoParameters>) -> Response {
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}
