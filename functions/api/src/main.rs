//! The API's Lambda function.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, run, service_fn};
use millrace_fn_api::{adapters, config::Config, gateway, router};
use millrace_lambda::{environment::process_variable, telemetry};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::begin();
    let config = Config::from_vars(&process_variable)?;
    let router = router::build(Arc::new(adapters::connect(&config)));
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let router = router.clone();
        async move { Ok::<_, lambda_runtime::Error>(gateway::handle(router, event.payload).await) }
    });
    run(handler).await
}
