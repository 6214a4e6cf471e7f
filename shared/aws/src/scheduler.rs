//! EventBridge Scheduler: one schedule a spec, in a group of its own, which sends to a queue by a role of its own.

use async_trait::async_trait;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use millrace_app::ports::{Scheduler, WantedSchedule};
use millrace_core::failure::{Failure, FailureKind};
use tokio::sync::OnceCell;

use crate::Connection;
use crate::failure::map;

/// How often EventBridge tries to send a message, and for how long.
const MOST_ATTEMPTS: i32 = 10;
const MOST_AGE_SECONDS: i32 = 3_600;

/// Where schedules lie, and where they send to.
#[derive(Debug, Clone)]
pub struct ScheduleAddress {
    /// The group.
    pub group: String,
    /// The role by which they send.
    pub role_arn: String,
    /// The queue that they send to.
    pub queue_arn: String,
    /// The queue for what cannot be sent.
    pub dead_letter_queue_arn: String,
}

/// The schedules of a deployment.
pub struct Schedules {
    connection: Connection,
    client: OnceCell<Client>,
    address: ScheduleAddress,
}

impl Schedules {
    /// Schedules by their address.
    #[must_use]
    pub fn new(connection: &Connection, address: ScheduleAddress) -> Self {
        Self {
            connection: connection.clone(),
            client: OnceCell::new(),
            address,
        }
    }

    async fn client(&self) -> &Client {
        let make = || async { Client::new(self.connection.config().await) };
        self.client.get_or_init(make).await
    }

    fn target(&self, message: &str) -> Result<Target, Failure> {
        let address = &self.address;
        let dead_letters = DeadLetterConfig::builder().arn(&address.dead_letter_queue_arn);
        let retry = RetryPolicy::builder()
            .maximum_retry_attempts(MOST_ATTEMPTS)
            .maximum_event_age_in_seconds(MOST_AGE_SECONDS);
        let target = Target::builder()
            .arn(&address.queue_arn)
            .role_arn(&address.role_arn)
            .input(message)
            .retry_policy(retry.build())
            .dead_letter_config(dead_letters.build());
        target.build().map_err(incomplete)
    }

    async fn update(&self, wanted: &WantedSchedule<'_>) -> Result<(), Failure> {
        let call = self
            .client()
            .await
            .update_schedule()
            .group_name(&self.address.group)
            .name(wanted.name)
            .schedule_expression(wanted.expression)
            .schedule_expression_timezone(wanted.time_zone)
            .flexible_time_window(at_once()?)
            .state(state(wanted))
            .target(self.target(&wanted.message)?);
        let answer = call.send().await;
        answer.map(|_| ()).map_err(|error| {
            let message = error.as_service_error().and_then(|error| error.message());
            explained(
                message.map(str::to_owned),
                map("scheduler.update_schedule", error),
            )
        })
    }

    async fn create(&self, wanted: &WantedSchedule<'_>) -> Result<(), Failure> {
        let call = self
            .client()
            .await
            .create_schedule()
            .group_name(&self.address.group)
            .name(wanted.name)
            .schedule_expression(wanted.expression)
            .schedule_expression_timezone(wanted.time_zone)
            .flexible_time_window(at_once()?)
            .state(state(wanted))
            .target(self.target(&wanted.message)?);
        let answer = call.send().await;
        answer.map(|_| ()).map_err(|error| {
            let message = error.as_service_error().and_then(|error| error.message());
            explained(
                message.map(str::to_owned),
                map("scheduler.create_schedule", error),
            )
        })
    }
}

#[async_trait]
impl Scheduler for Schedules {
    async fn put(&self, schedule: &WantedSchedule<'_>) -> Result<(), Failure> {
        match self.update(schedule).await {
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            done => return done,
        }
        match self.create(schedule).await {
            // Somebody else has made it meanwhile.
            Err(failure) if failure.kind == FailureKind::Conflict => self.update(schedule).await,
            done => done,
        }
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        let call = self.client().await.delete_schedule();
        let answer = call.group_name(&self.address.group).name(name).send().await;
        match answer.map_err(|error| map("scheduler.delete_schedule", error)) {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

fn at_once() -> Result<FlexibleTimeWindow, Failure> {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
    window.build().map_err(incomplete)
}

fn state(wanted: &WantedSchedule<'_>) -> ScheduleState {
    match wanted.is_enabled {
        true => ScheduleState::Enabled,
        false => ScheduleState::Disabled,
    }
}

/// What is refused for its content is explained in EventBridge's words, which hold nothing but what the spec says.
fn explained(message: Option<String>, failure: Failure) -> Failure {
    match (failure.kind, message) {
        (FailureKind::Invalid, Some(message)) => Failure::invalid(failure.operation, message),
        _ => failure,
    }
}

fn incomplete(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::new(FailureKind::Invalid, "scheduler.build", error)
}
