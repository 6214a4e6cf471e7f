//! Quotes at random places of valid files, with embedded line ends and without any quoted cell: each costs its record, and
//! is reported there.

use std::collections::{BTreeMap, BTreeSet};

use millrace_core::field::Field;

use super::{Expected, Kept, check};
use crate::limits::Limits;
use crate::rejected::RejectedRow;

const FIELDS: &str = r#"[{"name":"id","type":"integer","required":true},{"name":"day","type":"date","required":true},
    {"name":"note","type":"text","required":false},{"name":"n","type":"decimal","required":false}]"#;

/// Notes of files without a quoted cell.
const BARE: &[&str] = &["plain", "", "two words", "x", "a note of more letters"];
/// Some quoted ones among them.
const SOME: &[&str] = &[
    "plain",
    "",
    "x",
    "\"with, comma\"",
    "two words",
    "bare",
    "\"says \"\"hello\"\"\"",
    "y",
    "z",
    "-",
];
/// Most quoted, some with line ends.
const MANY: &[&str] = &[
    "plain",
    "",
    "\"\"",
    "\"with, comma\"",
    "\"says \"\"hello\"\"\"",
    "\"two\nlines\"",
    "\"a \"\"quoted\"\"\r\nend\n\nof three\"",
    "\"\"\"\"",
];

/// A splitmix64 sequence.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// A valid file, with the bytes and the physical lines of each of its records.
struct File {
    text: String,
    /// First byte, first line, lines.
    records: Vec<(usize, u64, u64)>,
}

impl File {
    fn any(rows: usize, notes: &[&str], chance: &mut Chance) -> Self {
        let mut text = "id,day,note,n\n".to_owned();
        let (mut records, mut line) = (Vec::with_capacity(rows), 2);
        for id in 0..rows {
            let note = notes[chance.below(notes.len())];
            let record = format!(
                "{id},2023-01-{:02},{note},{}.5\n",
                1 + id % 28,
                chance.below(1_000)
            );
            let lines = record.bytes().filter(|byte| *byte == b'\n').count() as u64;
            records.push((text.len(), line, lines));
            line += lines;
            text += &record;
        }
        Self { text, records }
    }

    /// The record at a byte.
    fn record_at(&self, byte: usize) -> usize {
        self.records.partition_point(|(start, _, _)| *start <= byte) - 1
    }

    /// The same file with quotes before these bytes, and the records that they stand in.
    fn spoilt(&self, places: &BTreeSet<usize>) -> (String, BTreeSet<usize>) {
        let mut text = self.text.clone();
        for place in places.iter().rev() {
            text.insert(*place, '"');
        }
        (text, places.iter().map(|place| self.record_at(*place)).collect())
    }

    fn any_place(&self, chance: &mut Chance) -> usize {
        let body = self.records[0].0;
        loop {
            let place = body + chance.below(self.text.len() - body);
            // Between CR and LF it would make two lines of one, and the lines behind it would have other numbers.
            if !self.text[..place].ends_with('\r') {
                return place;
            }
        }
    }
}

fn checked(text: &str) -> (Expected, Vec<RejectedRow>) {
    let fields: Vec<Field> = serde_json::from_str(FIELDS).unwrap();
    check(&fields, text.as_bytes(), 4_096, Limits::default())
}

/// The kept values by id, each id once.
fn kept(outcome: &Expected) -> BTreeMap<u64, String> {
    let row = |row: &Kept| {
        let id = row.values[0].as_u64().unwrap();
        (id, serde_json::to_string(&row.values).unwrap())
    };
    let rows: BTreeMap<_, _> = outcome.kept.iter().map(row).collect();
    assert_eq!(rows.len(), outcome.kept.len());
    rows
}

/// The kept values of a file that nobody has spoilt: all of its rows.
fn clean(file: &File) -> BTreeMap<u64, String> {
    let (outcome, _) = checked(&file.text);
    assert_eq!(outcome.errors, [], "no false alarm");
    assert_eq!(outcome.kept.len(), file.records.len());
    kept(&outcome)
}

/// The physical lines of what was rejected, and of rows that hold more lines than they did: cells between two stray
/// quotes that keep every rule.
fn told_lines(outcome: &Expected, rejected: &[RejectedRow]) -> BTreeSet<u64> {
    let line_ends = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count() as u64;
    let rejected = rejected
        .iter()
        .map(|row| row.line..=row.line + line_ends(&row.raw));
    let kept = outcome.kept.iter().filter_map(|row| {
        let lines = line_ends(row.values[2].as_str()?.as_bytes());
        Some(row.line..=row.line + lines)
    });
    let long = kept.filter(|lines| lines.end() - lines.start() > 3);
    rejected.chain(long).flatten().collect()
}

