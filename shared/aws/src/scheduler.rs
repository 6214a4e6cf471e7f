//! EventBridge Scheduler: one schedule a spec, in a group of its own, which sends to a queue by a role of its own.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use millrace_app::ports::{Scheduler, WantedSchedule};
use millrace_core::failure::{Failure, FailureKind};
use tokio::sync::OnceCell;

use crate::Connection;
use crate::failure::map;

/// How often EventBridge tries to send a message, and for how long.
const MOST_ATTEMPTS: i32 = 10;
const MOST_AGE_SECONDS: i32 = 3_600;

/// Says what a schedule is to be. The calls that make and change one take the same, by builders that share no trait.
macro_rules! described {
    ($call:expr, $schedules:expr, $wanted:expr) => {
        $call
            .group_name(&$schedules.address.group)
            .name($wanted.name)
            .schedule_expression($wanted.expression)
            .schedule_expression_timezone($wanted.time_zone)
            .flexible_time_window(at_once()?)
            .state(state($wanted))
            .target($schedules.target(&$wanted.message)?)
    };
}

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
        let call = described!(self.client().await.update_schedule(), self, wanted);
        let answer = call.send().await;
        answer
            .map(drop)
            .map_err(|error| explained("scheduler.update_schedule", error))
    }

    async fn create(&self, wanted: &WantedSchedule<'_>) -> Result<(), Failure> {
        let call = described!(self.client().await.create_schedule(), self, wanted);
        let answer = call.send().await;
        answer
            .map(drop)
            .map_err(|error| explained("scheduler.create_schedule", error))
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
fn explained<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let said = error.as_service_error().and_then(ProvideErrorMetadata::message);
    let said = said.map(str::to_owned);
    let failure = map(operation, error);
    match (failure.kind, said) {
        (FailureKind::Invalid, Some(message)) => Failure::invalid(operation, message),
        _ => failure,
    }
}

fn incomplete(error: impl Error + Send + Sync + 'static) -> Failure {
    Failure::new(FailureKind::Invalid, "scheduler.build", error)
}
