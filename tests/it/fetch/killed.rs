//! Workers that die at every call, on either side of its effect; what comes again goes on, and every listed file is
//! registered once.

use millrace_core::message::Queue;
use millrace_tests::{Delivered, Fault, Order};

use super::{Fetching, csv};

fn list(fetching: &Fetching, amount: u32) {
    fetching.list(&[
        ("s-2024-01-01.csv", csv("2024-01-01", amount)),
        ("s-2024-02-01.csv", csv("2024-02-01", 2)),
        ("same-2024-03-01.csv", csv("2024-02-01", 2)),
    ]);
}

/// A run whose worker dies at a call; its message comes again. Says whether the call was reached.
async fn run_dying_at(fetching: &Fetching, call: u64, fault: Fault) -> bool {
    let road = &fetching.road;
    road.faults.stop();
    fetching.begin().await;
    // The one without delay: the other one stands for what comes again.
    while road.queues.all().iter().any(|message| message.delay_seconds == 0) {
        let at = road
            .queues
            .all()
            .iter()
            .position(|message| message.delay_seconds == 0);
        let message = road.queues.take(at.unwrap()).unwrap();
        if message.queue != Queue::Fetch {
            road.deliver(&message).await;
            continue;
        }
        road.faults.die_at(call, fault);
        let delivered = road.deliver(&message).await;
        let was_hit = road.faults.hits() > 0;
        road.faults.stop();
        if matches!(delivered, Delivered::Failed(_)) {
            // First it finds the lock that the dead worker has left behind, then that the lease is over.
            road.deliver(&message).await;
            road.queues.put_back(message);
        }
        road.surroundings.advance(road.fetch_ms);
        road.drain(&mut Order::First).await;
        return was_hit;
    }
    false
}

#[tokio::test]
async fn workers_may_die_at_every_call() {
    let Some(mut fetching) = Fetching::direct().await else {
        return;
    };
    let mut calls = 0;
    for fault in [Fault::Before, Fault::After] {
        for call in 0.. {
            fetching.begin_anew().await;
            list(&fetching, 1);
            if !run_dying_at(&fetching, call, fault).await {
                calls = call;
                break;
            }
            list(&fetching, 5);
            run_dying_at(&fetching, call, fault).await;
            fetching.lines().await;
            let files = fetching.files().await;
            assert_eq!(
                files,
                [
                    "sales_of_region/s-2024-01-01.csv 1 new Ready_to_archive",
                    "sales_of_region/s-2024-01-01.csv 2 replace Ready_to_archive",
                    "sales_of_region/s-2024-02-01.csv 1 new Ready_to_archive",
                    "7"
                ],
                "call {call} {fault:?}"
            );
            for entry in fetching.registry().await {
                assert_eq!(
                    (entry.state.as_str(), &entry.error),
                    ("held", &None),
                    "call {call} {fault:?}"
                );
            }
            let left = "select count(*)::text from operations.outbox";
            assert_eq!(fetching.texts(left).await, ["0"], "call {call} {fault:?}");
            let states = "select distinct state from operations.run";
            assert_eq!(
                fetching.texts(states).await,
                ["completed"],
                "call {call} {fault:?}"
            );
        }
    }
    println!("{calls} calls a run, each died at on either side");
    assert!(calls > 15);
}

#[tokio::test]
async fn a_file_on_which_work_always_dies_is_given_up_and_the_others_come_in() {
    let Some(fetching) = Fetching::new().await else {
        return;
    };
    list(&fetching, 1);
    let run_id = fetching.begin().await;
    // The first file's object cannot be made, as if every worker died of it.
    fetching
        .road
        .faults
        .fail_on("sources/sales_of_region/1/", Fault::Before, 1_000);
    fetching.road.drain(&mut Order::First).await;
    let (run, lines) = fetching.found(run_id).await;
    assert_eq!(run.state, "completed");
    assert_eq!((lines[0].state.as_str(), lines[0].attempts), ("failed", 5));
    let error = lines[0].error.as_ref().unwrap();
    assert_eq!(error["rule"], "gave_up");
    assert_eq!(
        error["message"],
        "the work died on this file 5 times; the last time: fault failed (temporarily_unavailable)"
    );
    assert_eq!(lines[1].state, "fetched");
    fetching.road.faults.stop();
    assert_eq!(fetching.lines().await[0], "s-2024-01-01.csv fetched");
}
