//! Schedules: EventBridge has what their newest versions say, and what they begin is begun.

use millrace_core::failure::{Failure, FailureKind};
use millrace_core::message::{Envelope, PerfMessage, Queue, StatusMessage};
use millrace_core::name::Name;
use millrace_core::pipeline::{ScheduleState, ScheduleTarget};
use millrace_store::Store;
use millrace_store::pipelines::{BeginPipelineRun, NewPipelineRun};
use millrace_store::schedules::{ScheduleProblem, ScheduleRecord};

use crate::outbox::to_body;
use crate::pipelines::begin;
use crate::ports::{Scheduler, WantedSchedule};
use crate::sources::{RunPorts, run_of};
use crate::{Disposition, Handled};

/// How often a schedule that moves on is followed before its message is tried again later.
const MAX_ROUNDS: u32 = 8;

/// Lets EventBridge have a schedule as its spec wants it now, whichever message says so, however often and in whatever
/// order.
///
/// It is written down only if it is still what is wanted. Whoever wrote an older state finds that, and writes the newer
/// one behind it: the last one who writes has looked after that. So the state is written even where it was before.
///
/// # Errors
/// [`Failure`] of EventBridge or the database that may pass; one that does not pass is written down with the schedule.
pub async fn follow_schedule(store: &Store, scheduler: &dyn Scheduler, name: &Name) -> Handled {
    for _ in 0..MAX_ROUNDS {
        let Some(record) = store.load_schedule(name).await? else {
            // The commit that would have made it failed.
            return Ok(Disposition::Done);
        };
        let written = write(scheduler, name, &record).await;
        let problem = written.as_ref().err().filter(|failure| !failure.is_transient());
        let problem = problem.map(|failure| ScheduleProblem {
            rule: "refused_by_eventbridge".to_owned(),
            message: failure.to_string(),
        });
        match written {
            Err(failure) if failure.is_transient() => return Err(failure),
            _ => {}
        }
        if store
            .record_schedule(name, record.change, problem.as_ref())
            .await?
        {
            return match written {
                // Somebody may mend what is forbidden or missing; an expression that is refused stays so.
                Err(failure) if !failure.kind.is_hopeless() => Err(failure),
                _ => Ok(Disposition::Done),
            };
        }
    }
    let why = format!("the schedule {name} changes all the time");
    Err(Failure::explained(FailureKind::Transient, "schedule.follow", why))
}

async fn write(scheduler: &dyn Scheduler, name: &Name, record: &ScheduleRecord) -> Result<(), Failure> {
    if !record.is_wanted {
        return scheduler.remove(name.as_str()).await;
    }
    let message = StatusMessage::RunSchedule {
        schedule: name.clone(),
    };
    let wanted = WantedSchedule {
        name: name.as_str(),
        expression: &record.definition.expression,
        time_zone: &record.definition.time_zone,
        is_enabled: record.definition.state == ScheduleState::Enabled,
        message: to_body(&Envelope::new(message))?,
    };
    scheduler.put(&wanted).await
}

/// Begins what a schedule begins. `trigger` names what asked for it: the same trigger again begins the same run. A
/// message of a schedule that is paused or retired by now begins nothing.
///
/// # Errors
/// [`Failure`] of the database or the queues.
pub async fn run_schedule(ports: &RunPorts<'_>, name: &Name, trigger: &str) -> Handled {
    let Some(record) = ports.store.load_schedule(name).await? else {
        return Ok(Disposition::Reject(format!("there is no schedule {name}")));
    };
    if !record.is_wanted || record.definition.state == ScheduleState::Paused {
        return Ok(Disposition::Done);
    }
    match &record.definition.target {
        ScheduleTarget::Pipeline(pipeline) => {
            let new = NewPipelineRun {
                run_id: run_of(trigger, name.as_str()),
                pipeline,
                is_scheduled: true,
                requested_by: &format!("schedule {name}"),
                idempotency: None,
            };
            match begin(ports, &new).await? {
                BeginPipelineRun::Created { .. } | BeginPipelineRun::Replayed { .. } => Ok(Disposition::Done),
                other => Ok(Disposition::Reject(format!(
                    "the schedule {name} began no run: {other:?}"
                ))),
            }
        }
        ScheduleTarget::Move(moves) => {
            let message = PerfMessage::MoveObjects {
                moves: *moves,
                before: None,
            };
            let body = to_body(&Envelope::new(message))?;
            ports.sender.send(Queue::Perf, body, 0).await?;
            Ok(Disposition::Done)
        }
    }
}
