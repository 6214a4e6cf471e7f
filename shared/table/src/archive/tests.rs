use std::path::Path;

use millrace_core::row_error::{FileError, Rule};
use proptest::prelude::*;

use super::{ArchiveLimits, Directory, End, MemberReader, is_archive};

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    std::fs::read(folder.join(format!("archive-{name}"))).unwrap()
}

fn directory(archive: &[u8], limits: &ArchiveLimits) -> Result<(Directory, End), FileError> {
    let tail_bytes = usize::try_from(End::TAIL_BYTES).unwrap();
    let tail = &archive[archive.len().saturating_sub(tail_bytes)..];
    let end = End::read(tail, archive.len() as u64, limits)?;
    let at = |offset: u64| usize::try_from(offset).unwrap();
    let bytes = &archive[at(end.directory_offset)..at(end.directory_end)];
    Directory::read(bytes, &end, limits).map(|directory| (directory, end))
}

/// Every member's name and bytes, read in pieces of a size.
fn read_with(
    archive: &[u8],
    piece: usize,
    limits: &ArchiveLimits,
) -> Result<Vec<(String, Vec<u8>)>, FileError> {
    let (directory, end) = directory(archive, limits)?;
    let mut read = Vec::new();
    for member in &directory.members {
        let mut reader = MemberReader::new(member);
        let range = usize::try_from(member.offset).unwrap()..usize::try_from(end.directory_offset).unwrap();
        let mut pieces = archive[range].chunks(piece);
        let (mut pending, mut bytes) = (&b""[..], Vec::new());
        while !reader.is_done() {
            let inflated = reader.read(pending)?;
            pending = &pending[inflated.taken..];
            assert!(inflated.bytes.len() <= MemberReader::PIECE_BYTES);
            if inflated.taken == 0 && inflated.bytes.is_empty() {
                assert!(pending.is_empty(), "it does not take what there is");
                pending = pieces.next().ok_or_else(|| reader.cut_off())?;
            }
            bytes.extend(inflated.bytes);
        }
        read.push((member.name.clone(), bytes));
    }
    Ok(read)
}

