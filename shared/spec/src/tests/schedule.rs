use millrace_core::pipeline::{MoveKind, ScheduleState, ScheduleTarget};
use serde_json::{Value, json};

use super::with;
use crate::compare::compare_schedules;
use crate::problem::SpecErrors;
use crate::{check_not_over, check_schedule, has_end, schedule_of_move};

fn codes(body: &Value) -> Vec<(String, String)> {
    let errors = check_schedule(body).err().map(|errors| errors.into_errors());
    let errors = errors.unwrap_or_default().into_iter();
    errors.map(|error| (error.pointer, error.code)).collect()
}

#[test]
fn the_seeds_bodies_become_definitions() {
    let schedule =
        check_schedule(&json!({"pipeline_name": "attendance", "scheduled_at": "0 2 * * ? *"})).unwrap();
    assert_eq!(schedule.name.as_str(), "attendance");
    assert_eq!(schedule.target, ScheduleTarget::Pipeline(schedule.name.clone()));
    assert_eq!(schedule.expression, "cron(0 2 * * ? *)");
    assert_eq!(
        (schedule.time_zone.as_str(), schedule.state),
        ("UTC", ScheduleState::Enabled)
    );
    for (kind, name, moves) in [
        ("Archive", "archive", MoveKind::Archive),
        ("Error", "error", MoveKind::Error),
    ] {
        let body = json!({"scheduled_at": "rate(1 day)", "scheduled_type": kind});
        let schedule = check_schedule(&schedule_of_move(&body).unwrap()).unwrap();
        assert_eq!(
            (schedule.name.as_str(), schedule.target),
            (name, ScheduleTarget::Move(moves))
        );
    }
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let found = codes(
        &json!({"pipeline_name": "p", "scheduled_at": "cron(60 25 * * ? *)", "time_zone": "Mars/Base",
        "scheduled_type": "Error"}),
    );
    let expected = [
        ("/scheduled_type", "two_targets"),
        ("/scheduled_at", "out_of_range"),
        ("/scheduled_at", "out_of_range"),
        ("/time_zone", "unknown_time_zone"),
    ];
    assert_eq!(found, expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
    for (body, at, code) in [
        (json!({"scheduled_at": "rate(1 day)"}), "", "missing_member"),
        (json!({"pipeline_name": "p"}), "", "missing_member"),
        (
            json!({"pipeline_name": "p q", "scheduled_at": "rate(1 day)"}),
            "/pipeline_name",
            "bad_name",
        ),
        (
            json!({"pipeline_name": "p", "scheduled_at": 5}),
            "/scheduled_at",
            "wrong_type",
        ),
        (
            json!({"pipeline_name": "p", "scheduled_at": "rate(1 day)", "state": "stopped"}),
            "/state",
            "wrong_value",
        ),
        (
            json!({"pipeline_name": "p", "scheduled_at": "0 0 2 * * ? *"}),
            "/scheduled_at",
            "quartz_seconds",
        ),
    ] {
        assert_eq!(codes(&body), [(at.to_owned(), code.to_owned())], "{body}");
    }
    for body in [
        json!({"scheduled_at": "rate(1 day)"}),
        json!({"scheduled_at": "rate(1 day)", "scheduled_type": "Error", "pipeline_name": "p"}),
        json!([]),
    ] {
        assert!(schedule_of_move(&body).is_err(), "{body}");
    }
}

#[test]
fn a_schedule_is_changed_freely() {
    let body = json!({"pipeline_name": "p", "scheduled_at": "rate(1 day)"});
    let first = check_schedule(&body).unwrap();
    let paused = check_schedule(&with(body, "/state", json!("paused"))).unwrap();
    let found = compare_schedules(&first, &paused);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pointer, "/state");
    assert!(found[0].meaning.is_additive());
    assert_eq!(compare_schedules(&first, &first), []);
}

fn told(errors: SpecErrors) -> Vec<(String, String)> {
    let errors = errors.into_errors().into_iter();
    errors.map(|error| (error.pointer, error.code)).collect()
}

#[test]
fn a_time_that_the_clock_skips_each_year_never_comes() {
    for (scheduled_at, zone) in [
        ("cron(30 2 ? 3 SUN#2 *)", "America/New_York"),
        ("cron(30 2 ? 3 1L *)", "Europe/Berlin"),
    ] {
        let schedule = |zone| json!({"pipeline_name": "p", "scheduled_at": scheduled_at, "time_zone": zone});
        assert_eq!(
            codes(&schedule(zone)),
            [("/scheduled_at".to_owned(), "never".to_owned())],
            "{zone}"
        );
        assert_eq!(codes(&schedule("UTC")), []);
    }
}

#[test]
fn a_schedule_whose_last_time_has_passed_is_refused() {
    // 2026-11-22T12:00:00Z.
    const NOW_MS: u64 = 1_795_348_800_000;
    let check = |scheduled_at: &str, zone: &str, state: &str| {
        let body =
            json!({"pipeline_name": "p", "scheduled_at": scheduled_at, "time_zone": zone, "state": state});
        let schedule = match check_schedule(&body) {
            Ok(schedule) => schedule,
            Err(errors) => return (true, told(errors)),
        };
        let refused = check_not_over(&schedule, NOW_MS).err();
        (has_end(&schedule), refused.map(told).unwrap_or_default())
    };
    let never = || vec![("/scheduled_at".to_owned(), "never".to_owned())];
    for (scheduled_at, zone, expected) in [
        ("cron(0 2 * * ? *)", "UTC", (false, Vec::new())),
        ("cron(0 2 * * ? 1970-2199)", "UTC", (false, Vec::new())),
        ("rate(1 day)", "UTC", (false, Vec::new())),
        ("cron(0 2 * * ? 2027)", "UTC", (true, Vec::new())),
        ("cron(0 2 * * ? 2020-2025)", "UTC", (true, never())),
        ("cron(0 2 1 1 ? 2026)", "UTC", (true, never())),
        ("cron(1 12 22 11 ? 2026)", "UTC", (true, Vec::new())),
        ("cron(0 12 22 11 ? 2026)", "UTC", (true, never())),
        ("cron(1 12 22 11 ? 2026)", "Asia/Kolkata", (true, never())),
        ("cron(0 0 29 2 ? 2027-2030)", "UTC", (true, Vec::new())),
        ("cron(0 0 29 2 ? 2024-2027)", "UTC", (true, never())),
        ("cron(0 0 29 2 ? 2024,2199)", "UTC", (true, never())),
    ] {
        for state in ["enabled", "paused"] {
            assert_eq!(
                check(scheduled_at, zone, state),
                expected,
                "{scheduled_at} {zone}"
            );
        }
    }
}
