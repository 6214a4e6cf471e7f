//! Archives and other encodings in chunks: the same as in one piece, whatever dies and comes again.

use millrace_app::row_errors::{PageLimits, RejectedRow, list_row_errors};
use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::message::Queue;
use millrace_tests::{Fault, Order, Random, Sent, ZipMember, zip};

use super::{SALES, Sales};

const ALL: PageLimits = PageLimits {
    items: 10_000,
    json_bytes: usize::MAX,
};

/// Members of all sizes, one of another dialect and encoding, one with a header alone.
fn members(random: &mut Random) -> Vec<ZipMember> {
    let mut members: Vec<ZipMember> = [400, 3, 1, 250]
        .into_iter()
        .enumerate()
        .map(|(number, count)| {
            let text = Sales::csv(&rows(random, count));
            ZipMember::deflated(&format!("part {number}.csv"), text.as_bytes())
        })
        .collect();
    let header_alone = Sales::csv("");
    members.insert(1, ZipMember::stored("header.csv", header_alone.as_bytes()));
    let other = Sales::csv(&rows(random, 120))
        .replace(',', ";")
        .replace('\n', "\r\n");
    let utf16: Vec<u8> = format!("\u{feff}{other}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    members.insert(3, ZipMember::deflated("utf16.csv", &utf16));
    members
}

/// Rows of which one in ten is bad, some with line ends and letters beyond ASCII in their cells.
fn rows(random: &mut Random, count: usize) -> String {
    let row = |_| {
        let shop = *random.one_of(&["a", "Kärnten", "\"b\nc\"", "\u{1f600}"]);
        let amount = *random.one_of(&["1", "2.5", "3", "4", "5", "6", "7", "8", "9", "x"]);
        format!("2023-01-08,{shop},{amount},1,2\n")
    };
    (0..count).map(row).collect()
}

async fn rejected(sales: &Sales, file: FileVersion) -> Vec<RejectedRow> {
    let page = list_row_errors(&sales.store, &sales.road.collections, file, None, ALL).await;
    page.unwrap().items
}

/// What a file came to: counts, figures, hash and rejected rows.
async fn outcome(
    sales: &Sales,
    file: FileVersion,
) -> (u64, u64, Vec<String>, Option<String>, Vec<RejectedRow>) {
    let record = sales.road.record(file).await;
    assert_eq!(record.facts.error, None);
    assert_eq!(record.stored_status, "Ready_to_archive");
    sales.assert_clean().await;
    (
        record.facts.counts.kept,
        record.facts.counts.rejected,
        sales.figures().await,
        record.sha256,
        rejected(sales, file).await,
    )
}

#[tokio::test]
async fn an_archive_in_chunks_is_the_archive_in_one_piece() {
    let seed = Random::seed(23);
    println!("seed {seed}");
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let archive = zip(&members(&mut Random::new(seed)));
    sales.road.chunk_bytes = 10_000_000;
    let file = sales.road.send(SALES, "a.zip", Mode::New, archive.clone()).await;
    sales.road.settle().await;
    let whole = outcome(&sales, file).await;
    assert!(whole.0 > 500 && whole.1 > 30, "{} {}", whole.0, whole.1);
    assert_eq!(sales.road.record(file).await.chunks_expected, Some(1));
    for (round, (chunk_bytes, plan_bytes)) in [(50, 1), (300, 1_000), (3_000, 100_000), (12_000, 1)]
        .into_iter()
        .enumerate()
    {
        sales.begin_anew().await;
        (sales.road.chunk_bytes, sales.road.plan_bytes) = (chunk_bytes, plan_bytes);
        let file = sales.road.send(SALES, "a.zip", Mode::New, archive.clone()).await;
        let mut order = Order::Random {
            random: Random::new(seed + round as u64),
            twice_permille: 200,
            reminders_permille: 100,
        };
        sales.road.drain(&mut order).await;
        assert!(sales.road.record(file).await.chunks_expected > Some(1));
        assert_eq!(outcome(&sales, file).await, whole, "{chunk_bytes} {plan_bytes}");
    }
}

#[tokio::test]
async fn a_plan_of_many_messages_survives_every_death() {
    let seed = Random::seed(29);
    println!("seed {seed}");
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let text = Sales::csv(&rows(&mut Random::new(seed), 6_000));
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    for (name, bytes) in [
        ("plain.csv", text.into_bytes()),
        ("utf16.csv", utf16),
        ("archive.zip", zip(&members(&mut Random::new(seed)))),
    ] {
        sales.begin_anew().await;
        sales.road.chunk_bytes = 10_000_000;
        let file = sales.road.send(SALES, name, Mode::New, bytes.clone()).await;
        sales.road.settle().await;
        let whole = outcome(&sales, file).await;
        for fault in [Fault::Before, Fault::After] {
            sales.begin_anew().await;
            // Each piece that is read has a message of its own, and the first delivery of each dies as it hands on.
            (sales.road.chunk_bytes, sales.road.plan_bytes) = (7_000, 1);
            let file = sales.road.send(SALES, name, Mode::New, bytes.clone()).await;
            sales.road.faults.fail_on("plan_on", fault, 5);
            sales.road.drain(&mut Order::First).await;
            assert!(sales.road.faults.hits() > 1, "{name}");
            sales.road.faults.stop();
            sales.road.settle().await;
            assert_eq!(outcome(&sales, file).await, whole, "{name}");
        }
    }
}

#[tokio::test]
async fn an_archive_whose_last_member_is_damaged_is_refused_though_its_chunks_were_checked() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let seed = Random::seed(31);
    let mut members = members(&mut Random::new(seed));
    members.push(ZipMember::stored(
        "last.csv",
        Sales::csv("2023-01-08,z,7,1,2\n").as_bytes(),
    ));
    let mut archive = zip(&members);
    // A byte of the last member, which is stored as it is.
    let at = archive.windows(6).rposition(|bytes| bytes == b",z,7,1").unwrap();
    archive[at + 3] = b'8';
    (sales.road.chunk_bytes, sales.road.plan_bytes) = (500, 1);
    for order in [Order::First, Order::Last] {
        let file = sales.road.send(SALES, "a.zip", Mode::New, archive.clone()).await;
        sales.road.drain(&mut { order }).await;
        sales.road.settle().await;
        let record = sales.road.record(file).await;
        let error = record.facts.error.unwrap();
        assert!(error.message.contains("last.csv"), "{}", error.message);
        assert_eq!(record.stored_status, "Error");
    }
    assert_eq!(sales.lines("select k2 from stored.cells_1").await, [""; 0]);
    sales.assert_clean().await;
}

