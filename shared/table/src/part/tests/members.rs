//! Parts of version 2: blocks that know their member.

use super::*;

/// The names that the blocks of [`sample`] and one more are of.
const NAMES: [&str; 3] = [
    "january/one.csv",
    "january/one.csv",
    "../\"b\"\n\u{fffd}'; drop table.csv",
];

/// Blocks of two members: records go on, lines begin anew.
fn blocks() -> Vec<Block> {
    let mut blocks = sample();
    let mut third = sample().remove(0);
    third.records.iter_mut().for_each(|record| *record += 5_000);
    blocks.push(third);
    blocks
}

fn write_members(blocks: &[Block], names: &[&str]) -> Vec<u8> {
    let mut writer = PartWriter::new(&schema(), Some(spec())).unwrap();
    let mut bytes = Vec::new();
    let mut last = None;
    for (block, name) in blocks.iter().zip(names) {
        if last.replace(name) != Some(name) {
            // Of a member without rows there is nothing.
            writer.begin_member("empty.csv").unwrap();
            writer.begin_member(name).unwrap();
        }
        writer.push_block(block).unwrap();
        bytes.extend(writer.take_bytes());
    }
    writer.begin_member("header alone.csv").unwrap();
    writer.finish().unwrap();
    bytes.extend(writer.take_bytes());
    bytes
}

type Named = (Option<String>, Block);

fn named() -> Vec<Named> {
    let names = NAMES.map(|name| Some(name.to_owned()));
    names.into_iter().zip(blocks()).collect()
}

fn read_named(bytes: &[u8]) -> Result<Vec<Named>, PartError> {
    let mut reader = PartReader::new(bytes)?;
    assert_eq!(reader.member(), None);
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push((reader.member().map(str::to_owned), block));
    }
    Ok(blocks)
}

/// Where the frames of a part begin, the end's among them.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let length = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 10 + length(6) + 4;
    let mut frames = vec![at];
    loop {
        at += match bytes[at] {
            0 => return frames,
            1 => 13 + length(at + 5),
            2 => 9 + length(at + 1),
            other => panic!("{other}"),
        };
        frames.push(at);
    }
}

/// The frames in another order, or some of them, behind the header.
fn of_frames(bytes: &[u8], order: &[usize]) -> Vec<u8> {
    let starts = frames(bytes);
    let mut made = bytes[..starts[0]].to_vec();
    for frame in order {
        let end = starts.get(frame + 1).copied().unwrap_or(bytes.len());
        made.extend_from_slice(&bytes[starts[*frame]..end]);
    }
    made
}

#[test]
fn blocks_know_their_members() {
    let bytes = write_members(&blocks(), &NAMES);
    assert_eq!(bytes[..6], *b"MRPT\x02\0");
    let kinds: Vec<u8> = frames(&bytes).into_iter().map(|at| bytes[at]).collect();
    assert_eq!(kinds, [2, 1, 1, 2, 1, 0]);
    assert_eq!(read_named(&bytes).unwrap(), named());
    for size in [1, 2, 7, 100, 4_096, bytes.len()] {
        assert_eq!(read_pieces(&bytes, size).unwrap(), blocks(), "{size}");
        let more = [bytes.as_slice(), b"x"].concat();
        assert!(read_pieces(&more, size).is_err(), "{size}, bytes behind the end");
    }
}

/// Parts are permanent. When this fails, a reader of old parts has been broken: bring it back, never the file.
#[test]
fn a_part_of_version_2_reads_as_ever() {
    let golden = include_bytes!("../../../testdata/part-v2.mrp");
    assert_eq!(read_named(golden).unwrap(), named());
    let reader = PartReader::new(&golden[..]).unwrap();
    assert_eq!((reader.spec(), reader.schema()), (Some(&spec()), &schema()));
}

#[test]
fn a_part_of_no_member_is_of_version_1_and_its_blocks_have_none() {
    let bytes = write(&sample());
    assert_eq!(bytes[..6], *b"MRPT\x01\0");
    let none: Vec<Named> = sample().into_iter().map(|block| (None, block)).collect();
    assert_eq!(read_named(&bytes).unwrap(), none);
    // But for the version and the frames of members, both are the same.
    let of_members = write_members(&sample(), &NAMES);
    assert_eq!(of_members[6..frames(&of_members)[0]], bytes[6..frames(&bytes)[0]]);
    let (own, behind) = (frames(&bytes), &of_members[frames(&of_members)[1]..]);
    assert_eq!(&behind[..own[2] - own[0]], &bytes[own[0]..own[2]]);
}

