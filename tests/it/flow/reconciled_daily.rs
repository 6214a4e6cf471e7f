//! Looking by the clock whether it all adds up: written down once, wherever it dies.

use millrace_app::reconcile_daily::{Reconciliation, begin_reconciliation, go_on_reconciling};
use millrace_core::facts::Mode;
use millrace_core::ids::RunId;
use millrace_core::message::Queue;
use millrace_store::reconciliation::{FindingRecord, ReconciliationRecord};
use millrace_tests::{Fault, Order};
use serde_json::json;

use super::Sales;

impl Sales {
    async fn reconcile_by_the_clock(&self) {
        self.ask(Queue::Perf, json!({"kind": "reconcile_all"}));
        self.road.drain(&mut Order::First).await;
    }

    async fn found(&self, look: &ReconciliationRecord) -> Vec<FindingRecord> {
        self.store.list_findings(look.run_id, None, 10).await.unwrap()
    }

    async fn looks(&self) -> Vec<ReconciliationRecord> {
        self.store.list_reconciliations(None, 10).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_found_is_kept_and_the_same_trigger_looks_once() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.send_many(110).await;
    sales.reconcile_by_the_clock().await;
    sales.reconcile_by_the_clock().await;
    let looks = sales.looks().await;
    assert_eq!((looks.len(), looks[0].findings), (1, 0));
    assert!(looks[0].finished_at.is_some() && looks[0].checked > 110);
    let spoil = "update stored.cells_1 set row_count = row_count + 1";
    sales.database.query(spoil).await;
    sales.road.trigger = "another day".to_owned();
    sales.reconcile_by_the_clock().await;
    let looks = sales.looks().await;
    assert_eq!((looks.len(), looks[0].findings), (2, 1));
    let found = sales.found(&looks[0]).await;
    assert_eq!(
        (found[0].rule.as_str(), found[0].dataset.as_deref()),
        ("cells_differ", Some("sales_by_shop"))
    );
    assert_eq!(sales.found(&looks[1]).await, []);
}

#[tokio::test]
async fn wherever_it_fails_nothing_is_counted_twice() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.send_many(3).await;
    sales
        .database
        .query("update stored.cells_1 set row_count = row_count + 1")
        .await;
    let mut seen = Vec::new();
    for seed in 0..6 {
        sales.road.trigger = format!("day {seed}");
        sales
            .road
            .faults
            .fail_randomly(seed, if seed == 0 { 0 } else { 100 });
        sales.reconcile_by_the_clock().await;
        sales.road.faults.stop();
        let look = sales.looks().await.swap_remove(0);
        let found = sales.found(&look).await;
        seen.push((
            look.checked,
            look.findings,
            found.len(),
            look.finished_at.is_some(),
        ));
    }
    let first = seen[0];
    assert_eq!((first.1, first.2, first.3), (1, 1, true));
    assert!(seen.iter().all(|one| *one == first), "{seen:?}");
}

/// What raises the alarm is said by whoever is asked: the one who came to the end may have died before saying it.
#[tokio::test]
async fn what_was_found_is_told_again_whenever_its_message_comes_again() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    sales.send("a.csv", Mode::New, "2023-01-08,a,1,1,1\n").await;
    sales.road.settle().await;
    sales
        .database
        .query("update stored.cells_1 set row_count = row_count + 1")
        .await;
    let ports = sales.road.reconcile_ports();
    let nobody = RunId::from_time_and_random(1_700_000_000_000, [1; 10]);
    assert_eq!(go_on_reconciling(&ports, nobody).await.unwrap(), None);
    let mut died = 0;
    for call in 0.. {
        begin_reconciliation(&ports, &format!("day {call}"))
            .await
            .unwrap();
        let run_id = sales.looks().await[0].run_id;
        sales.road.faults.die_at(call, Fault::After);
        let first = go_on_reconciling(&ports, run_id).await;
        let is_through = sales.road.faults.hits() == 0;
        sales.road.faults.stop();
        let checked = match first {
            Ok(Some(whole)) if is_through => whole.checked,
            Err(_) => 0,
            other => panic!("call {call}: {other:?}"),
        };
        for _ in 0..3 {
            let again = go_on_reconciling(&ports, run_id).await.unwrap();
            let looked = sales.looks().await[0].checked;
            let whole = Reconciliation {
                run_id,
                checked: looked,
                findings: 1,
            };
            assert_eq!(again, Some(whole), "call {call}");
            assert!(!is_through || checked == looked);
        }
        if is_through {
            break;
        }
        died += 1;
    }
    assert!(died > 5, "{died}");
}
