//! A file in many chunks is the same as the file in one.

use millrace_app::row_errors::{PageLimits, list_row_errors};
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::message::{ChunkMessage, Envelope};
use millrace_table::RejectedRow;
use millrace_tests::{Delivered, Fault, Order, Random};

use super::{SALES, Sales};

/// Rows with quotes, line ends in cells, blank lines and every kind of broken row.
fn rows(random: &mut Random, count: usize) -> String {
    let mut csv = "day,shop,amount,sold,offered\r\n".to_owned();
    for _ in 0..count {
        let day = random.below(3) + 1;
        let line = match random.below(12) {
            0 => format!("2023-13-{day:02},a,1,1,1\n"),
            1 => format!("2023-01-{day:02},a,1\n"),
            2 => format!("2023-01-{day:02},\"a\nb, \"\"c\"\"\",{day}.5,1,1\r\n"),
            3 => format!("2023-01-{day:02},\"a,2,1,1\n"),
            4 => "\n".to_owned(),
            5 => format!("2023-01-{day:02},,,,\n"),
            _ => format!(
                "2023-01-{day:02},s{},{}.{day},{day},9\n",
                random.below(3),
                random.below(100)
            ),
        };
        csv.push_str(&line);
    }
    csv
}

async fn all_row_errors(sales: &Sales, file: FileVersion, items: u32, json_bytes: usize) -> Vec<RejectedRow> {
    let limits = PageLimits { items, json_bytes };
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = list_row_errors(
            &sales.store,
            &sales.road.collections,
            file,
            cursor.as_deref(),
            limits,
        )
        .await
        .unwrap();
        assert!(!page.items.is_empty() && page.items.len() <= items as usize);
        // One row may be longer than all that is asked for; several never are.
        let text = serde_json::to_string(&page.items).unwrap();
        assert!(
            page.items.len() == 1 || text.len() <= json_bytes,
            "{}",
            text.len()
        );
        all.extend(page.items);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return all,
        }
    }
}

#[tokio::test]
async fn chunks_of_any_size_equal_the_whole() {
    let seed = Random::seed(17);
    println!("seed {seed}");
    let Some(mut whole) = Sales::new().await else {
        return;
    };
    let csv = rows(&mut Random::new(seed), 300);
    let expected = whole.road.load(SALES, "a.csv", Mode::New, &csv).await;
    assert!(expected.facts.counts.kept > 100 && expected.facts.counts.rejected > 30);
    let figures = whole.figures().await;
    let errors = all_row_errors(&whole, expected.file, 10_000, usize::MAX).await;
    assert_eq!(errors.len() as u64, expected.facts.counts.rejected);
    for (items, json_bytes) in [(7, usize::MAX), (1_000, 2_000), (1_000, 1), (1, 0)] {
        assert_eq!(
            all_row_errors(&whole, expected.file, items, json_bytes).await,
            errors
        );
    }
    whole.road.chunk_bytes = 0;
    for (round, chunk_bytes) in [50, 500, 3_000].into_iter().enumerate() {
        let Some(mut chunked) = Sales::new().await else {
            return;
        };
        chunked.road.chunk_bytes = chunk_bytes;
        let file = chunked.road.send(SALES, "a.csv", Mode::New, csv.clone()).await;
        let mut order = Order::Random {
            random: Random::new(seed + round as u64),
            twice_permille: 200,
            reminders_permille: 100,
        };
        chunked.road.drain(&mut order).await;
        let record = chunked.road.record(file).await;
        assert!(record.chunks_expected > Some(1));
        assert_eq!(record.facts.counts, expected.facts.counts, "{chunk_bytes}");
        assert_eq!(record.sha256, expected.sha256);
        assert_eq!(chunked.figures().await, figures, "{chunk_bytes}");
        assert_eq!(
            all_row_errors(&chunked, file, 13, 5_000).await,
            errors,
            "{chunk_bytes}"
        );
        chunked.assert_clean().await;
    }
}

/// The chunks that wait in the queues, in the order in which they were sent.
fn planned(sales: &Sales) -> Vec<ChunkMessage> {
    let messages = sales.road.queues.all();
    let chunks = messages
        .iter()
        .filter_map(|message| serde_json::from_str::<Envelope<ChunkMessage>>(&message.body).ok());
    chunks.map(|envelope| envelope.message).collect()
}

/// A plan that dies before its end and is made again under another setting: chunks of both would overlap.
#[tokio::test]
async fn a_plan_made_again_under_another_setting_makes_the_same_chunks() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let csv = rows(&mut Random::new(5), 60);
    let whole = sales.road.load(SALES, "a.csv", Mode::New, &csv).await;
    for again in [120, 2_000, 1_000_000] {
        sales.begin_anew().await;
        // In one message.
        sales.road.plan_bytes = u64::MAX;
        sales.road.chunk_bytes = 200;
        let file = sales.road.send(SALES, "a.csv", Mode::New, csv.clone()).await;
        let notification = sales.road.queues.take(0).unwrap();
        sales.road.faults.fail_on("finish_chunk", Fault::Before, 1);
        assert!(matches!(
            sales.road.deliver(&notification).await,
            Delivered::Failed(_)
        ));
        sales.road.faults.stop();
        let first = planned(&sales);
        assert!(first.len() > 3, "{}", first.len());
        sales.road.chunk_bytes = again;
        sales.road.deliver(&notification).await;
        let both = planned(&sales);
        assert_eq!(both, [first.clone(), first.clone()].concat(), "{again}");
        sales.road.drain(&mut Order::Last).await;
        let record = sales.road.record(file).await;
        assert_eq!(
            record.chunks_expected.map(|chunks| chunks as usize),
            Some(first.len())
        );
        assert_eq!(record.facts.counts, whole.facts.counts);
    }
}