#[test]
fn a_part_of_members_that_is_cut_off_anywhere_or_damaged_is_noticed() {
    let bytes = write_members(&blocks(), &NAMES);
    for at in 0..bytes.len() {
        assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        assert!(read_pieces(&bytes[..at], 50).is_err(), "cut at {at}, in pieces");
        let mut damaged = bytes.clone();
        for flip in [1, 2, 3, 0x80, 0xFF] {
            damaged[at] = bytes[at] ^ flip;
            assert!(read(&damaged).is_err(), "{flip} at {at}");
            assert!(read_pieces(&damaged, 50).is_err(), "{flip} at {at}, in pieces");
        }
    }
}

#[test]
fn frames_out_of_their_places_are_noticed() {
    let bytes = write_members(&blocks(), &NAMES);
    assert_eq!(of_frames(&bytes, &[0, 1, 2, 3, 4, 5]), bytes);
    for order in [
        // A block before any member, or of another one.
        &[1, 2, 3, 4, 5][..],
        &[0, 1, 2, 4, 5],
        &[3, 1, 2, 4, 5],
        // Two members in a row, and one that has no block.
        &[0, 3, 1, 2, 4, 5],
        &[0, 1, 2, 3, 5],
        &[0, 0, 1, 2, 3, 4, 5],
        &[0, 1, 0, 2, 3, 4, 5],
        &[0, 1, 2, 3, 4, 3, 5],
    ] {
        let made = of_frames(&bytes, order);
        assert!(matches!(read(&made), Err(PartError::Damaged(_))), "{order:?}");
        assert!(read_pieces(&made, 30).is_err(), "{order:?}");
    }
    // No frame of version 2 is known in version 1, and none of version 1 stands alone in version 2.
    for (mut part, version) in [(bytes, 1), (write(&sample()), 2)] {
        part[4] = version;
        assert!(matches!(read(&part), Err(PartError::Damaged(_))), "{version}");
    }
}

/// With checksums made right, so that the name itself is looked at.
#[test]
fn names_that_no_member_has_are_refused() {
    let bytes = write_members(&blocks(), &NAMES);
    let starts = frames(&bytes);
    let with_name = |name: &[u8]| {
        let length = u32::try_from(name.len()).unwrap().to_le_bytes();
        let checked = [&length, name].concat();
        let crc = crc32fast::hash(&checked).to_le_bytes();
        [&bytes[..starts[0]], &[2], &checked, &crc, &bytes[starts[1]..]].concat()
    };
    assert_eq!(with_name(NAMES[0].as_bytes()), bytes);
    for name in [&b""[..], b"\xFF.csv", &[b'a'; 1_025]] {
        let made = with_name(name);
        let first = PartReader::new(&made[..]).unwrap().next_block();
        assert!(matches!(first, Err(PartError::Damaged(_))), "{}", name.len());
        assert!(read_pieces(&made, 20).is_err());
    }
    // What is too long shows before it has come.
    let mut pieces = PartPieces::default();
    pieces.push(&with_name(&[b'a'; 1_025])[..starts[0] + 5]);
    assert!(PartReader::new(pieces).unwrap().source_mut().has_frame());
}

#[test]
fn a_member_that_does_not_fit_is_refused_and_nothing_is_written() {
    let longest = "é".repeat(512);
    let mut writer = PartWriter::new(&schema(), None).unwrap();
    writer.begin_member("a").unwrap();
    for name in [String::new(), format!("{longest}a")] {
        let refused = writer.begin_member(&name);
        assert!(matches!(refused, Err(PartError::BadMember(_))), "{}", name.len());
    }
    writer.begin_member(&longest).unwrap();
    writer.push_block(&sample()[0]).unwrap();
    writer.finish().unwrap();
    assert!(matches!(writer.begin_member("a"), Err(PartError::Finished)));
    let read = read_named(&writer.take_bytes()).unwrap();
    assert_eq!(read, [(Some(longest), sample().remove(0))]);
    let mut writer = PartWriter::new(&schema(), None).unwrap();
    writer.push_block(&sample()[0]).unwrap();
    assert!(matches!(writer.begin_member("a"), Err(PartError::BadMember(_))));
    writer.push_block(&sample()[1]).unwrap();
    writer.finish().unwrap();
    assert_eq!(super::read(&writer.take_bytes()).unwrap(), sample());
}

proptest! {
    #[test]
    fn garbage_behind_a_header_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let part = write_members(&blocks(), &NAMES);
        let header = &part[..frames(&part)[0]];
        prop_assert!(read(&[header, &[2], &bytes].concat()).is_err());
        prop_assert!(read(&[header, &bytes].concat()).is_err());
    }
}
