//! The API's Lambda function.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{LambdaEvent, run, service_fn};
use millrace_app::ports::Surroundings as _;
use millrace_fn_api::{adapters, config::Config, gateway, router};
use millrace_lambda::{environment::process_variable, surroundings::Machine, telemetry};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::begin();
    let config = Config::from_vars(&process_variable)?;
    let router = router::build(Arc::new(adapters::connect(&config)));
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let router = router.clone();
        let left_ms = event.context.deadline.saturating_sub(Machine.now_ms());
        let time_left = Some(Duration::from_millis(left_ms));
        async move { Ok::<_, lambda_runtime::Error>(gateway::handle(router, event.payload, time_left).await) }
    });
    run(handler).await
}
