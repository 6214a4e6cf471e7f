//! Rows of archives that are mended or checked again: in their members' places, whatever headers those have.

use std::collections::BTreeSet;

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::Rule;
use millrace_table::PartReader;
use millrace_tests::{Order, Random, ZipMember, zip};

use super::super::reconciled::findings;
use super::super::{SALES, Sales};
use super::{ask_for_no_day, counts};

const TWO: &str = "../\"two\",\nand so on'; --.csv";
/// The member whose columns, delimiter and line ends are others.
const OTHER: &str = "other/order.csv";

/// Five rejected rows in three members, and one member without.
fn archive() -> Vec<u8> {
    let one = Sales::csv("2023-01-08,a,1.5,1,2\n2023-01-08,b,many,1,2\n");
    let two = Sales::csv("2023-01-08,c,2.5,1,2\n,d,4,3,4\n2023-01-08,e,x,1,2\n");
    let other =
        "offered;shop;amount;day;sold\r\n\r\n2;f;few;2023-01-09;1\r\n2;g;9;2023-01-09;1\r\n2;h;9;;1\r\n";
    let clean = Sales::csv("2023-01-08,z,1,1,2\n");
    zip(&[
        ZipMember::stored("clean.csv", clean.as_bytes()),
        ZipMember::deflated("one.csv", one.as_bytes()),
        ZipMember::deflated(TWO, two.as_bytes()),
        ZipMember::deflated(OTHER, other.as_bytes()),
    ])
}

/// All of its rows, mended.
const CLEAN: &str = "2023-01-08,z,1,1,2\n2023-01-08,a,1.5,1,2\n2023-01-08,b,2,1,2\n2023-01-08,c,2.5,1,2\n\
    2023-01-09,d,4,3,4\n2023-01-08,e,5,1,2\n2023-01-09,f,6,1,2\n2023-01-09,g,9,1,2\n2023-01-09,h,9,1,2\n";

