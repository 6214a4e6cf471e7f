//! Refused drops that are taken again once their spec is there: by messages that come twice and in any order, to workers
//! that die.

use millrace_app::drive::{DrivenDrops, drive_drops};
use millrace_core::failure::Failure;
use millrace_core::message::Queue;
use millrace_core::row_error::Rule;
use millrace_tests::{Delivered, Fault, Order, Random, specs};

use super::super::Sales;

const FIELDS: [(&str, &str); 2] = [("day", "date!"), ("shop", "string")];

/// What no row is kept of.
const BAD: &str = "day,shop,nothing\n2023-01-01,a,1\n";

/// A file of one row.
fn file(day: &str) -> String {
    format!("day,shop\n{day},a\n")
}

/// The day of a write, by its number.
fn day(number: usize) -> String {
    format!("2023-01-{:02}", number + 1)
}

impl Sales {
    async fn drive_drops(&self) -> Result<DrivenDrops, Failure> {
        drive_drops(&self.store, self.road.sender(), None).await
    }

    /// Puts an object for a dataset that is not there yet, and has it refused.
    async fn refuse(&self, dataset: &str, csv: String) {
        self.road.write(&format!("drops/dataset/{dataset}/a.csv"), csv);
        self.road.settle().await;
    }

    async fn create_rows(&self, dataset: &str) {
        let body = specs::rows(dataset, &[], &FIELDS);
        specs::create(&self.database.owner_store(), &body).await;
    }

    /// The days that a dataset's readers see.
    async fn days(&self, dataset: &str) -> Vec<String> {
        self.lines(&format!("select day::text from ingestion.{dataset}"))
            .await
    }

    /// How many versions a dataset's files have.
    async fn version_count(&self, dataset: &str) -> Vec<String> {
        let text = format!("select count(*) from ingestion.file_tracker where ingestion_name = '{dataset}'");
        self.lines(&text).await
    }

    /// Each dropped object's place in the order of arrival, and what became of it.
    async fn states(&self) -> Vec<String> {
        self.lines("select concat_ws(' ', drop_id, state) from operations.dropped_object order by drop_id")
            .await
    }
}

