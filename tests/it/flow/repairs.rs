//! Rejected rows that are mended and sent back, or checked again: every row counts once, whatever is repeated.

mod faults;
mod kinds;
mod members;
mod refused;
mod samples;

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::Rule;
use millrace_store::files::FileRecord;
use millrace_tests::Road;

use super::reconciled::findings;
use super::{SALES, Sales};

/// Four rows, two of them rejected; and what they are when mended.
const ROWS: &str = "2023-01-08,a,1.5,1,2\n2023-01-08,b,many,1,2\n2023-01-08,c,2.5,1,2\n,d,4,3,4\n";
const MENDED: [(&str, &str); 2] = [("many", "2"), (",d,4,3,4", "2023-01-09,d,4,3,4")];

/// A repair file with some of its texts changed.
pub(crate) async fn mended(road: &Road, file: FileVersion, changes: &[(&str, &str)]) -> String {
    let (bytes, _) = road.repair_file(file).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines = text.lines().enumerate().map(|(at, line)| match at {
        0 => line.to_owned(),
        // Only what the row itself says, not what is said of it.
        _ => changes
            .iter()
            .fold(line.to_owned(), |line, (from, to)| line.replacen(from, to, 1)),
    });
    lines.map(|line| line + "\r\n").collect()
}

fn counts(record: &FileRecord) -> (u64, u64, u64) {
    let counts = record.facts.counts;
    (counts.rows, counts.kept, counts.rejected)
}

impl Sales {
    /// What a clean file of these rows comes to, on a road of its own.
    async fn figures_of_clean(&mut self, rows: &str) -> Vec<String> {
        self.send("clean.csv", Mode::New, rows).await;
        self.road.settle().await;
        let figures = self.figures().await;
        self.begin_anew().await;
        figures
    }
}

fn all_mended() -> String {
    MENDED
        .iter()
        .fold(ROWS.to_owned(), |rows, (from, to)| rows.replace(from, to))
}

#[tokio::test]
async fn what_is_mended_takes_its_place_in_the_file() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let clean = sales.figures_of_clean(&all_mended()).await;
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(first).await), (4, 2, 2));
    // One row now, the other one later.
    let sent = mended(&sales.road, first, &MENDED[..1]).await;
    let second = sales.road.repair(first.file_id, sent.clone()).await;
    sales.road.settle().await;
    let record = sales.road.record(second).await;
    assert_eq!((second.version, counts(&record)), (2, (4, 3, 1)));
    assert_eq!(
        (record.mode, record.base_version, record.root_version),
        (Mode::Repair, Some(1), Some(1))
    );
    let sent_later = mended(&sales.road, second, &MENDED[1..]).await;
    assert_eq!(sent_later.lines().count(), 2);
    let third = sales.road.repair(first.file_id, sent_later).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(third).await), (4, 4, 0));
    assert_eq!(sales.figures().await, clean);
    // The lines are those of the first file.
    let lines = sales
        .lines("select concat_ws(' ', part_key is not null, kept) from ingestion.chunk where version = 3 order by chunk")
        .await;
    assert_eq!(lines, ["t 2", "t 1", "t 1"]);
    for version in [first, second, third] {
        assert_eq!(sales.status(version).await, "Ready_to_archive");
    }
    assert_eq!(findings(&sales).await, []);
    sales.assert_clean().await;
}

#[tokio::test]
async fn the_same_again_changes_nothing_and_is_said_to() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let untouched = mended(&sales.road, first, &[]).await;
    let sent = mended(&sales.road, first, &MENDED[..1]).await;
    sales.road.repair(first.file_id, sent.clone()).await;
    sales.road.settle().await;
    let figures = sales.figures().await;
    let kept = sales.lines("select count(*) from ingestion.contribution").await;
    for bytes in [sent, untouched] {
        let again = sales.road.repair(first.file_id, bytes).await;
        sales.road.settle().await;
        let record = sales.road.record(again).await;
        assert_eq!(record.unchanged_of, Some(first.file_id), "{again}");
        assert_eq!(record.facts.counts.kept, 3);
        assert_eq!(sales.status(again).await, "Ready_to_archive");
    }
    // A row that was mended meanwhile is none that can be mended; it is said where it was sent.
    let latest = sales
        .store
        .load_latest_file(first.file_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(counts(&latest), (5, 3, 2));
    // Neither do the bytes that the file came with.
    let again = sales.send("a.csv", Mode::Replace, ROWS).await;
    sales.road.settle().await;
    assert_eq!(sales.road.record(again).await.unchanged_of, Some(first.file_id));
    let copy = sales.send("copy.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    assert_eq!(sales.road.record(copy).await.unchanged_of, Some(first.file_id));
    assert_eq!(sales.figures().await, figures);
    assert_eq!(
        sales.lines("select count(*) from ingestion.contribution").await,
        kept
    );
    sales.assert_clean().await;
}

#[tokio::test]
async fn what_comes_after_a_repair_replaces_all_of_it() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let other = "2023-01-08,a,7.5,1,2\n";
    let replaced = sales.figures_of_clean(other).await;
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let sent = mended(&sales.road, first, &MENDED).await;
    sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    sales.send("a.csv", Mode::Replace, other).await;
    sales.road.settle().await;
    assert_eq!(sales.figures().await, replaced);
    sales.road.delete(first.file_id).await;
    sales.road.settle().await;
    assert_eq!(sales.figures().await, Vec::<String>::new());
    sales.assert_clean().await;
}