/// The cell of a row that is mended, by member and line: of which column, and what is written there.
type Change = (&'static str, &'static str, usize, &'static str);

/// Where the first member with rejected rows is the plain one.
const FIRST: [Change; 3] = [
    ("one.csv", "3", 2, "2"),
    (TWO, "3", 0, "2023-01-09"),
    (OTHER, "3", 0, "2;f;6;2023-01-09;1"),
];
const SECOND: [Change; 2] = [(TWO, "4", 2, "5"), (OTHER, "5", 0, "2;h;9;2023-01-09;1")];

impl Sales {
    async fn send_zip(&self, bytes: Vec<u8>) -> FileVersion {
        let file = self.road.send(SALES, "a.zip", Mode::New, bytes).await;
        self.road.settle().await;
        file
    }

    /// A version's repair file as a program reads it.
    async fn repair_rows(&self, file: FileVersion) -> Vec<Vec<String>> {
        let (bytes, _) = self.road.repair_file(file).await.unwrap();
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
        let rows = reader
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    }

    /// The same with some rows mended, as a program writes it.
    async fn mended_rows(&self, file: FileVersion, changes: &[Change]) -> Vec<u8> {
        let mut rows = self.repair_rows(file).await;
        for (member, line, column, text) in changes {
            let of = |row: &&mut Vec<String>| row[5] == *member && row[6] == *line;
            rows.iter_mut().find(of).unwrap()[*column] = (*text).to_owned();
        }
        saved(&rows)
    }

    /// Member and line of each row that a version keeps.
    async fn kept_places(&self, file: FileVersion) -> BTreeSet<(String, u64)> {
        let keys = format!(
            "select part_key from ingestion.chunk where file_id = '{}' and version = {} and part_key is not null",
            file.file_id, file.version
        );
        let mut places = BTreeSet::new();
        for key in self.lines(&keys).await {
            let bytes = self.road.collections.bytes(&key).unwrap();
            let mut reader = PartReader::new(&bytes[..]).unwrap();
            while let Some(block) = reader.next_block().unwrap() {
                let member = reader.member().unwrap();
                places.extend(block.lines.iter().map(|line| (member.to_owned(), *line)));
            }
        }
        places
    }
}

fn saved(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.into_inner().unwrap()
}

fn places(places: &[(&str, u64)]) -> BTreeSet<(String, u64)> {
    places
        .iter()
        .map(|(member, line)| ((*member).to_owned(), *line))
        .collect()
}

const ALL_PLACES: [(&str, u64); 9] = [
    ("clean.csv", 2),
    ("one.csv", 2),
    ("one.csv", 3),
    (TWO, 2),
    (TWO, 3),
    (TWO, 4),
    (OTHER, 3),
    (OTHER, 4),
    (OTHER, 5),
];

#[tokio::test]
async fn rows_of_members_are_mended_in_their_places() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let clean = sales.figures_of_clean(CLEAN).await;
    let first = sales.send_zip(archive()).await;
    assert_eq!(counts(&sales.road.record(first).await), (9, 4, 5));
    let rows = sales.repair_rows(first).await;
    assert_eq!(rows[0][4..7], ["offered", "millrace_member", "millrace_line"]);
    assert_eq!(
        rows[1][..7],
        ["2023-01-08", "b", "many", "1", "2", "one.csv", "3"]
    );
    assert_eq!(rows[4][..7], ["2;f;few;2023-01-09;1", "", "", "", "", OTHER, "3"]);
    // Some rows now, the others later.
    let sent = sales.mended_rows(first, &FIRST).await;
    let second = sales.road.repair(first.file_id, sent.clone()).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(second).await), (9, 7, 2));
    assert_eq!(findings(&sales).await, []);
    let figures = sales.figures().await;
    // The same repaired file once more changes nothing.
    let again = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    let record = sales.road.record(again).await;
    assert_eq!(record.unchanged_of, Some(first.file_id));
    assert_eq!(sales.figures().await, figures);
    let sent = sales.mended_rows(again, &SECOND).await;
    let last = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(last).await), (9, 9, 0));
    assert_eq!(sales.figures().await, clean);
    assert_eq!(sales.kept_places(last).await, places(&ALL_PLACES));
    assert_eq!(findings(&sales).await, []);
    sales.assert_clean().await;
}

#[tokio::test]
async fn rows_of_members_are_replayed_by_their_own_headers() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send_zip(archive()).await;
    let before = sales.figures().await;
    let nothing = sales.road.replay(first.file_id).await;
    sales.road.settle().await;
    let record = sales.road.record(nothing).await;
    assert_eq!(
        (record.facts.error.clone(), record.unchanged_of),
        (None, Some(first.file_id))
    );
    assert_eq!((sales.figures().await, counts(&record)), (before, (9, 4, 5)));
    // Members have different columns for the fields, of which the next version has one more.
    ask_for_no_day(&sales).await;
    let replayed = sales.road.replay(first.file_id).await;
    sales.road.settle().await;
    let record = sales.road.record(replayed).await;
    assert_eq!(record.facts.error, None);
    assert_eq!((record.spec_version, counts(&record)), (2, (9, 6, 3)));
    let kept = [0, 1, 3, 4, 7, 8].map(|at| ALL_PLACES[at]);
    assert_eq!(sales.kept_places(replayed).await, places(&kept));
    let shops = "select concat_ws(' ', coalesce(k1::text, '-'), k2, trim_scale(m1_sum)) from stored.cells_1 \
                 where k2 in ('d', 'h') order by k2";
    assert_eq!(sales.lines(shops).await, ["- d 4", "- h 9"]);
    // What is left is mended under the newer version.
    let left = [FIRST[0], SECOND[0], FIRST[2]];
    let sent = sales.mended_rows(replayed, &left).await;
    let last = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(last).await), (9, 9, 0));
    assert_eq!(sales.kept_places(last).await, places(&ALL_PLACES));
    assert_eq!(findings(&sales).await, []);
    sales.assert_clean().await;
}

