//! All kinds of row errors in one file, mended by what the repair file says; the figures are those of a clean file.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::row_error::Rule;
use millrace_tests::{Database, Road, specs};
use serde_json::json;

use super::counts;

const EVENT: (SpecKind, &str) = (SpecKind::Event, "ruled");
const HEADER: &str = "day,code,amount,sort\n";

/// A row as it came, its rule, and what it should have been.
const KINDS: [(&[u8], Rule, &str); 11] = [
    (b"2023-01-08,ab,'4,x", Rule::WrongType, "2023-01-08,ab,4,x"),
    (b"08-Jan-2023,ab,1,x", Rule::WrongType, "2023-01-08,ab,1,x"),
    (b",ab,2,x", Rule::Required, "2023-01-08,ab,2,x"),
    (b"2023-01-08,ab,100,y", Rule::OutOfRange, "2023-01-08,ab,10,y"),
    (b"2023-01-08,AB,3,y", Rule::PatternMismatch, "2023-01-08,ab,3,y"),
    (b"2023-01-08,abc,5,y", Rule::Length, "2023-01-08,ab,5,y"),
    (b"2023-01-08,ab,6,X", Rule::NotAllowed, "2023-01-08,ab,6,x"),
    (b"2023-01-08,ab,7", Rule::WrongCellCount, "2023-01-08,ab,7,x"),
    (b"2023-01-08,\"ab,8,x", Rule::BadQuoting, "2023-01-08,ab,8,x"),
    (b"2023-01-08,\xFFab,9,x", Rule::InvalidUtf8, "2023-01-08,ab,9,x"),
    (b"2023-01-08,\0ab,11,x", Rule::NulByte, "2023-01-08,ab,11,x"),
];

struct Ruled {
    road: Road,
    database: Database,
}

impl Ruled {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        let fields = [
            ("day", "date!"),
            ("code", "string"),
            ("amount", "number"),
            ("sort", "string"),
        ];
        let mut body = specs::event("ruled", &fields);
        let properties = &mut body["input"]["properties"]["event"]["items"]["properties"];
        properties["code"] = json!({ "type": "string", "pattern": "^[a-z]+$", "maxLength": 2 });
        properties["amount"] = json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 100 });
        properties["sort"] = json!({ "type": "string", "enum": ["x", "y"] });
        let dataset = specs::dataset(&specs::Dataset {
            name: "by_sort",
            event: "ruled",
            group_by: &["day", "code", "sort"],
            functions: &["sum", "count", "min", "max"],
            columns: &["amount"],
            ..specs::Dataset::default()
        });
        for body in [body, dataset] {
            specs::create(&database.owner_store(), &body).await;
        }
        Some(Self {
            road: Road::new(database.app()),
            database,
        })
    }

    async fn figures(&self) -> Vec<Vec<Option<String>>> {
        let cells = "select concat_ws(' ', cell_key, row_count, m1_count, m1_sum, m1_min, m1_max) \
                     from stored.cells_1 order by cell_key";
        self.database.query(cells).await
    }
}

/// The file: a good row before each bad one.
fn file(rows: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = HEADER.as_bytes().to_vec();
    for row in rows {
        bytes.extend(b"2023-01-07,cd,0.25,y\n");
        bytes.extend(row);
        bytes.push(b'\n');
    }
    bytes
}

#[tokio::test]
async fn all_kinds_are_mended_and_the_figures_are_those_of_a_clean_file() {
    let Some(clean) = Ruled::new().await else { return };
    let Some(ruled) = Ruled::new().await else { return };
    let rows = KINDS.iter().map(|(_, _, good)| good.as_bytes().to_vec());
    clean.road.send(EVENT, "clean.csv", Mode::New, file(rows)).await;
    clean.road.settle().await;
    let rows = KINDS.iter().map(|(bad, _, _)| bad.to_vec());
    let first = ruled.road.send(EVENT, "bad.csv", Mode::New, file(rows)).await;
    ruled.road.settle().await;
    assert_eq!(counts(&ruled.road.record(first).await), (22, 11, 11));
    // Bytes that are no text cannot be handed out as one.
    let (bytes, is_here) = ruled.road.repair_file(first).await.unwrap();
    assert!(!is_here);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap());
    let mut sheet: Vec<csv::ByteRecord> = reader.byte_records().map(Result::unwrap).collect();
    assert_eq!(sheet.len(), 12);
    for (row, (_, rule, good)) in sheet[1..].iter_mut().zip(KINDS) {
        let problem = String::from_utf8_lossy(&row[6]).into_owned();
        assert!(problem.starts_with(rule.code()), "{problem}");
        let line = row[4].to_vec();
        let mut cells: Vec<&[u8]> = good.split(',').map(str::as_bytes).collect();
        // Where there is a suggestion, that is it.
        let suggestion = row[7].to_vec();
        assert!(
            suggestion.is_empty() || cells.contains(&suggestion.as_slice()),
            "{good}"
        );
        cells.extend([&line[..], b"", b"looked at", b""]);
        *row = csv::ByteRecord::from(cells);
    }
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    // As a program sends it that sorts by something else.
    sheet[1..].reverse();
    for row in &sheet {
        writer.write_byte_record(row).unwrap();
    }
    let second = ruled
        .road
        .repair(first.file_id, writer.into_inner().unwrap())
        .await;
    ruled.road.settle().await;
    assert_eq!(counts(&ruled.road.record(second).await), (22, 22, 0));
    let figures = ruled.figures().await;
    assert_eq!(figures.len(), 3);
    assert_eq!(figures, clean.figures().await);
}
