//! A dataset that is retired stays as it is, whatever becomes of its files, and has all of it once it is restored.

use millrace_app::create::SpecPorts;
use millrace_app::life::{restore_spec, retire_spec};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::name::Name;
use millrace_store::specs::{RestoreSpec, RetireSpec};
use millrace_tests::{Order, Random};

use super::reconciled::findings;
use super::{BY_SHOP, Sales};

impl Sales {
    async fn retire(&self) {
        let owner = self.database.owner_store();
        let retired = owner.retire_spec(SpecKind::Dataset, BY_SHOP, "tests").await;
        assert_eq!(retired.unwrap(), RetireSpec::Retired);
    }

    async fn restore(&self) {
        let owner = self.database.owner_store();
        let ports = SpecPorts {
            store: &self.store,
            owner_store: &owner,
            sender: self.road.sender(),
            reminder_delay_seconds: 60,
        };
        let name = Name::parse(BY_SHOP).unwrap();
        let restored = restore_spec(ports, (SpecKind::Dataset, &name)).await;
        assert_eq!(restored.unwrap(), RestoreSpec::Restored);
    }

    async fn cells_of_shops(&self) -> Vec<String> {
        let cells = "select concat_ws(' ', cell_key, row_count, m1_sum, m1_min, m1_max) from stored.cells_1 \
             where row_count > 0 order by cell_key";
        self.lines(cells).await
    }

    async fn is_building(&self) -> bool {
        let (table, _) = self.store.dataset_table(BY_SHOP).await.unwrap().unwrap();
        table.is_building
    }
}

fn row(shop: &str, amount: usize) -> String {
    format!("2023-01-08,{shop},{amount},1,2\n")
}

/// Files that come, are replaced, are taken back and inherit bytes.
async fn change(sales: &Sales, order: &mut Order) {
    sales.send("new.csv", Mode::New, &row("new", 5)).await;
    sales.send("1.csv", Mode::Replace, &row("one", 7)).await;
    let gone = sales.send("2.csv", Mode::Replace, &row("two", 8)).await;
    sales.road.drain(order).await;
    sales.road.delete(gone.file_id).await;
    sales.send("copy of 3.csv", Mode::New, &row("a", 3)).await;
    sales.road.drain(order).await;
    // Its bytes are the copy's from now on.
    sales.send("3.csv", Mode::Replace, &row("three", 9)).await;
    let passing = sales.send("passing.csv", Mode::New, &row("passing", 1)).await;
    sales.road.drain(order).await;
    sales.road.delete(passing.file_id).await;
    sales.road.drain(order).await;
}

#[tokio::test]
async fn it_is_frozen_while_retired_and_catches_up_exactly() {
    for seed in 0..6 {
        let Some(sales) = Sales::new().await else { return };
        let mut order = Order::Random {
            random: Random::new(seed),
            twice_permille: 300,
            reminders_permille: 150,
        };
        for number in 0..6 {
            sales
                .send(&format!("{number}.csv"), Mode::New, &row("a", number))
                .await;
        }
        sales.road.settle().await;
        let before = sales.cells_of_shops().await;
        sales.retire().await;
        change(&sales, &mut order).await;
        assert_eq!(sales.cells_of_shops().await, before, "nothing of it is touched");
        assert_eq!(findings(&sales).await, []);
        let files = "select count(*) from ingestion.file_tracker where file_status <> 'Ready_to_archive'";
        assert_eq!(sales.lines(files).await, ["0"], "no file waits for it");
        sales.restore().await;
        assert!(sales.is_building().await, "nobody sees it before it has all");
        sales.send("late.csv", Mode::New, &row("late", 2)).await;
        sales.road.drain(&mut order).await;
        assert!(!sales.is_building().await);
        let found = sales.cells_of_shops().await;
        assert_eq!(findings(&sales).await, []);
        sales.assert_clean().await;

        let Some(calm) = Sales::new().await else { return };
        for (name, shop, amount) in [
            ("0", "a", 0),
            ("4", "a", 4),
            ("5", "a", 5),
            ("new", "new", 5),
            ("1", "one", 7),
            ("copy of 3", "a", 3),
            ("3", "three", 9),
            ("late", "late", 2),
        ] {
            calm.send(&format!("{name}.csv"), Mode::New, &row(shop, amount))
                .await;
        }
        calm.road.settle().await;
        assert_eq!(found, calm.cells_of_shops().await, "seed {seed}");
    }
}

#[tokio::test]
async fn nobody_is_reminded_of_a_name_that_is_none() {
    let Some(sales) = Sales::new().await else { return };
    let owner = sales.database.owner_store();
    let ports = SpecPorts {
        store: &sales.store,
        owner_store: &owner,
        sender: sales.road.sender(),
        reminder_delay_seconds: 60,
    };
    let name = Name::parse("nothing").unwrap();
    for kind in [SpecKind::Dataset, SpecKind::Pipeline, SpecKind::Schedule] {
        let restored = restore_spec(ports, (kind, &name)).await;
        assert_eq!(restored.unwrap(), RestoreSpec::NoSpec);
        let retired = retire_spec(ports, (kind, &name), "tests").await;
        assert_eq!(retired.unwrap(), RetireSpec::NoSpec);
    }
    assert!(sales.road.queues.all().is_empty());
    // One that is there is reminded of before the change, and told of behind it.
    let by_shop = Name::parse(BY_SHOP).unwrap();
    let restored = restore_spec(ports, (SpecKind::Dataset, &by_shop)).await;
    assert_eq!(restored.unwrap(), RestoreSpec::Restored);
    let told: Vec<u16> = sales
        .road
        .queues
        .all()
        .iter()
        .map(|sent| sent.delay_seconds)
        .collect();
    assert_eq!(told, [60, 0]);
}

#[tokio::test]
async fn what_is_restored_again_has_nothing_to_catch_up_with() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("a.csv", Mode::New, &row("a", 1)).await;
    sales.road.settle().await;
    sales.restore().await;
    assert!(!sales.is_building().await);
    sales.retire().await;
    sales.restore().await;
    assert!(!sales.is_building().await, "no file came meanwhile");
    sales.road.settle().await;
    assert_eq!(sales.cells_of_shops().await.len(), 1);
}

/// A file that was validated before, and is on its way still, goes on.
#[tokio::test]
async fn what_was_on_its_way_arrives() {
    let Some(sales) = Sales::new().await else { return };
    sales.send("a.csv", Mode::New, &row("a", 1)).await;
    sales.road.deliver_some(&mut Order::First, 1).await;
    sales.retire().await;
    sales.send("b.csv", Mode::New, &row("b", 1)).await;
    sales.road.settle().await;
    assert_eq!(sales.cells_of_shops().await.len(), 1);
    sales.restore().await;
    sales.road.settle().await;
    assert_eq!(sales.cells_of_shops().await.len(), 2);
    sales.assert_clean().await;
}
