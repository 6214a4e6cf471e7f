//! Files whose senders say what will come.

use millrace_core::facts::Mode;
use millrace_core::ids::FileVersion;
use millrace_core::row_error::Rule;
use millrace_store::files::{BeginVersion, Declared, Handling};
use millrace_tests::{ZipMember, zip};
use sha2::{Digest as _, Sha256};

use super::{SALES, Sales};

/// What is true of some bytes.
pub(super) fn declared(bytes: &[u8]) -> Handling {
    let sha256: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Handling {
        declared: Declared {
            size_bytes: Some(bytes.len() as u64),
            sha256: Some(sha256.parse().unwrap()),
        },
        ..Handling::default()
    }
}

impl Sales {
    /// Registers a new file, of which something is said.
    pub(super) async fn declare(&self, name: &str, handling: Handling) -> FileVersion {
        match self
            .road
            .begin_as(SALES, name, Mode::New, handling)
            .await
            .unwrap()
        {
            BeginVersion::Created(version) => version.file,
            other => panic!("{other:?}"),
        }
    }
}

fn rows(shop: &str) -> Vec<u8> {
    let rows: String = (1..60)
        .map(|row| format!("2023-01-08,{shop},{row},1,2\n"))
        .collect();
    Sales::csv(&rows).into_bytes()
}

#[tokio::test]
async fn bytes_that_are_as_declared_are_taken() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    for (name, chunk_bytes) in [("whole.csv", 1_000_000), ("chunked.csv", 100)] {
        sales.road.chunk_bytes = chunk_bytes;
        let bytes = rows(name);
        let file = sales.declare(name, declared(&bytes)).await;
        sales.road.arrive(file, bytes);
        sales.road.settle().await;
        let record = sales.road.record(file).await;
        assert_eq!(
            (record.stored_status.as_str(), record.facts.counts.kept),
            ("Ready_to_archive", 59),
            "{name}"
        );
        assert_eq!(record.sha256, record.declared_sha256.map(|hash| hash.to_string()));
    }
    sales.assert_clean().await;
}

#[tokio::test]
async fn other_bytes_are_refused_whole_and_say_what_they_are() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    let promised = rows("promised");
    let mut other = promised.clone();
    *other.last_mut().unwrap() = b' ';
    let cut = promised[..promised.len() - 1].to_vec();
    let archive = zip(&[ZipMember::deflated("a.csv", &promised)]);
    let mut comment = archive.clone();
    // The length of the comment, and one byte of it: another archive of the same members.
    let end = comment.len();
    comment[end - 2] = 1;
    comment.push(b'x');
    let promised_comment = declared(&[&comment[..end], b"y"].concat());
    let cases = [
        (
            "size",
            1_000_000,
            declared(&promised),
            cut,
            "bytes; its sender declared",
        ),
        ("whole", 1_000_000, declared(&promised), other.clone(), "SHA-256"),
        ("chunked", 100, declared(&promised), other, "SHA-256"),
        ("zip", 1_000_000, promised_comment, comment.clone(), "SHA-256"),
        ("zip in chunks", 100, promised_comment, comment, "SHA-256"),
    ];
    for (name, chunk_bytes, handling, bytes, words) in cases {
        sales.road.chunk_bytes = chunk_bytes;
        let file = sales.declare(name, handling).await;
        sales.road.arrive(file, bytes);
        sales.road.settle().await;
        let record = sales.road.record(file).await;
        let error = record.facts.error.expect(name);
        assert_eq!(error.rule, Rule::NotAsDeclared, "{name}");
        assert!(error.message.contains(words), "{name}: {}", error.message);
        assert_eq!(record.stored_status, "Error", "{name}");
    }
    assert_eq!(sales.lines("select k2 from stored.cells_1").await, [""; 0]);
    sales.assert_clean().await;
}
