//! The yardstick: one route on axum and `lambda_http`, on the runtime that the functions have.

use axum::routing::get;
use axum::{Json, Router};
use lambda_http::{Error, run, tracing};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(Router::new().route("/hello", get(hello))).await
}

async fn hello() -> Json<Value> {
    Json(json!({ "message": "hello" }))
}