#[tokio::test]
async fn the_repair_file_of_what_is_left_is_laid_out_as_the_first_was() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send_zip(archive()).await;
    let plain = [FIRST[0], FIRST[1], SECOND[0]];
    let sent = sales.mended_rows(first, &plain).await;
    let second = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(second).await), (9, 7, 2));
    let (bytes, _) = sales.road.repair_file(second).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let mended = text
        .replace("2;f;few;", "2;f;6;")
        .replace("2;h;9;;", "2;h;9;2023-01-09;");
    assert!(
        text.contains("day,shop,amount,sold,offered,millrace_member,millrace_line,"),
        "{text}"
    );
    let last = sales.road.repair(first.file_id, mended).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(last).await), (9, 9, 0));
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_repair_file_may_come_back_in_halves() {
    let Some(sales) = Sales::new().await else { return };
    let one = Sales::csv("2023-01-08,a,few,1,2\n,b,2,1,2\n");
    let other = "offered,sold,amount,shop,day\n2,1,few,c,2023-01-08\n2,1,4,d,\n";
    let archive = zip(&[
        ZipMember::deflated("one.csv", one.as_bytes()),
        ZipMember::deflated("other.csv", other.as_bytes()),
    ]);
    let first = sales.send_zip(archive).await;
    assert_eq!(counts(&sales.road.record(first).await), (4, 0, 4));
    let rows = sales.repair_rows(first).await;
    let half = |changes: &[Change]| {
        let mut half = vec![rows[0].clone()];
        for (member, line, column, text) in changes {
            let of = |row: &&Vec<String>| row[5] == *member && row[6] == *line;
            let mut row = rows.iter().find(of).unwrap().clone();
            row[*column] = (*text).to_owned();
            half.push(row);
        }
        saved(&half)
    };
    for (changes, kept) in [
        ([("one.csv", "2", 2, "1"), ("one.csv", "3", 0, "2023-01-08")], 2),
        (
            [
                ("other.csv", "2", 0, "2,1,3,c,2023-01-08"),
                ("other.csv", "3", 0, "2,1,4,d,2023-01-08"),
            ],
            4,
        ),
    ] {
        let version = sales.road.repair(first.file_id, half(&changes)).await;
        sales.road.settle().await;
        assert_eq!(counts(&sales.road.record(version).await), (4, kept, 4 - kept));
    }
    let figures = "select concat_ws(' ', k1, m1_sum) from stored.cells_1 order by k1";
    assert_eq!(sales.lines(figures).await.len(), 4);
    assert_eq!(
        sales
            .lines("select sum(m1_sum)::int::text from stored.cells_1")
            .await,
        ["10"]
    );
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_row_that_names_no_rejected_row_of_a_member_is_a_row_error() {
    let Some(sales) = Sales::new().await else { return };
    let first = sales.send_zip(archive()).await;
    let mut rows = sales.repair_rows(first).await;
    for (row, place) in rows[1..].iter_mut().zip(["nosuch.csv", TWO, OTHER]) {
        place.clone_into(&mut row[5]);
        "77".clone_into(&mut row[6]);
    }
    let second = sales.road.repair(first.file_id, saved(&rows)).await;
    sales.road.settle().await;
    let record = sales.road.record(second).await;
    assert_eq!((record.facts.error.clone(), counts(&record)), (None, (12, 4, 8)));
    let rules = sales.rules_of(second).await;
    assert_eq!(rules[5..], [Rule::LineNotRejected; 3]);
    // They are no rows of the archive, and the next repair file leaves them out.
    assert_eq!(sales.repair_rows(second).await.len(), 6);
    // A repaired file that leaves the members out says nothing where there are several.
    let mut rows = sales.repair_rows(second).await;
    rows.iter_mut().for_each(|row| drop(row.remove(5)));
    let refused = sales.road.repair(first.file_id, saved(&rows)).await;
    sales.road.settle().await;
    let error = sales.road.record(refused).await.facts.error.unwrap();
    assert_eq!(error.rule, Rule::MissingHeader);
    assert!(
        error.message.contains("`millrace_member` is missing"),
        "{}",
        error.message
    );
    sales.assert_clean().await;
}

/// Its header lies behind more than is read for headers as a rule.
#[tokio::test]
async fn the_only_member_of_an_archive_need_not_be_named() {
    let Some(sales) = Sales::new().await else { return };
    let text = "\n".repeat(100_000) + &Sales::csv("2023-01-08,a,many,1,2\n2023-01-08,b,1,1,2\n");
    let first = sales
        .send_zip(zip(&[ZipMember::stored("a.csv", text.as_bytes())]))
        .await;
    let rows = sales.repair_rows(first).await;
    assert_eq!(rows[1][5..7], ["a.csv", "100002"]);
    let sent = "day,shop,amount,sold,offered,millrace_line\n2023-01-08,a,3,1,2,100002\n";
    let second = sales.road.repair(first.file_id, sent).await;
    sales.road.settle().await;
    assert_eq!(counts(&sales.road.record(second).await), (2, 2, 0));
    let both = places(&[("a.csv", 100_002), ("a.csv", 100_003)]);
    assert_eq!(sales.kept_places(second).await, both);
    sales.assert_clean().await;
}

#[tokio::test]
async fn a_repair_of_an_archive_in_chunks_bears_a_death_at_every_call() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let clean = sales.figures_of_clean(CLEAN).await;
    let mut call = 0;
    loop {
        sales.begin_anew().await;
        sales.road.chunk_bytes = 90;
        let first = sales.send_zip(archive()).await;
        assert!(sales.road.record(first).await.chunks_expected > Some(1));
        let changes = [&FIRST[..], &SECOND].concat();
        let sent = sales.mended_rows(first, &changes).await;
        let second = sales.road.repair(first.file_id, sent).await;
        let is_through = sales.road.die_over_all(call).await;
        let mut order = Order::Random {
            random: Random::new(call),
            twice_permille: 300,
            reminders_permille: 1_000,
        };
        sales.road.drain(&mut order).await;
        assert_eq!(counts(&sales.road.record(second).await), (9, 9, 0), "{call}");
        assert_eq!(sales.figures().await, clean, "{call}");
        assert_eq!(sales.kept_places(second).await, places(&ALL_PLACES), "{call}");
        sales.assert_clean().await;
        if is_through {
            break;
        }
        call += 1;
    }
    assert!(call > 20, "only {call} calls were stopped at");
}

