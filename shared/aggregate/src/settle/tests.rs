use millrace_core::Decimal;

use super::{SettleError, Settlement, overlaps, retracted_keys};
use crate::difference::{CellDifference, Extremes, difference};
use crate::format::{PartialReader, encode};
use crate::key::CellKey;
use crate::partial::Partial;
use crate::plan::Layout;
use crate::sample::{Row, fees_plan, name, partial};

fn school(school: &str, marked: i64) -> Row {
    Row {
        school: Some(school.to_owned()),
        marked: Some(marked),
        ..Row::default()
    }
}

/// Looks up what is retracted in the new partial and in the others' objects.
fn settle(differences: &mut [CellDifference], new: &Partial, others: &[Partial]) {
    let mut settlement = Settlement::begin(differences, new);
    for other in others {
        let object = encode(other).unwrap();
        settlement
            .add_reader(PartialReader::new(&object[..]).unwrap())
            .unwrap();
    }
    settlement.finish(differences);
}

fn exact(min: Option<i64>, max: Option<i64>) -> Extremes {
    Extremes::Exact {
        min: min.map(Decimal::from),
        max: max.map(Decimal::from),
    }
}

#[test]
fn looks_up_the_new_partial_and_all_others() {
    let old = partial(&[school("a", 1), school("a", 9), school("b", 5)], 9);
    let new = partial(&[school("a", 4), school("b", 5)], 9);
    let others = [
        partial(&[school("a", 2), school("b", 0)], 9),
        partial(&[school("a", 6), school("c", 100)], 9),
    ];
    let mut differences = difference(Some(&old), &new).unwrap();
    assert_eq!(
        retracted_keys(&differences),
        [CellKey::of(&[None, Some("a")]).unwrap()]
    );
    settle(&mut differences, &new, &others);
    assert_eq!(differences[0].measures[0].extremes, exact(Some(2), Some(6)));
    assert_eq!(differences.len(), 1);
}

#[test]
fn a_value_that_nobody_has_any_more_is_null() {
    let old = partial(&[school("a", 1)], 9);
    let empty = Partial::empty(old.layout().clone());
    let mut differences = difference(Some(&old), &empty).unwrap();
    settle(&mut differences, &empty, &[]);
    assert_eq!(differences[0].measures[0].extremes, exact(None, None));
    assert_eq!(
        differences[0].measures[1].extremes,
        Extremes::Combine { min: None, max: None }
    );
    assert_eq!(differences[0].measures[2].extremes, Extremes::None);
}

#[test]
fn a_partial_of_something_else_is_refused() {
    let old = partial(&[school("a", 1)], 9);
    let empty = Partial::empty(old.layout().clone());
    let foreign = Partial::empty(Layout {
        dataset: name("other"),
        ..fees_plan().layout().clone()
    });
    let differences = difference(Some(&old), &empty).unwrap();
    let mut settlement = Settlement::begin(&differences, &empty);
    let object = encode(&foreign).unwrap();
    let refused = settlement.add_reader(PartialReader::new(&object[..]).unwrap());
    assert!(matches!(refused, Err(SettleError::LayoutChanged)));
}

#[test]
fn only_partials_that_may_hold_a_key_overlap() {
    let keys: Vec<CellKey> = ["d", "m"]
        .map(|text| CellKey::of(&[Some(text)]).unwrap())
        .to_vec();
    let is_overlap = |first: &str, last: &str| {
        let key = |text| CellKey::of(&[Some(text)]).unwrap();
        overlaps(key(first).as_bytes(), key(last).as_bytes(), &keys)
    };
    for (first, last, expected) in [
        ("a", "c", false),
        ("a", "d", true),
        ("d", "d", true),
        ("e", "l", false),
        ("e", "m", true),
        ("m", "z", true),
        ("n", "z", false),
        ("a", "z", true),
    ] {
        assert_eq!(is_overlap(first, last), expected, "{first}..{last}");
    }
    assert!(!overlaps(b"", b"", &keys), "a partial without entries");
    assert!(!overlaps(b"a", b"z", &[]));
}