fn read(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, FileError> {
    read_with(archive, 1000, &ArchiveLimits::default())
}

fn refused(archive: &[u8]) -> (Rule, String) {
    let error = read(archive).unwrap_err();
    (error.rule, error.message)
}

const A: &str = "day,shop\n2023-01-08,a\n";
const B: &[u8] = b"day,shop\r\n2023-01-09,b\r\n";

#[test]
fn members_come_out_whatever_the_pieces_are() {
    let many = [
        ("a.csv".to_owned(), A.repeat(20).into_bytes()),
        ("sub/b.csv".to_owned(), B.to_vec()),
        ("../../etc/c.csv".to_owned(), B.to_vec()),
    ];
    for piece in [1, 2, 7, 100, 100_000] {
        let limits = ArchiveLimits::default();
        assert_eq!(
            read_with(&sample("many.zip"), piece, &limits).unwrap(),
            many,
            "{piece}"
        );
        for name in ["descriptor.zip", "zip64.zip"] {
            let read = read_with(&sample(name), piece, &limits).unwrap();
            assert_eq!(read, many[..1], "{name} {piece}");
        }
    }
}

#[test]
fn what_is_not_taken_is_named() {
    for (name, rule, message) in [
        (
            "bzip2.zip",
            Rule::BadArchive,
            "member `a.csv`: is compressed by bzip2 (method 12); stored and deflated members are taken",
        ),
        (
            "lzma.zip",
            Rule::BadArchive,
            "member `a.csv`: is compressed by LZMA (method 14); stored and deflated members are taken",
        ),
        (
            "encrypted.zip",
            Rule::BadArchive,
            "member `enc_a.csv`: is encrypted",
        ),
        (
            "empty.zip",
            Rule::NotCsv,
            "there is no CSV file in the zip archive",
        ),
        (
            "folders.zip",
            Rule::NotCsv,
            "there is no CSV file in the zip archive",
        ),
        (
            "office.zip",
            Rule::NotCsv,
            "the file is a spreadsheet or another document of an office program, not CSV",
        ),
    ] {
        assert_eq!(refused(&sample(name)), (rule, message.to_owned()), "{name}");
        assert!(is_archive(&sample(name)));
    }
    assert!(!is_archive(b"PK,name\n"));
}

#[test]
fn a_cut_archive_is_refused_wherever_it_is_cut() {
    let archive = sample("many.zip");
    for length in 4..archive.len() {
        let (rule, _) = refused(&archive[..length]);
        assert_eq!(rule, Rule::BadArchive, "{length}");
    }
    let longer = [archive, b"\n".to_vec()].concat();
    let message = "the zip archive has no end: it is cut off, or something follows it".to_owned();
    assert_eq!(refused(&longer), (Rule::BadArchive, message));
}

#[test]
fn no_changed_byte_of_the_data_goes_unseen() {
    let archive = sample("descriptor.zip");
    let (directory, _) = directory(&archive, &ArchiveLimits::default()).unwrap();
    let data = usize::try_from(directory.members[0].offset).unwrap() + 30 + "a.csv".len();
    let compressed = usize::try_from(directory.members[0].compressed_bytes).unwrap();
    for at in data..data + compressed {
        for bit in 0..8 {
            let mut changed = archive.clone();
            changed[at] ^= 1 << bit;
            // A changed bit that does not change the text (of the last byte, behind the end) is no damage.
            match read(&changed) {
                Ok(read) => assert_eq!(read[0].1, A.repeat(20).into_bytes(), "{at} {bit}"),
                Err(error) => assert_eq!(error.rule, Rule::BadArchive),
            }
        }
    }
    let mut checksum = archive.clone();
    let entry = checksum
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    checksum[entry + 16] ^= 1;
    let message = "member `a.csv`: is damaged: its checksum is another one".to_owned();
    assert_eq!(refused(&checksum), (Rule::BadArchive, message));
}

#[test]
fn what_an_archive_may_ask_is_bounded_before_it_is_inflated() {
    let archive = sample("many.zip");
    let inflated = (A.len() * 20 + B.len() * 2) as u64;
    let bytes = archive.len() as u64;
    let is_taken = |change: &dyn Fn(&mut ArchiveLimits)| {
        let mut limits = ArchiveLimits::default();
        change(&mut limits);
        match read_with(&archive, 1000, &limits) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.rule, Rule::ArchiveTooLarge, "{limits:?}");
                false
            }
        }
    };
    assert!(is_taken(&|limits| limits.archive_bytes = bytes));
    assert!(!is_taken(&|limits| limits.archive_bytes = bytes - 1));
    assert!(is_taken(&|limits| limits.members = 6));
    assert!(!is_taken(&|limits| limits.members = 5));
    assert!(!is_taken(&|limits| limits.directory_bytes = 100));
    assert!(is_taken(&|limits| limits.inflated_bytes = inflated));
    assert!(!is_taken(&|limits| limits.inflated_bytes = inflated - 1));
    let bomb = sample("descriptor.zip");
    let limits = ArchiveLimits {
        ratio_from_bytes: 1,
        ratio: 1,
        ..ArchiveLimits::default()
    };
    let error = read_with(&bomb, 1000, &limits).unwrap_err();
    assert_eq!(error.rule, Rule::ArchiveTooLarge);
    assert!(
        error.message.contains("2 times its own size"),
        "{}",
        error.message
    );
}

/// A member that declares little and holds much is stopped at what it declared.
#[test]
fn a_member_is_held_to_what_it_declares() {
    for (declared, words) in [
        (100_u32, "more bytes than declared"),
        (441, "fewer bytes than declared"),
    ] {
        let mut archive = sample("descriptor.zip");
        let entry = archive
            .windows(4)
            .position(|bytes| bytes == b"PK\x01\x02")
            .unwrap();
        archive[entry + 24..entry + 28].copy_from_slice(&declared.to_le_bytes());
        let (rule, message) = refused(&archive);
        assert_eq!(rule, Rule::BadArchive);
        assert!(message.contains(words), "{message}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        piece in 1_usize..50) {
        let mut archive = sample("many.zip");
        for (at, byte) in changes {
            let at = at.index(archive.len());
            archive[at] = byte;
        }
        let _ = read_with(&archive, piece, &ArchiveLimits::default());
    }
}
