//! Parts that take longer than one message has time for: the same figures, whatever dies and comes again.

use millrace_core::facts::Mode;
use millrace_tests::{Fault, Order, Random};

use super::{SALES, Sales};

/// What one message leaves to the next.
const BEGUN: &str = "partials/.begun/";
const CHUNK_BYTES: u64 = 600;

fn csv(random: &mut Random) -> String {
    let row = |_| {
        let (day, shop) = (random.below(5) + 1, *random.one_of(&["a", "b", "Kärnten", ""]));
        let amount = *random.one_of(&["-7.25", "1", "2.5", "300.0001", ""]);
        format!("2023-01-{day:02},{shop},{amount},{},9\n", random.below(9))
    };
    Sales::csv(&(0..400).map(row).collect::<String>())
}

/// A file in one piece, and the figures it comes to.
async fn whole() -> Option<(Sales, String, Vec<String>)> {
    let seed = Random::seed(41);
    println!("seed {seed}");
    let mut sales = Sales::direct().await?;
    let csv = csv(&mut Random::new(seed));
    sales.road.send(SALES, "a.csv", Mode::New, csv.clone()).await;
    sales.road.settle().await;
    let figures = sales.figures().await;
    assert!(figures.len() > 20, "{figures:?}");
    assert_eq!(begun(&sales), 0);
    sales.begin_anew().await;
    (sales.road.chunk_bytes, sales.road.perf_ms) = (CHUNK_BYTES, 0);
    Some((sales, csv, figures))
}

fn begun(sales: &Sales) -> usize {
    let keys = sales.road.collections.keys();
    keys.iter().filter(|key| key.starts_with(BEGUN)).count()
}

#[tokio::test]
async fn each_part_may_have_a_message_of_its_own() {
    let Some((sales, csv, figures)) = whole().await else {
        return;
    };
    let file = sales.road.send(SALES, "a.csv", Mode::New, csv).await;
    let mut order = Order::Random {
        random: Random::new(43),
        twice_permille: 200,
        reminders_permille: 100,
    };
    sales.road.drain(&mut order).await;
    let parts = sales.road.record(file).await.chunks_expected.unwrap();
    assert!(parts > 10, "{parts}");
    // Two datasets are fed; the last part of each is in the whole.
    assert_eq!(begun(&sales), 2 * (parts as usize - 1));
    assert_eq!(sales.figures().await, figures);
    sales.assert_clean().await;
    // The next version takes their place.
    let less = Sales::csv("2023-01-01,a,1,1,2\n");
    let file = sales.road.send(SALES, "a.csv", Mode::Replace, less).await;
    sales.road.settle().await;
    assert_eq!(sales.road.record(file).await.stored_status, "Ready_to_archive");
    assert_eq!(
        sales
            .lines("select concat_ws(' ', row_count, m1_sum) from stored.cells_1")
            .await,
        ["1 1.0000"]
    );
}

#[tokio::test]
async fn deaths_between_two_messages_cost_nothing() {
    for fault in [Fault::Before, Fault::After] {
        for words in [BEGUN, "parts_done"] {
            let Some((sales, csv, figures)) = whole().await else {
                return;
            };
            sales.road.send(SALES, "a.csv", Mode::New, csv).await;
            sales.road.faults.fail_on(words, fault, 7);
            sales.road.drain(&mut Order::First).await;
            assert_eq!(sales.road.faults.hits(), 7, "{words}");
            sales.road.faults.stop();
            sales.road.settle().await;
            assert_eq!(sales.figures().await, figures, "{words}");
            sales.assert_clean().await;
        }
    }
}

#[tokio::test]
async fn what_was_begun_and_is_gone_is_begun_again() {
    let Some((mut sales, csv, figures)) = whole().await else {
        return;
    };
    sales.road.send(SALES, "a.csv", Mode::New, csv).await;
    while begun(&sales) < 9 {
        sales.road.deliver_some(&mut Order::First, 1).await;
    }
    for key in sales.road.collections.keys() {
        if key.starts_with(BEGUN) {
            sales.road.collections.remove(&key);
        }
    }
    sales.road.perf_ms = 1_000_000;
    sales.road.settle().await;
    assert_eq!(begun(&sales), 0);
    assert_eq!(sales.figures().await, figures);
    sales.assert_clean().await;
}