/// How many of the other records are kept as they were. None is kept otherwise, and each spoilt one is told of on one of
/// its lines, or is what it was.
fn compare(file: &File, clean: &BTreeMap<u64, String>, places: &BTreeSet<usize>) -> usize {
    let (text, spoilt) = file.spoilt(places);
    let (outcome, rejected) = checked(&text);
    let told = told_lines(&outcome, &rejected);
    let kept = kept(&outcome);
    for record in &spoilt {
        let (_, first, count) = file.records[*record];
        let is_told = told.range(first..first + count).next().is_some();
        let id = *record as u64;
        let of_record = places.iter().filter(|place| file.record_at(**place) == *record);
        // Two quotes in one record may make it a valid one.
        let is_valid = kept.contains_key(&id) && of_record.count() > 1;
        assert!(is_told || is_valid, "record {record}, line {first}");
    }
    let is_other = |id: &u64| !spoilt.contains(&usize::try_from(*id).unwrap());
    let others = kept.iter().filter(|(id, _)| is_other(id));
    others
        .inspect(|(id, row)| assert_eq!(Some(*row), clean.get(id), "a row that nobody touched"))
        .count()
}

/// What is kept of the other rows, of a hundred thousand each.
fn kept_of_100_000(notes: &[&str], others: usize, seed: u64) -> usize {
    let mut chance = Chance(seed);
    let file = File::any(others, notes, &mut chance);
    let clean = clean(&file);
    let mut places = BTreeSet::new();
    while places.len() < others / 100 {
        places.insert(file.any_place(&mut chance));
    }
    let (_, spoilt) = file.spoilt(&places);
    let same = compare(&file, &clean, &places);
    same * 100_000 / (others - spoilt.len())
}

#[test]
fn a_quote_anywhere_costs_its_record_and_no_other() {
    let mut chance = Chance(7);
    let file = File::any(60, MANY, &mut chance);
    let clean = clean(&file);
    let (mut others, mut same) = (0, 0);
    for _ in 0..1_000 {
        let places = BTreeSet::from([file.any_place(&mut chance)]);
        others += 59;
        same += compare(&file, &clean, &places);
    }
    assert!(
        same * 1_000 >= others * 999,
        "{same} of {others} other rows are kept"
    );
}

#[test]
fn a_thousand_quotes_in_one_file_leave_the_other_rows() {
    for (notes, least, seeds) in [
        (MANY, 99_900, 8..10),
        (SOME, 99_900, 10..12),
        (BARE, 99_000, 12..16),
    ] {
        for seed in seeds {
            let same = kept_of_100_000(notes, 100_000, seed);
            assert!(
                same >= least,
                "{same} of 100,000 other rows are kept, with seed {seed}"
            );
        }
    }
}

#[test]
fn notes_whose_lines_look_like_rows_are_no_false_alarm() {
    let two = "\"x,1.5\n7,2023-01-08,plain,2.5\n8,2023-01-09,y\"";
    let hundred = format!(
        "\"x,1.5\n{}8,2023-01-09,y\"",
        "7,2023-01-08,plain,2.5\n".repeat(100)
    );
    let quoted = "\"x,1.5\r\n7,2023-01-08,\"\"a\"\",2.5\r\n\"";
    let mut chance = Chance(17);
    let file = File::any(5_000, &["plain", two, &hundred, quoted], &mut chance);
    clean(&file);
}

#[test]
fn a_missing_quote_costs_its_record_and_no_other() {
    let mut chance = Chance(9);
    let file = File::any(60, MANY, &mut chance);
    let clean = clean(&file);
    let quotes: Vec<usize> = file.text.match_indices('"').map(|(at, _)| at).collect();
    for at in quotes {
        let mut text = file.text.clone();
        text.remove(at);
        let record = file.record_at(at);
        let (_, first, count) = file.records[record];
        let (outcome, _) = checked(&text);
        let is_reported = outcome
            .errors
            .iter()
            .any(|error| (first..first + count).contains(&error.line));
        assert!(is_reported, "the quote at {at} of record {record}");
        let found = kept(&outcome);
        let lost = clean
            .iter()
            .filter(|(id, row)| found.get(id) != Some(row))
            .count();
        assert!(lost <= 1, "{lost} rows for the quote at {at}");
    }
}