/// A version of the spec that asks less, no day, and has one field more, before the others.
async fn ask_for_no_day(sales: &Sales) {
    let next = "insert into spec.spec (kind, name, version, body, definition, created_by) \
                select kind, name, version + 1, body || '{\"next\": true}', jsonb_set(definition, '{fields}', \
                '[{\"name\": \"note\", \"type\": \"text\", \"required\": false}]'::jsonb \
                || (jsonb_set(definition, '{fields,0,required}', 'false') -> 'fields')), created_by \
                from spec.spec where kind = 'event' and name = 'sales'";
    sales.database.query(next).await;
}

#[tokio::test]
async fn rejected_rows_are_replayed_against_a_mended_spec() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send("a.csv", Mode::New, ROWS).await;
    sales.road.settle().await;
    let before = sales.figures().await;
    let nothing = sales.road.replay(first.file_id).await;
    sales.road.settle().await;
    let record = sales.road.record(nothing).await;
    assert_eq!(
        (record.unchanged_of, counts(&record)),
        (Some(first.file_id), (4, 2, 2))
    );
    assert_eq!(sales.figures().await, before);
    ask_for_no_day(&sales).await;
    let replayed = sales.road.replay(first.file_id).await;
    sales.road.settle().await;
    let record = sales.road.record(replayed).await;
    assert_eq!(
        (record.mode, record.spec_version, record.root_version),
        (Mode::Replay, 2, Some(1))
    );
    assert_eq!((record.unchanged_of, counts(&record)), (None, (4, 3, 1)));
    let after = sales.figures().await;
    let new: Vec<&String> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(new.iter().any(|line| line.contains("\"d\"")), "{new:?}");
    // What is left can still be mended, under the line that it has always had.
    let sent = mended(&sales.road, replayed, &MENDED[..1]).await;
    assert!(
        sent.lines().nth(1).unwrap().contains(",3,amount,\"wrong_type"),
        "{sent}"
    );
    let last = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(last).await), (4, 4, 0));
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_batch_is_replayed_and_has_no_repair_file() {
    use millrace_core::facts::ContentFormat;
    use millrace_store::files::Handling;
    use millrace_store::repairs::BeginRepair;

    let Some(sales) = Sales::new().await else { return };
    let handling = Handling {
        content_format: ContentFormat::JsonRows,
        ..Handling::default()
    };
    let lines = "{\"day\":\"2023-01-08\",\"shop\":\"a\",\"amount\":1}\n{\"shop\":\"b\",\"amount\":2}\n{\"amount\":\"x\"}\n";
    let first = sales
        .road
        .send_as(SALES, "batch", Mode::New, lines, handling)
        .await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(first).await), (3, 1, 2));
    assert!(sales.road.repair_file(first).await.is_err());
    let begun = sales.road.begin_repair(first.file_id, Mode::Repair).await;
    assert_eq!(begun, BeginRepair::NoRepairFile(first));
    ask_for_no_day(&sales).await;
    let replayed = sales.road.replay(first.file_id).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(replayed).await), (3, 2, 1));
    let errors: Vec<Rule> = sales.rules_of(replayed).await;
    assert_eq!(errors, [Rule::WrongType]);
    sales.assert_clean().await;
}

impl Sales {
    /// The rules that a version's rejected rows break, in order.
    async fn rules_of(&self, file: FileVersion) -> Vec<Rule> {
        use millrace_app::row_errors::{PageLimits, list_row_errors};
        let limits = PageLimits {
            items: 1_000,
            json_bytes: usize::MAX,
        };
        let page = list_row_errors(&self.store, &self.road.collections, file, None, limits).await;
        let errors = page.unwrap().items.into_iter().flat_map(|row| row.errors);
        errors.map(|error| error.rule).collect()
    }
}