/// An archive of so many members, of which the first and the last have a rejected row.
fn of_members(count: usize) -> Vec<u8> {
    let member = |number: usize| {
        let day = if number == 0 || number + 1 == count {
            ""
        } else {
            "2023-01-08"
        };
        let text = Sales::csv(&format!("{day},shop {number},1,1,2\n"));
        ZipMember::deflated(&format!("{number}.csv"), text.as_bytes())
    };
    zip(&(0..count).map(member).collect::<Vec<_>>())
}

#[tokio::test]
async fn members_without_rejected_rows_are_not_looked_at_again() {
    let Some(sales) = Sales::new().await else { return };
    let mut calls = Vec::new();
    for count in [2, 200] {
        let name = format!("{count}.zip");
        let first = sales.road.send(SALES, &name, Mode::New, of_members(count)).await;
        sales.road.settle().await;
        sales.road.faults.stop();
        let text = sales.repair_rows(first).await;
        assert_eq!(
            (text.len(), text[2][5].clone()),
            (3, format!("{}.csv", count - 1))
        );
        let nothing = sales.road.replay(first.file_id).await;
        sales.road.settle().await;
        let record = sales.road.record(nothing).await;
        assert_eq!(record.unchanged_of, Some(first.file_id));
        calls.push(sales.road.faults.calls());
    }
    assert!(calls[0] > 10, "{calls:?}");
    assert_eq!(calls[0], calls[1]);
}
