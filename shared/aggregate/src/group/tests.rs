use std::collections::HashMap;

use proptest::prelude::*;

use super::{Found, GroupIndex};

#[test]
fn keeps_its_numbers_when_it_grows() {
    let mut index = GroupIndex::new();
    for number in 0..10_000_u32 {
        assert_eq!(
            index.find_or_add(&number.to_le_bytes()),
            Some(Found::Added(number))
        );
    }
    for number in 0..10_000_u32 {
        assert_eq!(
            index.find_or_add(&number.to_le_bytes()),
            Some(Found::Known(number))
        );
        assert!(index.is_same(number, &number.to_le_bytes()));
    }
    assert_eq!(index.len(), 10_000);
}

proptest! {
    #[test]
    fn numbers_like_a_hash_map(keys in proptest::collection::vec("[ab\\x00]{0,18}", 0..200)) {
        let mut index = GroupIndex::new();
        let mut model: HashMap<String, u32> = HashMap::new();
        for key in keys {
            let next = u32::try_from(model.len()).unwrap();
            let expected = match model.get(&key) {
                Some(group) => Found::Known(*group),
                None => Found::Added(next),
            };
            prop_assert_eq!(index.find_or_add(key.as_bytes()), Some(expected));
            model.entry(key).or_insert(next);
        }
    }
}
