//! Objects that other systems put into the landing bucket: registered by their events, counted in the order of their
//! writes.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::object_key::ArrivedObject;
use millrace_core::row_error::Rule;
use millrace_store::drops::{DropFilter, DropRecord};
use millrace_store::files::{FileFilter, FileRecord};
use millrace_tests::{Order, Random, specs};

use super::Sales;

mod again;

const KEY: &str = "drops/event/sales/a.csv";

fn row(shop: &str) -> String {
    Sales::csv(&format!("2023-01-08,{shop},1,1,2\n"))
}

/// What no row is kept of.
const BAD: &str = "day,shop,nothing\n2023-01-08,a,1\n";

impl Sales {
    /// Writes an object of which nobody is told yet.
    fn write(&self, csv: &str) -> ArrivedObject {
        let arrived = self.road.write(KEY, csv);
        self.road.queues.take(self.road.queues.len() - 1).unwrap();
        arrived
    }

    async fn versions(&self) -> Vec<FileRecord> {
        let filter = FileFilter {
            limit: 100,
            ..FileFilter::default()
        };
        self.store.list_files(&filter).await.unwrap()
    }

    async fn drops(&self, refused_only: bool) -> Vec<DropRecord> {
        let filter = DropFilter {
            refused_only,
            before: None,
            limit: 100,
        };
        self.store.list_drops(filter).await.unwrap()
    }

    /// No version waits for somebody to drive it on, and nothing else is left.
    async fn assert_through(&self) {
        let open = "select count(*) from ingestion.file_tracker where validated_at is null and error is null";
        assert_eq!(self.lines(open).await, ["0"], "open versions");
        self.assert_clean().await;
    }

    /// The shops that count.
    async fn counted(&self) -> Vec<String> {
        self.lines("select k2 from stored.cells_1 where row_count > 0 order by k2")
            .await
    }
}

#[tokio::test]
async fn a_drop_is_a_file_and_the_next_under_its_key_takes_its_place() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.road.write(KEY, row("a"));
    sales.road.settle().await;
    assert_eq!(sales.counted().await, ["a"]);
    let versions = sales.versions().await;
    assert_eq!(
        (versions[0].file_name.as_str(), versions[0].mode),
        ("a.csv", Mode::New)
    );
    assert_eq!(versions[0].stored_status, "Ready_to_archive");
    sales.road.write(KEY, row("b"));
    sales.road.settle().await;
    // Whatever is told again changes nothing.
    for _ in 0..3 {
        sales.road.tell(&first);
        sales.road.settle().await;
    }
    assert_eq!(sales.counted().await, ["b"]);
    let versions = sales.versions().await;
    assert_eq!((versions.len(), versions[0].mode), (2, Mode::Replace));
    let drops = sales.drops(false).await;
    let told: Vec<_> = drops
        .iter()
        .map(|one| (one.version, one.error.clone(), one.file_id))
        .collect();
    let file_id = Some(versions[0].file.file_id);
    assert_eq!(told, [(Some(2), None, file_id), (Some(1), None, file_id)]);
    // A file that was uploaded under the name is the same file; one that was taken back is there again.
    sales.road.delete(versions[0].file.file_id).await;
    sales.road.write(KEY, row("c"));
    sales.road.settle().await;
    sales.send("a.csv", Mode::Replace, "2023-01-08,d,1,1,2\n").await;
    sales.road.settle().await;
    assert_eq!(sales.counted().await, ["d"]);
    sales.assert_through().await;
}

/// Every order of the events of four writes, of which one is bad: what counts is what the order of the writes makes it.
#[tokio::test]
async fn the_order_of_the_writes_counts_and_not_that_of_their_events() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    for bad in 0..4 {
        let expected = if bad == 3 { "2" } else { "3" };
        for order in orders(4) {
            sales.begin_anew().await;
            sales
                .database
                .script("delete from operations.dropped_object")
                .await;
            let csv = |number: usize| {
                if number == bad {
                    BAD.to_owned()
                } else {
                    row(&number.to_string())
                }
            };
            let writes: Vec<ArrivedObject> = (0..4).map(|number| sales.write(&csv(number))).collect();
            for number in &order {
                sales.road.tell(&writes[*number]);
                sales.road.settle().await;
            }
            assert_eq!(sales.counted().await, [expected], "bad {bad}, order {order:?}");
            assert_eq!(sales.drops(false).await.len(), 4);
            sales.assert_through().await;
        }
    }
}

