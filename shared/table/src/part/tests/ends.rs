//! What the end of a part says.

use super::{sample, write};
use crate::part::PartEnd;

#[test]
fn the_end_of_a_part_says_its_rows() {
    let blocks = sample();
    let bytes = write(&blocks);
    let (_, end) = bytes.split_last_chunk::<{ PartEnd::BYTES }>().unwrap();
    let rows = blocks.iter().map(|block| block.rows() as u64).sum();
    let expected = PartEnd {
        rows,
        blocks: u32::try_from(blocks.len()).unwrap(),
    };
    assert_eq!(PartEnd::parse(end), Some(expected));
    for other in [&end[1..], &bytes[..PartEnd::BYTES], b""] {
        assert_eq!(PartEnd::parse(other), None);
    }
}
