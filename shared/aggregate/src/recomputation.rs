//! The second oracle: whatever files come, are replaced and deleted, the cells that the staged differences add up to
//! are those that a naive program computes from all current rows.

use std::collections::BTreeMap;

use millrace_core::Decimal;
use proptest::prelude::*;
use serde_json::Value;

use crate::sample::{FEE_SCALE, Row, any_rows, partial};
use crate::{
    Partial, PartialReader, PartialSummary, Settlement, decode, difference, encode, overlaps, stage_chunks,
};

/// Sum in the measure's own units, count, least, greatest.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Figures {
    count: i64,
    sum: i128,
    min: Option<i128>,
    max: Option<i128>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Cell {
    rows: i64,
    figures: [Figures; 3],
}

type Cells = BTreeMap<String, Cell>;

/// The cells of these rows, by plain integer arithmetic.
fn recompute<'a>(rows: impl Iterator<Item = &'a Row>) -> Cells {
    let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let day = row.day.map(|day| format!("2023-01-{:02}", day + 1));
        let key = serde_json::to_string(&[day, row.school.clone()]).unwrap();
        groups.entry(key).or_default().push(row);
    }
    let figures = |values: Vec<i128>, keeps_extremes: bool| Figures {
        count: i64::try_from(values.len()).unwrap(),
        sum: values.iter().sum(),
        min: values.iter().min().copied().filter(|_| keeps_extremes),
        max: values.iter().max().copied().filter(|_| keeps_extremes),
    };
    let cell = |rows: Vec<&Row>| {
        let marked: Vec<i128> = rows.iter().filter_map(|row| row.marked.map(i128::from)).collect();
        let fees = rows.iter().filter_map(|row| row.fee.map(i128::from)).collect();
        Cell {
            rows: i64::try_from(rows.len()).unwrap(),
            figures: [
                figures(marked.clone(), true),
                figures(fees, true),
                figures(marked, false),
            ],
        }
    };
    groups.into_iter().map(|(key, rows)| (key, cell(rows))).collect()
}

/// A decimal of the staging in the units of the model.
fn units(value: &Value, scale: u8) -> Option<i128> {
    let text = value.as_str()?;
    let decimal: Decimal = Decimal::parse_sum(text).unwrap();
    Some(decimal.units() * 10_i128.pow(u32::from(scale - decimal.scale())))
}

/// What the database does with staged chunks.
fn apply(cells: &mut Cells, chunks: impl Iterator<Item = crate::StageChunk>) {
    for chunk in chunks {
        let rows: Vec<Value> = serde_json::from_str(&chunk.json).unwrap();
        assert_eq!(rows.len(), chunk.rows as usize);
        for row in rows {
            let key = row[0].as_str().unwrap().to_owned();
            let cell = cells.entry(key.clone()).or_default();
            cell.rows += row[1].as_i64().unwrap();
            for (at, scale) in [0, FEE_SCALE, 0].into_iter().enumerate() {
                let figures = &mut cell.figures[at];
                let (min, max) = (units(&row[4][at], scale), units(&row[5][at], scale));
                figures.count += row[2][at].as_i64().unwrap();
                figures.sum += units(&row[3][at], scale).unwrap();
                if row[6][at].as_bool().unwrap() {
                    (figures.min, figures.max) = (min, max);
                } else {
                    figures.min = figures.min.into_iter().chain(min).min();
                    figures.max = figures.max.into_iter().chain(max).max();
                }
            }
            assert!(cell.rows >= 0, "a cell never has less than no rows");
            if cell.rows == 0 {
                assert_eq!(cell, &Cell::default(), "a cell without rows holds nothing");
                cells.remove(&key);
            }
        }
    }
}

/// A new version of a file; no rows deletes it.
#[derive(Debug, Clone)]
struct Arrival {
    file: usize,
    rows: Vec<Row>,
    block_rows: usize,
}

/// Small, so that a few rows are several chunks.
const CHUNK_BYTES: usize = 200;

const FILES: usize = 4;

fn any_arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let rows = prop_oneof![3 => any_rows(), 1 => Just(Vec::new())];
    let arrival = (0..FILES, rows, 1..6_usize).prop_map(|(file, rows, block_rows)| Arrival {
        file,
        rows,
        block_rows,
    });
    proptest::collection::vec(arrival, 1..9)
}

/// Brings the new version of a file into the cells, reading the other files' objects as the worker does.
fn contribute(cells: &mut Cells, objects: &mut [Option<Vec<u8>>; FILES], file: usize, new: &Partial) {
    let old = objects[file].as_deref().map(|object| decode(object).unwrap());
    let mut differences = difference(old.as_ref(), new).unwrap();
    let mut settlement = Settlement::begin(&differences, new);
    for (other, object) in objects.iter().enumerate() {
        let Some(object) = object.as_deref().filter(|_| other != file) else {
            continue;
        };
        let summary = PartialSummary::parse(&object[..object.len().min(PartialSummary::BYTES)]).unwrap();
        if overlaps(&summary.first_bound, &summary.last_bound, settlement.keys()) {
            settlement
                .add_reader(PartialReader::new(object).unwrap())
                .unwrap();
        }
    }
    settlement.finish(&mut differences);
    assert!(differences.is_sorted_by(|left, right| left.key < right.key));
    apply(cells, stage_chunks(&differences, CHUNK_BYTES).unwrap());
    objects[file] = Some(encode(new).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn cells_are_those_of_a_recomputation_after_every_arrival(arrivals in any_arrivals()) {
        let mut cells = Cells::new();
        let mut objects: [Option<Vec<u8>>; FILES] = Default::default();
        let mut current: [Vec<Row>; FILES] = Default::default();
        for arrival in arrivals {
            let new = partial(&arrival.rows, arrival.block_rows);
            contribute(&mut cells, &mut objects, arrival.file, &new);
            current[arrival.file] = arrival.rows;
            prop_assert_eq!(&cells, &recompute(current.iter().flatten()));
        }
    }

    #[test]
    fn new_files_give_the_same_cells_in_any_order(
        files in proptest::collection::vec(any_rows(), 1..5).prop_flat_map(|files| {
            (Just(files.clone()), Just(files).prop_shuffle())
        }),
    ) {
        let (files, shuffled) = files;
        let mut cells = Cells::new();
        for rows in &shuffled {
            let differences = difference(None, &partial(rows, 3)).unwrap();
            apply(&mut cells, stage_chunks(&differences, CHUNK_BYTES).unwrap());
        }
        prop_assert_eq!(cells, recompute(files.iter().flatten()));
    }

    #[test]
    fn rows_give_the_same_partial_in_any_order_and_split(
        rows in any_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        split in 1..6_usize,
        other_split in 1..6_usize,
    ) {
        let (rows, shuffled) = rows;
        let one = partial(&rows, split);
        prop_assert_eq!(&one, &partial(&shuffled, other_split));
        prop_assert_eq!(one.rows(), rows.len() as u64);
    }

    #[test]
    fn a_version_of_the_same_rows_changes_nothing(rows in any_rows()) {
        let one = partial(&rows, 3);
        prop_assert_eq!(difference(Some(&one), &partial(&rows, 2)), Ok(Vec::new()));
    }
}
