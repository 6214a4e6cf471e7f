//! Quotes at random places of valid files with embedded line ends: each costs its record, and is reported there.

use std::collections::{BTreeMap, BTreeSet};

use millrace_core::field::Field;

use super::{Expected, check};
use crate::limits::Limits;

const FIELDS: &str = r#"[{"name":"id","type":"integer","required":true},{"name":"day","type":"date","required":true},
    {"name":"note","type":"text","required":false},{"name":"n","type":"decimal","required":false}]"#;

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
    fn any(rows: usize, chance: &mut Chance) -> Self {
        let notes = [
            "plain",
            "",
            "\"\"",
            "\"with, comma\"",
            "\"says \"\"hello\"\"\"",
            "\"two\nlines\"",
            "\"a \"\"quoted\"\"\r\nend\n\nof three\"",
            "\"\"\"\"",
        ];
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

fn checked(text: &str) -> Expected {
    let fields: Vec<Field> = serde_json::from_str(FIELDS).unwrap();
    check(&fields, text.as_bytes(), 4_096, Limits::default()).0
}

/// The kept values by id.
fn kept(outcome: &Expected) -> BTreeMap<u64, String> {
    let row = |row: &super::Kept| {
        let id = row.values[0].as_u64().unwrap();
        (id, serde_json::to_string(&row.values).unwrap())
    };
    outcome.kept.iter().map(row).collect()
}

/// How many of the other records are kept as they were; each spoilt one has an error on one of its lines.
fn compare(file: &File, clean: &BTreeMap<u64, String>, places: &BTreeSet<usize>) -> usize {
    let (text, spoilt) = file.spoilt(places);
    let outcome = checked(&text);
    let lines: BTreeSet<u64> = outcome.errors.iter().map(|error| error.line).collect();
    let mut unreported = Vec::new();
    for record in &spoilt {
        let (_, first, count) = file.records[*record];
        if lines.range(first..first + count).next().is_none() {
            unreported.push(*record);
        }
    }
    // Two quotes in one record may make it valid again: two commas of a cell, say.
    let single = |record: &usize| {
        places
            .iter()
            .filter(|place| file.record_at(**place) == *record)
            .count()
            == 1
    };
    unreported.retain(single);
    // A quote that opens a cell and one that closes it a record later are one cell, and one rejected record: the valid
    // reading wins.
    unreported.retain(|record| spoilt.range(record.saturating_sub(5)..*record).next().is_none());
    assert!(
        unreported.is_empty(),
        "{} of {} places",
        unreported.len(),
        places.len()
    );
    let kept = kept(&outcome);
    let is_other = |id: &&u64| !spoilt.contains(&usize::try_from(**id).unwrap());
    clean
        .keys()
        .filter(is_other)
        .filter(|id| kept.get(id) == clean.get(id))
        .count()
}

#[test]
fn a_quote_anywhere_costs_its_record_and_no_other() {
    let mut chance = Chance(7);
    let file = File::any(60, &mut chance);
    let clean = kept(&checked(&file.text));
    assert_eq!(clean.len(), 60, "a valid file has no errors");
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
    let mut chance = Chance(8);
    let file = File::any(100_000, &mut chance);
    let outcome = checked(&file.text);
    assert!(outcome.errors.is_empty(), "no false alarm");
    let clean = kept(&outcome);
    assert_eq!(clean.len(), 100_000);
    let places: BTreeSet<usize> = (0..1_000).map(|_| file.any_place(&mut chance)).collect();
    let (_, spoilt) = file.spoilt(&places);
    let others = 100_000 - spoilt.len();
    let same = compare(&file, &clean, &places);
    assert!(
        same * 1_000 >= others * 999,
        "{same} of {others} other rows are kept"
    );
}

#[test]
fn a_missing_quote_costs_its_record_and_no_other() {
    let mut chance = Chance(9);
    let file = File::any(60, &mut chance);
    let clean = kept(&checked(&file.text));
    let quotes: Vec<usize> = file.text.match_indices('"').map(|(at, _)| at).collect();
    for at in quotes {
        let mut text = file.text.clone();
        text.remove(at);
        let record = file.record_at(at);
        let (_, first, count) = file.records[record];
        let outcome = checked(&text);
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
