//! Zip archives: a file whose rows come from its members, or nothing of it.

use millrace_app::row_errors::{PageLimits, list_row_errors};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::row_error::Rule;
use millrace_store::files::FileRecord;
use millrace_table::archive::{ArchiveLimits, Directory, End, MemberReader};
use millrace_tests::{Order, Random, ZipMember, sample_data, specs, zip};
use serde_json::json;

use super::{SALES, Sales};

const HEADER: &str = "day,shop,amount,sold,offered\n";
const ONE: &str = "2023-01-08,a,0.1,1,2\n2023-01-08,a,x,1,2\n";
const TWO: &str = "2023-01-09,b,7,1,2\n";

fn one() -> ZipMember {
    ZipMember::deflated("january/one.csv", format!("{HEADER}{ONE}").as_bytes())
}

/// Another order of columns, another delimiter, an absent column.
fn two() -> ZipMember {
    ZipMember::stored(
        "two.csv",
        b"\xEF\xBB\xBFshop;amount;day;offered\r\n\r\nb;7;2023-01-09;2\r\nb;;;\r\n",
    )
}

/// A folder, and what desktops add.
fn beside() -> [ZipMember; 3] {
    [
        ZipMember::stored("january/", b""),
        ZipMember::deflated("__MACOSX/january/._one.csv", b"\0\x05\x16\x07junk"),
        ZipMember::deflated("january/.DS_Store", b"junk"),
    ]
}

impl Sales {
    async fn load_zip(&self, name: &str, mode: Mode, bytes: Vec<u8>) -> FileRecord {
        let file = self.road.send(SALES, name, mode, bytes).await;
        self.road.settle().await;
        self.road.record(file).await
    }
}

#[tokio::test]
async fn an_archive_of_one_member_is_the_file() {
    let Some(mut sales) = Sales::new().await else {
        return;
    };
    sales.send("a.csv", Mode::New, ONE).await;
    sales.road.settle().await;
    let figures = sales.figures().await;
    sales.begin_anew().await;
    let [folder, desktop, store] = beside();
    let archive = zip(&[folder, desktop, one(), store]);
    let record = sales.load_zip("a.zip", Mode::New, archive.clone()).await;
    assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (1, 1));
    assert_eq!(
        (record.size_bytes, record.chunks_expected),
        (Some(archive.len() as u64), Some(1))
    );
    assert_eq!(
        (record.stored_status.as_str(), sales.figures().await),
        ("Ready_to_archive", figures)
    );
    // The same archive under another name changes nothing, and a CSV file may take its place.
    let again = sales.load_zip("b.csv", Mode::New, archive).await;
    assert_eq!(again.unchanged_of, Some(record.file.file_id));
    sales.send("a.zip", Mode::Replace, TWO).await;
    sales.road.delete(again.file.file_id).await;
    sales.road.settle().await;
    let shops = "select k2 from stored.cells_1 where row_count > 0";
    assert_eq!(sales.lines(shops).await, ["b"]);
    sales.assert_clean().await;
}

#[tokio::test]
async fn members_of_every_dialect_are_one_file_numbered_through() {
    let Some(sales) = Sales::new().await else { return };
    let record = sales.load_zip("a.zip", Mode::New, zip(&[one(), two()])).await;
    assert_eq!(record.facts.error, None);
    assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (2, 2));
    let cells = "select concat_ws(' ', k1, k2, trim_scale(m1_sum)) from stored.cells_1 order by k1";
    assert_eq!(sales.lines(cells).await, ["2023-01-08 a 0.1", "2023-01-09 b 7"]);
    let limits = PageLimits {
        items: 10,
        json_bytes: usize::MAX,
    };
    let page = list_row_errors(&sales.store, &sales.road.collections, record.file, None, limits).await;
    let rows = page.unwrap().items;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.record,
                row.line,
                row.member.as_deref().unwrap(),
                row.errors[0].rule,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, 3, "january/one.csv", Rule::WrongType),
            (4, 4, "two.csv", Rule::Required)
        ]
    );
}