/// Every order of so many numbers.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(count - 1) {
        for at in 0..count {
            let mut longer = shorter.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

#[tokio::test]
async fn events_at_once_and_again_and_in_disorder_make_one_file() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    for seed in 0..20 {
        sales.begin_anew().await;
        sales
            .database
            .script("delete from operations.dropped_object")
            .await;
        for number in 0..5 {
            let arrived = sales.road.write(KEY, row(&number.to_string()));
            sales.road.tell(&arrived);
        }
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 400,
            reminders_permille: 300,
        };
        sales.road.drain_with_workers(&mut order, 4).await;
        assert_eq!(sales.counted().await, ["4"], "{seed}");
        assert_eq!(sales.drops(false).await.len(), 5);
        sales.assert_through().await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_loses_and_doubles_nothing() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let mut call = 0;
    loop {
        sales.begin_anew().await;
        sales
            .database
            .script("delete from operations.dropped_object")
            .await;
        let first = sales.write(&row("a"));
        let second = sales.write(&row("b"));
        sales.road.tell(&second);
        sales.road.settle().await;
        // The event of the earlier write comes late, and whoever takes it dies.
        sales.road.tell(&first);
        let is_through = sales.road.die_over_first(call).await;
        sales.road.drain(&mut Order::Last).await;
        assert_eq!(sales.counted().await, ["b"], "{call}");
        assert_eq!(sales.versions().await.len(), 3, "{call}");
        sales.assert_through().await;
        if is_through {
            break;
        }
        call += 1;
    }
    assert!(call > 20, "only {call} calls were stopped at");
}

#[tokio::test]
async fn a_key_that_is_written_again_loses_nothing_unnoticed() {
    let Some(sales) = Sales::new().await else { return };
    // A bucket that keeps versions: each event's bytes are there, in whatever order they are read.
    let first = sales.write(&row("a"));
    let second = sales.write(&row("b"));
    sales.road.tell(&first);
    sales.road.settle().await;
    assert_eq!(sales.counted().await, ["a"]);
    sales.road.tell(&second);
    sales.road.settle().await;
    assert_eq!(sales.counted().await, ["b"]);
    // One that keeps none: what has gone is said, and what took its place counts.
    let versionless = |mut arrived: ArrivedObject| {
        arrived.object.version = None;
        arrived
    };
    let (third, fourth) = (
        versionless(sales.write(&row("c"))),
        versionless(sales.write(&row("d"))),
    );
    sales.road.tell(&third);
    sales.road.settle().await;
    let gone = sales.versions().await.remove(0);
    assert_eq!(gone.facts.error.map(|error| error.rule), Some(Rule::ObjectGone));
    assert_eq!(
        (gone.stored_status.as_str(), sales.counted().await),
        ("Error", vec!["b".to_owned()])
    );
    sales.road.tell(&fourth);
    sales.road.settle().await;
    assert_eq!(sales.counted().await, ["d"]);
    sales.assert_through().await;
}

#[tokio::test]
async fn what_belongs_to_no_spec_ends_where_an_operator_sees_it() {
    let Some(sales) = Sales::new().await else { return };
    for key in [
        "drops/a.csv",
        "drops/source/sales/a.csv",
        "drops/event/sales/2023/a.csv",
        "drops/event/no such/a.csv",
        "drops/event/tomorrow/a.csv",
    ] {
        let arrived = sales.road.write(key, row("a"));
        sales.road.tell(&arrived);
    }
    // What a console makes for a folder is no file.
    sales.road.write("drops/event/sales/", "");
    sales.road.settle().await;
    let refused = sales.drops(true).await;
    let told: Vec<_> = refused
        .iter()
        .rev()
        .map(|one| (one.object_key.as_str(), one.error.as_ref().unwrap().rule))
        .collect();
    assert_eq!(
        told,
        [
            ("drops/a.csv", Rule::BadKey),
            ("drops/source/sales/a.csv", Rule::BadKey),
            ("drops/event/sales/2023/a.csv", Rule::BadKey),
            ("drops/event/no such/a.csv", Rule::BadKey),
            ("drops/event/tomorrow/a.csv", Rule::UnknownSpec),
        ]
    );
    assert_eq!(sales.versions().await, []);
    assert_eq!(sales.drops(false).await.len(), 5);
    // Once the spec is there, the object is taken.
    let body = specs::event("tomorrow", &[("day", "date!"), ("shop", "string")]);
    specs::create(&sales.database.owner_store(), &body).await;
    sales
        .road
        .write("drops/event/tomorrow/a.csv", "day,shop\n2023-01-08,a\n");
    sales.road.settle().await;
    let record = sales.versions().await.remove(0);
    assert_eq!(
        (record.ingestion_type, record.ingestion_name.as_str()),
        (SpecKind::Event, "tomorrow")
    );
    assert_eq!(record.stored_status, "Ready_to_archive");
    assert_eq!(sales.drops(true).await.len(), 5);
    let taken = sales.drops(false).await;
    assert_eq!((taken[0].version, taken[0].error.clone()), (Some(1), None));
}
