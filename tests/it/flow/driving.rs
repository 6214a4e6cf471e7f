//! Driving on by the page: open files by the API, what files owe a new dataset by the status queue. Twice, out of order,
//! killed at a call, with nothing left but the reminder.

use std::collections::BTreeSet;

use millrace_app::drive::{DRIVE_PAGE, drive_open};
use millrace_app::outbox::{OUTBOX_PAGE, send_dataset};
use millrace_core::facts::Mode;
use millrace_core::message::Queue;
use millrace_core::name::Name;
use millrace_tests::{Delivered, Fault, Order, Random, specs};

use super::Sales;

const LATER: &str = "sales_by_day";
/// More than a page of files, so that a message has to send itself on.
const FILES: usize = OUTBOX_PAGE as usize + 7;

/// Registers files with one row each, settled, and then a dataset whose messages nobody sends.
async fn with_later_dataset(files: usize) -> Option<Sales> {
    let sales = Sales::direct().await?;
    for number in 0..files {
        let row = format!("2023-01-{:02},a,{number}.5,1,2\n", 1 + number % 28);
        sales.send(&format!("{number}.csv"), Mode::New, &row).await;
    }
    sales.road.settle().await;
    let body = specs::dataset(&specs::Dataset {
        name: LATER,
        event: "sales",
        group_by: &["day"],
        functions: &["sum"],
        columns: &["amount"],
        ..specs::Dataset::default()
    });
    specs::create(&sales.database.owner_store(), &body).await;
    assert!(sales.road.queues.is_empty());
    Some(sales)
}

fn later() -> Name {
    Name::parse(LATER).unwrap()
}

/// The messages that have files contribute to the new dataset, without repeats.
fn owed(sales: &Sales) -> BTreeSet<String> {
    let messages = sales.road.queues.all().into_iter();
    let owed = messages.filter(|message| message.queue == Queue::Perf);
    owed.map(|message| message.body).collect()
}

/// Handles what lies in the status queue, and nothing else; how many messages that were.
async fn deliver_status(sales: &Sales) -> usize {
    let mut delivered = 0;
    while let Some(at) = sales
        .road
        .queues
        .all()
        .iter()
        .position(|message| message.queue == Queue::Status)
    {
        let message = sales.road.queues.take(at).unwrap();
        delivered += 1;
        match sales.road.deliver(&message).await {
            Delivered::Done => {}
            Delivered::Failed(_) => sales.road.queues.put_back(message),
            other => panic!("{other:?}"),
        }
        assert!(delivered < 100, "the status queue does not come to rest");
    }
    delivered
}