/// What is refused, the rule, and words of the reason.
type Refused = (Vec<u8>, Rule, &'static str);

impl Sales {
    /// Each archive ends in Error with its reason, and nothing of it is left anywhere.
    async fn assert_refused(&self, cases: Vec<Refused>) {
        for (number, (archive, rule, words)) in cases.into_iter().enumerate() {
            let record = self.load_zip(&format!("{number}.zip"), Mode::New, archive).await;
            let error = record.facts.error.expect(words);
            assert_eq!(error.rule, rule, "{}", error.message);
            assert!(error.message.contains(words), "{}", error.message);
            assert_eq!(
                (record.stored_status.as_str(), record.facts.counts.rows),
                ("Error", 0),
                "{words}"
            );
        }
        assert_eq!(self.road.collections.keys(), Vec::<String>::new());
        assert_eq!(self.figures().await, Vec::<String>::new());
        self.assert_clean().await;
    }
}

fn with(member: ZipMember) -> Vec<u8> {
    zip(&[one(), member])
}

#[tokio::test]
async fn what_cannot_be_believed_is_refused_and_nothing_of_it_counts() {
    let Some(sales) = Sales::new().await else { return };
    let encrypted = ZipMember { flags: 1, ..two() };
    let checksum = ZipMember { crc32: 1, ..two() };
    let bomb = ZipMember {
        bytes: u32::MAX - 1,
        ..one()
    };
    let bombs = ["a", "b", "c"].map(|name| ZipMember {
        name: name.to_owned(),
        ..bomb.clone()
    });
    let mut cut = zip(&[one(), two()]);
    cut.truncate(cut.len() - 30);
    let big = ZipMember::deflated("b.csv", &vec![b'0'; 70 << 20]);
    let bzip2 = ZipMember { method: 12, ..one() };
    sales
        .assert_refused(vec![
            (
                with(encrypted),
                Rule::BadArchive,
                "member `two.csv`: is encrypted",
            ),
            (
                with(checksum),
                Rule::BadArchive,
                "member `two.csv`: is damaged: its checksum",
            ),
            (cut, Rule::BadArchive, "it is cut off, or something follows it"),
            (
                with(one()),
                Rule::BadArchive,
                "member `january/one.csv`: the zip archive has two",
            ),
            (zip(&[bzip2]), Rule::BadArchive, "compressed by bzip2"),
            (zip(&bombs), Rule::ArchiveTooLarge, "at most 10737418240"),
            (
                with(big),
                Rule::ArchiveTooLarge,
                "times its own size; at most 200 times",
            ),
        ])
        .await;
}

#[tokio::test]
async fn members_that_are_no_files_of_the_spec_refuse_the_archive_by_name() {
    let Some(sales) = Sales::new().await else { return };
    let nested = ZipMember::stored("nested.zip", &zip(&[one()]));
    let office = ZipMember::stored("[Content_Types].xml", b"<x/>");
    let notes = ZipMember::deflated("../notes.txt", b"read me\n");
    sales
        .assert_refused(vec![
            (
                zip(&beside()),
                Rule::NotCsv,
                "there is no CSV file in the zip archive",
            ),
            (zip(&[]), Rule::NotCsv, "there is no CSV file in the zip archive"),
            (
                with(nested),
                Rule::NotCsv,
                "member `nested.zip`: the file is a zip archive",
            ),
            (zip(&[office]), Rule::NotCsv, "a spreadsheet or another document"),
            (
                with(ZipMember::stored("x.csv", b"")),
                Rule::EmptyFile,
                "member `x.csv`: the file is empty",
            ),
            (
                with(notes),
                Rule::UnknownHeader,
                "member `../notes.txt`: the spec has no column `read me`",
            ),
        ])
        .await;
    // A member with a header alone is no reason, as long as there is a row.
    let empty = ZipMember::stored("../../x.csv", HEADER.as_bytes());
    let taken = sales.load_zip("a.zip", Mode::New, with(empty)).await;
    assert_eq!((taken.facts.error, taken.facts.counts.rows), (None, 2));
}

#[tokio::test]
async fn an_archive_bears_repeats_disorder_and_a_death_at_every_call() {
    let Some(mut sales) = Sales::direct().await else {
        return;
    };
    let archive = zip(&[one(), two()]);
    let expected = sales
        .load_zip("a.zip", Mode::New, archive.clone())
        .await
        .facts
        .counts;
    let figures = sales.figures().await;
    let mut call = 0;
    loop {
        sales.begin_anew().await;
        let file = sales.road.send(SALES, "a.zip", Mode::New, archive.clone()).await;
        let is_through = sales.road.die_over_first(call).await;
        let mut order = Order::Random {
            random: Random::new(call),
            twice_permille: 300,
            reminders_permille: 1_000,
        };
        sales.road.drain(&mut order).await;
        let counts = sales.road.record(file).await.facts.counts;
        assert_eq!(
            (counts, sales.figures().await),
            (expected, figures.clone()),
            "{call}"
        );
        sales.assert_clean().await;
        if is_through {
            break;
        }
        call += 1;
    }
    assert!(call > 20, "only {call} calls were stopped at");
}

/// The text of an archive's only member.
fn unzipped(archive: &[u8]) -> String {
    let limits = ArchiveLimits::default();
    let at = |offset: u64| usize::try_from(offset).unwrap();
    let tail = &archive[archive.len().saturating_sub(at(End::TAIL_BYTES))..];
    let end = End::read(tail, archive.len() as u64, &limits).unwrap();
    let bytes = &archive[at(end.directory_offset)..at(end.directory_end)];
    let directory = Directory::read(bytes, &end, &limits).unwrap();
    assert_eq!(directory.members.len(), 1);
    let mut reader = MemberReader::new(&directory.members[0]);
    let (mut at, mut text) = (at(directory.members[0].offset), Vec::new());
    while !reader.is_done() {
        let inflated = reader.read(&archive[at..]).unwrap();
        at += inflated.taken;
        text.extend(inflated.bytes);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Each real archive goes through, with as many rows as another reader finds in its text.
#[tokio::test]
async fn the_real_archives_go_through_row_for_row() {
    let Some(folder) = sample_data("cqube") else {
        return;
    };
    let Some(sales) = Sales::new().await else { return };
    let mut rows_of = std::collections::BTreeMap::new();
    for part in ["national/NVSK", "national/AP", "mock-v4"] {
        let mut paths: Vec<_> = std::fs::read_dir(folder.join(part))
            .unwrap()
            .map(|one| one.unwrap().path())
            .collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "zip"));
        paths.sort();
        for path in paths {
            let archive = std::fs::read(&path).unwrap();
            let text = unzipped(&archive);
            let delimiter = if part == "mock-v4" { b'|' } else { b',' };
            let mut reader = csv::ReaderBuilder::new()
                .flexible(true)
                .delimiter(delimiter)
                .from_reader(text.as_bytes());
            let column = reader.headers().unwrap()[0]
                .trim_start_matches('\u{feff}')
                .to_owned();
            let expected = reader.into_byte_records().map(Result::unwrap).count() as u64;
            let name = format!("real_{}", rows_of.len());
            let mut body = specs::event(&name, &[("first", "string")]);
            body["input"]["properties"]["event"]["items"]["properties"]["first"]["header"] = json!(column);
            body["csv"] = json!({"unknown_columns": "ignore", "short_rows": "fill"});
            specs::create(&sales.database.owner_store(), &body).await;
            let file = sales
                .road
                .send((SpecKind::Event, &name), "a.zip", Mode::New, archive)
                .await;
            sales.road.settle().await;
            let record = sales.road.record(file).await;
            let (counts, error) = (record.facts.counts, record.facts.error);
            assert_eq!((counts.rows, error), (expected, None), "{}", path.display());
            rows_of.insert(
                path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned(),
                counts.kept,
            );
        }
    }
    assert_eq!(rows_of.len(), 38);
    for (path, rows) in [
        ("national/NVSK/diksha_nishtha_consumption-by-course.zip", 22_659),
        ("national/NVSK/diksha_nishtha_consumption-by-district.zip", 2_212),
        ("national/NVSK/udise-all-dashboard.zip", 742),
        ("mock-v4/student_attendance.zip", 120_000),
    ] {
        assert_eq!(rows_of[path], rows, "{path}");
    }
}
