//! A file in many chunks is the same as the file in one.

use millrace_app::row_errors::list_row_errors;
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_table::RejectedRow;
use millrace_tests::{Order, Random};

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

async fn all_row_errors(sales: &Sales, file: FileVersion, limit: u32) -> Vec<RejectedRow> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = list_row_errors(
            &sales.store,
            &sales.road.collections,
            file,
            cursor.as_deref(),
            limit,
        )
        .await
        .unwrap();
        assert!(page.items.len() <= limit as usize);
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
    let errors = all_row_errors(&whole, expected.file, 10_000).await;
    assert_eq!(errors.len() as u64, expected.facts.counts.rejected);
    assert_eq!(all_row_errors(&whole, expected.file, 7).await, errors);
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
        assert_eq!(all_row_errors(&chunked, file, 13).await, errors, "{chunk_bytes}");
        chunked.assert_clean().await;
    }
}
