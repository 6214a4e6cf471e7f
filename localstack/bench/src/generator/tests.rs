use std::collections::HashSet;
use std::ops::Range;

use millrace_table::{FileCheck, FileFormat, Limits, read_rejected};
use sha2::{Digest as _, Sha256};

use super::{Defect, HEADER, Manifest, Quality, generate};
use crate::attendance;

const RECORDS: u64 = 20_000;

fn file(quality: Quality) -> (Vec<u8>, Manifest) {
    let mut bytes = Vec::new();
    let manifest = generate(0..RECORDS, quality, &mut bytes).unwrap();
    (bytes, manifest)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_bytes_are_the_same_everywhere() {
    let qualities = [
        Quality::Clean,
        Quality::OnePercentSpoilt,
        Quality::TwentyPercentSpoilt,
    ];
    let hashes = qualities.map(|quality| sha256(&file(quality).0));
    let expected = [
        "b80dd2cff69c8c1826a44be68fafccfd620414f80e69e633a70ecabcb6507bd4",
        "2ec2d89a2000972668d601b4876bfd90ad1b03daecbe10378feaf62df5fa5393",
        "72c4bd5e43d189645b498c24a1fa6a9df7d4cd6954befd2600eaf1f07d0dc5e7",
    ];
    assert_eq!(hashes, expected);
}

/// Another reader counts what is in the clean file.
#[test]
fn the_manifest_of_the_clean_file_is_exact() {
    let (bytes, manifest) = file(Quality::Clean);
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header.join(","), HEADER);
    let mut counted = Manifest {
        bytes: bytes.len() as u64,
        lines: bytes.iter().filter(|byte| **byte == b'\n').count() as u64,
        ..Manifest::default()
    };
    let (mut keys, mut blank, mut broken) = (HashSet::new(), 0, 0);
    for record in reader.records() {
        let record = record.unwrap();
        counted.records += 1;
        counted.valid += 1;
        counted.total += record[3].parse::<u64>().unwrap();
        if !record[4].is_empty() {
            counted.present += record[4].parse::<u64>().unwrap();
        }
        blank += u32::from(record[7].is_empty());
        broken += u32::from(record[7].contains('\n'));
        let is_new = keys.insert((record[0].to_owned(), record[1].to_owned(), record[2].to_owned()));
        assert!(is_new, "{record:?}");
    }
    assert_eq!(manifest, counted);
    assert!((8_700..9_300).contains(&blank), "{blank} blank remarks");
    assert!((20..70).contains(&broken), "{broken} remarks with a line break");
}

/// The product's own check finds the spoilt records, all of them, and no others.
#[test]
fn the_manifests_of_spoilt_files_are_exact() {
    assert_spoilt(Quality::OnePercentSpoilt, 150..250);
    assert_spoilt(Quality::TwentyPercentSpoilt, 3_800..4_200);
}

fn assert_spoilt(quality: Quality, spoilt: Range<usize>) {
    let (bytes, manifest) = file(quality);
    assert_eq!(manifest.records, RECORDS);
    assert_eq!(manifest.valid + manifest.spoilt.len() as u64, RECORDS);
    assert!(spoilt.contains(&manifest.spoilt.len()));
    let fields = attendance::event().unwrap().fields;
    let (header, begin) = attendance::read_header(&bytes, &fields).unwrap();
    let mut check = FileCheck::of_spec(
        FileFormat::plain(&fields),
        &header,
        header.start(),
        Limits::default(),
        None,
    )
    .unwrap();
    check.push(&bytes[begin..]).unwrap();
    let summary = check.finish().unwrap();
    assert_eq!(summary.counts.kept, manifest.valid);
    assert_eq!(summary.next_line, manifest.lines + 1);
    let rejected = check.take_row_error_bytes();
    let (rows, read_bytes) = read_rejected(&rejected);
    assert_eq!(read_bytes, rejected.len());
    let mut expected = manifest.spoilt.iter();
    for row in rows {
        let spoilt = expected.next().unwrap();
        let error = &row.errors[0];
        assert_eq!(
            (error.record, error.line),
            (spoilt.record, spoilt.line),
            "{spoilt:?}"
        );
        assert_eq!(error.column.as_deref(), spoilt.column, "{spoilt:?}: {error:?}");
    }
    assert_eq!(expected.next(), None);
    for defect in [Defect::WrongType, Defect::NulByte, Defect::SurplusCell] {
        assert!(manifest.spoilt.iter().any(|spoilt| spoilt.defect == defect));
    }
}