/// The messages that say where a member can be inflated on, of all that are about its chunks.
fn points(sales: &Sales) -> (usize, usize) {
    let messages = sales.road.queues.all();
    let chunks = messages.iter().filter(|message| message.queue == Queue::Chunk);
    let has_point = |message: &&Sent| message.body.contains(r#""point":{"#);
    (chunks.clone().filter(has_point).count(), chunks.count())
}

fn archive_of_large_members(random: &mut Random) -> Vec<u8> {
    // Figures that compress as little as real ones do, so that there are many blocks.
    let row = |number| match number % 10 {
        0 => "2023-01-08,\"b\nc\",x,1,2\n".to_owned(),
        _ => format!(
            "2023-01-08,a,{}.{},1,2\n",
            random.below(1_000_000),
            random.below(1_000_000)
        ),
    };
    let text = Sales::csv(&(0..40_000).map(row).collect::<String>());
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    zip(&[
        ZipMember::deflated("small.csv", Sales::csv(&rows(random, 10)).as_bytes()),
        ZipMember::deflated("large.csv", text.as_bytes()),
        ZipMember::stored("stored.csv", text.as_bytes()),
        ZipMember::deflated("utf16.csv", &utf16),
    ])
}

#[tokio::test]
async fn a_large_member_is_inflated_on_from_where_each_chunk_begins() {
    let seed = Random::seed(37);
    println!("seed {seed}");
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let archive = archive_of_large_members(&mut Random::new(seed));
    sales.road.chunk_bytes = 100_000_000;
    let file = sales.road.send(SALES, "a.zip", Mode::New, archive.clone()).await;
    sales.road.settle().await;
    let whole = outcome(&sales, file).await;
    for (round, fault) in [None, Some(Fault::Before), Some(Fault::After)]
        .into_iter()
        .enumerate()
    {
        sales.begin_anew().await;
        (sales.road.chunk_bytes, sales.road.plan_bytes) = (250_000, 600_000);
        let file = sales.road.send(SALES, "a.zip", Mode::New, archive.clone()).await;
        if let Some(fault) = fault {
            sales.road.faults.fail_on(r#""point":{"#, fault, 5);
        }
        let mut order = Order::Random {
            random: Random::new(seed + round as u64),
            twice_permille: if fault.is_some() { 300 } else { 0 },
            reminders_permille: 100,
        };
        let (mut with_point, mut all) = (0, 0);
        while !sales.road.queues.is_empty() {
            sales.road.deliver_some(&mut order, 1).await;
            let (points, chunks) = points(&sales);
            (with_point, all) = (points.max(with_point), chunks.max(all));
        }
        match fault {
            // The first chunk of each member has none.
            None => {
                assert!(with_point >= 4 && with_point + 4 >= all, "{with_point} of {all}");
                // The plan, the checks and the hash read it once each, and a little before each chunk.
                let percent = 100 * sales.road.landing.taken_bytes() / archive.len() as u64;
                println!("{percent} % of the archive were read, {all} chunks");
                assert!(percent < 800, "{percent} % of the archive were read");
            }
            Some(_) => assert_eq!(sales.road.faults.hits(), 5),
        }
        assert_eq!(outcome(&sales, file).await, whole);
    }
}
