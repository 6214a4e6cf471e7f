//! The migrate function.

use lambda_runtime::{LambdaEvent, service_fn};
use millrace_fn_migrate::config::Config;
use millrace_fn_migrate::handler::handle;
use millrace_lambda::{environment::process_variable, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::begin();
    let config = Config::from_vars(&process_variable)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        handle(&config, event.payload, event.context.deadline)
            .await
            .map_err(lambda_runtime::Error::from)
    }))
    .await
}
