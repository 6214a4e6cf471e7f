//! The perf-worker function.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use millrace_fn_perf_worker::{config::Config, deps::Deps, handler::handle};
use millrace_lambda::{environment::process_variable, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::begin();
    let deps = Deps::new(&Config::from_vars(&process_variable)?);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(handle(event.payload, event.context.deadline, &deps).await)
    }))
    .await
}