#[tokio::test]
async fn the_reminder_alone_brings_existing_files_into_a_new_dataset() {
    let Some(sales) = with_later_dataset(FILES).await else {
        return;
    };
    // The caller was cut off between the commit and its message: what went out before the commit is all there is.
    send_dataset(sales.road.sender(), &later(), 60).await.unwrap();
    assert_eq!(sales.road.queues.all()[0].delay_seconds, 60);
    sales.road.settle().await;
    let sum = "select sum(sum_amount)::text from ingestion.sales_by_day";
    let expected: f64 = (0..FILES).map(|number| number as f64 + 0.5).sum();
    assert_eq!(sales.lines(sum).await, [format!("{expected:.1}")]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_reminder_of_a_dataset_that_never_came_harms_nothing() {
    let Some(sales) = Sales::new().await else { return };
    send_dataset(sales.road.sender(), &later(), 60).await.unwrap();
    sales.road.settle().await;
    sales.assert_clean().await;
}

#[tokio::test]
async fn repeats_of_a_datasets_message_change_nothing() {
    let Some(sales) = with_later_dataset(FILES).await else {
        return;
    };
    let seed = Random::seed(61);
    println!("seed {seed}");
    for delay_seconds in [60, 0, 0] {
        send_dataset(sales.road.sender(), &later(), delay_seconds)
            .await
            .unwrap();
    }
    let mut order = Order::Random {
        random: Random::new(seed),
        twice_permille: 300,
        reminders_permille: 500,
    };
    sales.road.drain_with_workers(&mut order, 3).await;
    let figures = "select concat_ws(' ', day, sum_amount) from ingestion.sales_by_day order by day";
    let found = sales.lines(figures).await;
    assert_eq!(found.len(), 28);
    let rows = "select sum(row_count)::text from stored.cells_3";
    assert_eq!(sales.lines(rows).await, [FILES.to_string()]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn whoever_sends_what_files_owe_may_be_killed_at_every_call() {
    let Some(sales) = with_later_dataset(FILES).await else {
        return;
    };
    let page = u64::from(OUTBOX_PAGE);
    // One listing, a call a message, one to forget them, one to send itself on.
    for call in [0, 1, 2, page / 2, page, page + 1, page + 2] {
        for fault in [Fault::Before, Fault::After] {
            sales
                .lines(
                    "with cleared as (delete from operations.outbox) select ingestion.post(file_id, version, 'perf', \
                     'aggregate', jsonb_build_object('dataset', target))::text from ingestion.contribution \
                     where target = 'sales_by_day'",
                )
                .await;
            sales.road.queues.purge();
            send_dataset(sales.road.sender(), &later(), 0).await.unwrap();
            let message = sales.road.queues.take(0).unwrap();
            sales.road.faults.die_at(call, fault);
            assert!(matches!(sales.road.deliver(&message).await, Delivered::Failed(_)));
            sales.road.faults.stop();
            sales.road.queues.put_back(message);
            deliver_status(&sales).await;
            assert_eq!(owed(&sales).len(), FILES, "call {call} {fault:?}");
            assert_eq!(
                sales.lines("select count(*)::text from operations.outbox").await,
                ["0"]
            );
        }
    }
}

#[tokio::test]
async fn a_message_sends_no_more_than_a_page() {
    let Some(sales) = with_later_dataset(FILES).await else {
        return;
    };
    send_dataset(sales.road.sender(), &later(), 0).await.unwrap();
    let message = sales.road.queues.take(0).unwrap();
    sales.road.deliver(&message).await;
    assert_eq!(owed(&sales).len(), OUTBOX_PAGE as usize);
    // The rest is one message away.
    assert_eq!(deliver_status(&sales).await, 1);
    assert_eq!(owed(&sales).len(), FILES);
}

#[tokio::test]
async fn open_files_are_driven_on_page_by_page() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    let settled = sales.send("settled.csv", Mode::New, "2023-01-08,a,1,1,2\n").await;
    sales.road.settle().await;
    sales
        .database
        .script(
            "insert into ingestion.file (file_id, ingestion_type, ingestion_name, file_name) \
             select gen_random_uuid(), 'event', 'sales', n || '.csv' from generate_series(1, 120) as n; \
             insert into ingestion.file_tracker (file_id, version, ingestion_type, ingestion_name, spec_version, \
                file_name, mode, created_by) \
             select file_id, 1, 'event', 'sales', 1, file_name, 'new', 'x' from ingestion.file \
             where file_name <> 'settled.csv'; \
             select ingestion.post(file_id, 1, 'status', 'facts_changed') from ingestion.file \
             where file_name = 'settled.csv'",
        )
        .await;
    let (mut driven, mut sizes, mut before) = (Vec::new(), Vec::new(), None);
    loop {
        sales.road.faults.stop();
        let page = drive_open(&sales.road.store, sales.road.sender(), before)
            .await
            .unwrap();
        // The listing, and a few calls a file.
        assert!(sales.road.faults.calls() <= 1 + 4 * u64::from(DRIVE_PAGE));
        sizes.push(page.driven.len());
        driven.extend(page.driven);
        match page.next {
            None => break,
            next => before = next,
        }
    }
    assert_eq!(sizes, [DRIVE_PAGE as usize, DRIVE_PAGE as usize, 21]);
    // A file that is at its end, and whose message was never sent, is the last, since it came first.
    assert_eq!(driven.last(), Some(&settled));
    let distinct: BTreeSet<String> = driven.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), 121);
    let status = sales
        .road
        .queues
        .all()
        .into_iter()
        .filter(|message| message.queue == Queue::Status);
    assert_eq!(status.count(), 1);
}
