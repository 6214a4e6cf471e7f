//! A member is the same wherever its reading began.

use millrace_core::access_point::AccessPoint;
use miniz_oxide::deflate::compress_to_vec;

use super::{Member, MemberReader};

/// Text that compresses as that of a file does, with repetitions near and far.
fn text(lines: u64) -> Vec<u8> {
    let mut state = 7_u64;
    let mut text = String::new();
    for line in 0..lines {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (school, marked) = (state >> 50, state >> 58);
        text.push_str(&format!(
            "2023-01-{:02},{school},{marked},{line}\n",
            line % 28 + 1
        ));
    }
    text.into_bytes()
}

/// An archive of one member, in front of which there is something else.
fn archive(bytes: &[u8], level: Option<u8>) -> (Vec<u8>, Member) {
    let data = level.map_or_else(|| bytes.to_vec(), |level| compress_to_vec(bytes, level));
    let mut archive = b"something PK\x03\x04".to_vec();
    let offset = archive.len() as u64 - 4;
    archive.extend([0; 22]);
    archive.extend([5, 0, 2, 0]);
    archive.extend(b"a.csvXX");
    archive.extend(&data);
    let member = Member {
        name: "a.csv".to_owned(),
        offset,
        is_deflated: level.is_some(),
        compressed_bytes: data.len() as u64,
        bytes: bytes.len() as u64,
        crc32: u64::from(crc32fast::hash(bytes)),
    };
    (archive, member)
}

/// What comes out of a reader that begins at an offset, in pieces of a size, and the points it passed; or what was refused.
fn read(
    mut reader: MemberReader,
    archive: &[u8],
    offset: u64,
    piece: usize,
) -> Result<(Vec<u8>, Vec<AccessPoint>), String> {
    reader.keep_points();
    let (mut bytes, mut points) = (Vec::new(), Vec::<AccessPoint>::new());
    let mut pieces = archive[usize::try_from(offset).unwrap()..].chunks(piece);
    let mut pending = &b""[..];
    while !reader.is_done() {
        let inflated = reader.read(pending).map_err(|error| error.message)?;
        pending = &pending[inflated.taken..];
        if inflated.taken == 0 && inflated.bytes.is_empty() {
            assert!(pending.is_empty(), "it does not take what there is");
            pending = pieces.next().ok_or("cut off")?;
        }
        bytes.extend(inflated.bytes);
        if let Some(point) = reader.point_before(u64::MAX)
            && points.last() != Some(point)
        {
            points.push(point.clone());
        }
    }
    Ok((bytes, points))
}

#[test]
fn it_goes_on_at_every_point() {
    let text = text(60_000);
    for level in [None, Some(0), Some(1), Some(6)] {
        let (archive, member) = archive(&text, level);
        for piece in [13, 1_000, 300_000] {
            let (bytes, points) = read(MemberReader::new(&member), &archive, member.offset, piece).unwrap();
            assert!(bytes == text, "{level:?} {piece}");
            assert!(points.len() > 2, "{level:?} {piece}: {} points", points.len());
            for point in points {
                let json = serde_json::to_string(&point).unwrap();
                assert!(json.len() < 50_000, "{level:?}: a message holds it");
                assert_eq!(serde_json::from_str::<AccessPoint>(&json).unwrap(), point);
                let reader = MemberReader::at(&member, &point).unwrap();
                let (rest, _) = read(reader, &archive, point.offset, 64_000).unwrap();
                let start = usize::try_from(point.inflated_bytes).unwrap();
                assert!(rest == text[start..], "{level:?} {piece} {point:?}");
            }
        }
    }
}

#[test]
fn the_point_before_an_offset_is_near_and_not_behind_it() {
    let text = text(400_000);
    let (archive, member) = archive(&text, Some(1));
    let mut reader = MemberReader::new(&member);
    reader.keep_points();
    let (mut pieces, mut inflated_bytes) = (
        archive[usize::try_from(member.offset).unwrap()..].chunks(50_000),
        0_u64,
    );
    assert_eq!(reader.point_before(u64::MAX), None);
    let mut found = 0;
    while let Some(mut pending) = pieces.next().filter(|_| !reader.is_done()) {
        while !pending.is_empty() && !reader.is_done() {
            let inflated = reader.read(pending).unwrap();
            pending = &pending[inflated.taken..];
            inflated_bytes += inflated.bytes.len() as u64;
        }
        let offset = inflated_bytes.saturating_sub(1 << 20);
        if let Some(point) = reader.point_before(offset) {
            found += 1;
            assert!(point.inflated_bytes <= offset);
            assert!(offset - point.inflated_bytes < 1 << 20, "{offset} {point:?}");
        }
    }
    assert!(found > 50, "{found}");
}

#[test]
fn what_does_not_fit_is_no_point_or_is_seen_in_the_end() {
    let text = text(30_000);
    let (archive, member) = archive(&text, Some(1));
    let (_, points) = read(MemberReader::new(&member), &archive, member.offset, 10_000).unwrap();
    let right = &points[points.len() / 2];
    let mut wrong = vec![right.clone(); 4];
    wrong[0].bits = 8;
    wrong[1].window.push(0);
    wrong[2].compressed_left = member.compressed_bytes + 1;
    wrong[3].inflated_bytes = member.bytes + 1;
    for point in wrong {
        assert!(MemberReader::at(&member, &point).is_none(), "{point:?}");
    }
    let mut wrong = vec![right.clone(); 4];
    wrong[0].crc32 ^= 1;
    wrong[1].window.iter_mut().for_each(|byte| *byte ^= 1);
    wrong[2].offset += 1;
    wrong[3].inflated_bytes -= 1;
    for point in wrong {
        let reader = MemberReader::at(&member, &point).unwrap();
        let refused = read(reader, &archive, point.offset, 10_000).unwrap_err();
        assert!(
            refused.contains("is damaged") || refused == "cut off",
            "{refused}"
        );
    }
}
