use std::fmt::{Debug, Write as _};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use millrace_app::Disposition;
use millrace_core::failure::{Failure, FailureKind};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{HandleError, LONGEST_WAIT_SECONDS, Postpone, back_off_seconds, decode, each};

/// What PostgreSQL says of a duplicate, with a row's value in it.
const WITH_A_VALUE: &str =
    "ERROR: duplicate key value; Detail: Key (email)=(ada@example.org) already exists.; SQLState: 23505";

/// The queue's own memory: which message waits how long.
#[derive(Default)]
struct Waits(Mutex<Vec<(String, u16)>>);

#[async_trait]
impl Postpone for Waits {
    async fn postpone(&self, queue_arn: &str, receipt: &str, seconds: u16) -> Result<(), Failure> {
        assert_eq!(queue_arn, "arn:aws:sqs:us-east-1:000000000000:millrace-dev-perf");
        self.0.lock().unwrap().push((receipt.to_owned(), seconds));
        Ok(())
    }
}

/// Everything that is logged, as one text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0.lock().unwrap(), "{}={value:?} ", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn trigger(bodies: &[&str], attempt: u32) -> SqsEvent {
    let records = bodies.iter().map(|body| {
        json!({"messageId": body, "receiptHandle": format!("receipt of {body}"), "body": body,
            "attributes": {"ApproximateReceiveCount": attempt.to_string()}, "messageAttributes": {},
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:millrace-dev-perf", "eventSource": "aws:sqs"})
    });
    serde_json::from_value(json!({"Records": records.collect::<Vec<_>>()})).unwrap()
}

async fn handle(body: String) -> Result<Disposition, HandleError> {
    let failed = |kind| {
        Err(Failure::new(kind, "data_api.execute_statement", WITH_A_VALUE)
            .with_detail("XX000")
            .into())
    };
    match body.as_str() {
        "done" => Ok(Disposition::Done),
        "rejected" => Ok(Disposition::Reject("there is no such file".to_owned())),
        "transient" => failed(FailureKind::Transient),
        "conflict" => failed(FailureKind::Conflict),
        "missing" => failed(FailureKind::NotFound),
        "forbidden" => failed(FailureKind::Configuration),
        "defect" => failed(FailureKind::Invalid),
        "undecodable" => decode::<u32>("\"ada@example.org\"").map(|_| Disposition::Done),
        other => panic!("{other}"),
    }
}

/// Nothing of these tests waits for anything.
fn now<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here has to wait"),
    }
}

/// The messages that come again, how long they wait, and the log.
fn run(bodies: &[&str], attempt: u32) -> (Vec<String>, Vec<u16>, String) {
    let (waits, log) = (Waits::default(), Log::default());
    let response = tracing::subscriber::with_default(log.clone(), || {
        now(each(trigger(bodies, attempt), &waits, 3, |message| {
            handle(message.body)
        }))
    });
    let failures = response.batch_item_failures.into_iter();
    let failed: Vec<String> = failures.map(|failure| failure.item_identifier).collect();
    let waits = waits.0.into_inner().unwrap();
    for ((receipt, _), id) in waits.iter().zip(&failed) {
        assert_eq!(*receipt, format!("receipt of {id}"));
    }
    let waits = waits.into_iter().map(|(_, seconds)| seconds).collect();
    let log = log.0.lock().unwrap().clone();
    (failed, waits, log)
}

#[test]
fn what_may_be_mended_waits_and_what_may_not_comes_at_once() {
    let mended = ["transient", "conflict", "missing", "forbidden"];
    let hopeless = ["defect", "undecodable", "panics"];
    for (attempt, seconds) in [(1, 3), (4, 24), (10, 300)] {
        let (failed, waits, _) = run(&mended, attempt);
        assert_eq!(
            (failed, waits),
            (mended.map(str::to_owned).to_vec(), vec![seconds; 4])
        );
        let (failed, waits, _) = run(&hopeless, attempt);
        assert_eq!(
            (failed, waits),
            (hopeless.map(str::to_owned).to_vec(), vec![0; 3])
        );
    }
    let (failed, waits, _) = run(&["done", "rejected", "defect", "done"], 1);
    assert_eq!(
        (failed.as_slice(), waits.as_slice()),
        (["defect".to_owned()].as_slice(), [0].as_slice())
    );
}

#[test]
fn the_reason_is_logged_and_no_value_of_a_row() {
    let all = [
        "rejected",
        "transient",
        "conflict",
        "missing",
        "forbidden",
        "defect",
        "undecodable",
    ];
    let (_, _, log) = run(&all, 2);
    for reason in [
        "there is no such file",
        "data_api.execute_statement failed (temporarily_unavailable) [XX000]",
        "data_api.execute_statement failed (internal_error) [XX000]",
        "the payload cannot be decoded: Data error at line 1 column 17",
        "attempt=2",
        "wait_seconds=6",
    ] {
        assert!(log.contains(reason), "{reason} in {log}");
    }
    for value in ["ada@example.org", "Detail", "duplicate key"] {
        assert!(!log.contains(value), "{value} in {log}");
    }
}

#[test]
fn the_back_off_doubles_up_to_its_limit() {
    let waits: Vec<u32> = (1..=5).map(|attempt| back_off_seconds(attempt, 2)).collect();
    assert_eq!(waits, [2, 4, 8, 16, 32]);
    assert_eq!(back_off_seconds(40, 2), LONGEST_WAIT_SECONDS);
    assert_eq!(back_off_seconds(0, 1), 1);
}