#[tokio::test]
async fn refused_drops_are_taken_once_their_spec_is_there() {
    let Some(sales) = Sales::new().await else { return };
    sales.refuse("tomorrow", file(&day(0))).await;
    sales.road.write("drops/a.csv", "x");
    sales.refuse("tomorrow", file(&day(1))).await;
    let driven = sales.drive_drops().await.unwrap();
    let keys: Vec<&str> = driven.driven.iter().map(|one| one.object_key.as_str()).collect();
    let key = "drops/dataset/tomorrow/a.csv";
    assert_eq!((keys, driven.next), (vec![key, "drops/a.csv", key], None));
    sales.road.settle().await;
    assert_eq!(sales.states().await, ["1 refused", "2 refused", "3 refused"]);
    sales.create_rows("tomorrow").await;
    sales.drive_drops().await.unwrap();
    assert_eq!(sales.drops(true).await.len(), 3, "the call itself takes nothing");
    sales.road.settle().await;
    assert_eq!(sales.days("tomorrow").await, [day(1)], "the later write counts");
    assert_eq!(
        sales.states().await,
        ["1 taken", "2 refused", "3 taken"],
        "each keeps its place"
    );
    let again = sales.drive_drops().await.unwrap();
    assert_eq!(again.driven.len(), 1);
    sales.road.settle().await;
    // A dataset that is computed says so.
    sales.road.write("drops/dataset/sales_by_shop/a.csv", "x");
    sales.road.settle().await;
    let error = sales.drops(true).await.remove(0).error.unwrap();
    assert_eq!(error.rule, Rule::UnknownSpec);
    assert!(
        error.message.contains("sales_by_shop is computed"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn taken_in_their_order_each_write_makes_one_version() {
    let Some(sales) = Sales::new().await else { return };
    for number in 0..10 {
        sales.refuse("later", file(&day(number))).await;
    }
    sales.create_rows("later").await;
    assert_eq!(sales.drive_drops().await.unwrap().driven.len(), 10);
    sales.road.settle().await;
    assert_eq!(sales.version_count("later").await, ["10"]);
    assert_eq!(sales.days("later").await, [day(9)]);
}

/// A later write is told of, and taken, while those before it are refused still.
#[tokio::test]
async fn earlier_writes_that_are_taken_late_do_not_count() {
    let Some(sales) = Sales::new().await else { return };
    sales.refuse("later", file(&day(0))).await;
    sales.refuse("later", file(&day(1))).await;
    sales.create_rows("later").await;
    sales.refuse("later", file(&day(2))).await;
    assert_eq!(sales.states().await, ["1 refused", "2 refused", "3 taken"]);
    assert_eq!(sales.days("later").await, [day(2)]);
    assert_eq!(sales.drive_drops().await.unwrap().driven.len(), 2);
    while let Some(message) = sales.road.queues.take(0) {
        assert!(matches!(sales.road.deliver(&message).await, Delivered::Done));
        assert_eq!(sales.days("later").await, [day(2)], "after {}", message.body);
    }
    assert_eq!(sales.drops(true).await, []);
    sales.assert_through().await;
}

#[tokio::test]
async fn twice_and_in_any_order_the_last_good_write_counts() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    for seed in 0..12 {
        let (dataset, bad) = (format!("later_{seed}"), usize::try_from(seed % 6).unwrap());
        for number in 0..5 {
            let csv = if number == bad {
                BAD.to_owned()
            } else {
                file(&day(number))
            };
            sales.refuse(&dataset, csv).await;
        }
        let before = sales.drops(false).await;
        sales.create_rows(&dataset).await;
        // The call dies half-way, is made again, and once more.
        sales.road.faults.fail_at(seed % 5, Fault::After);
        assert!(sales.drive_drops().await.is_err(), "{seed}");
        sales.road.faults.stop();
        for _ in 0..2 {
            assert_eq!(sales.drive_drops().await.unwrap().driven.len(), 5, "{seed}");
        }
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 400,
            reminders_permille: 300,
        };
        let drained = sales.road.drain_with_workers(&mut order, 4).await;
        assert_eq!(drained.rejected, Vec::<String>::new(), "{seed}");
        let last = if bad == 4 { 3 } else { 4 };
        assert_eq!(sales.days(&dataset).await, [day(last)], "{seed}");
        let after = sales.drops(false).await;
        let ids = |drops: &[millrace_store::drops::DropRecord]| -> Vec<i64> {
            drops.iter().map(|one| one.drop_id).collect()
        };
        assert_eq!(ids(&after), ids(&before), "{seed}");
        assert!(after.iter().all(|one| one.error.is_none()), "{seed}: {after:?}");
        sales.assert_through().await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_over_it_loses_and_doubles_nothing() {
    let Some(sales) = Sales::direct().await else {
        return;
    };
    let mut step = 0;
    loop {
        let dataset = format!("later_{step}");
        sales.refuse(&dataset, file(&day(0))).await;
        sales.refuse(&dataset, file(&day(1))).await;
        sales.create_rows(&dataset).await;
        sales.drive_drops().await.unwrap();
        // The later write is taken first, and whoever takes the earlier one dies.
        let earlier = sales.road.queues.take(0).unwrap();
        sales.road.settle().await;
        sales.road.queues.put_back(earlier);
        let is_through = sales.road.die_over_first(step).await;
        sales.road.drain(&mut Order::Last).await;
        assert_eq!(sales.days(&dataset).await, [day(1)], "{step}");
        assert_eq!(sales.version_count(&dataset).await, ["3"], "{step}");
        assert_eq!(sales.drops(true).await, [], "{step}");
        sales.assert_through().await;
        if is_through {
            break;
        }
        step += 1;
    }
    assert!(step > 20, "only {step} steps were stopped at");
}

#[tokio::test]
async fn what_names_no_dropped_object_is_rejected_with_a_reason() {
    let Some(sales) = Sales::new().await else { return };
    let message = |rest: &str| {
        let body = format!(r#"{{"v":1,"kind":"take_drop"{rest}}}"#);
        sales.road.queues.push(Queue::Ingest, body);
        sales.road.queues.take(0).unwrap()
    };
    match sales.road.deliver(&message(r#","drop_id":7"#)).await {
        Delivered::Rejected(reason) => assert_eq!(reason, "there is no dropped object 7"),
        other => panic!("{other:?}"),
    }
    for rest in ["", r#","drop_id":"7""#] {
        let delivered = sales.road.deliver(&message(rest)).await;
        assert!(matches!(delivered, Delivered::Undecodable), "{delivered:?}");
    }
}
