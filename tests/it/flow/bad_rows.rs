//! Every rule of rows and files, along the whole road: bad data is recorded, counted, and hurts nothing else.

use millrace_app::row_errors::{PageLimits, RowErrorsError, list_row_errors};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::row_error::Rule;
use millrace_store::files::FileRecord;
use millrace_tests::{Database, Road, specs};
use serde_json::json;

struct Rules {
    _database: Database,
    road: Road,
}

/// Pages that hold everything.
const WIDE: PageLimits = PageLimits {
    items: 1_000,
    json_bytes: usize::MAX,
};
const EVENT: (SpecKind, &str) = (SpecKind::Event, "ruled");

impl Rules {
    async fn new() -> Option<Self> {
        let database = Database::new()?;
        let mut body = specs::event(
            "ruled",
            &[
                ("day", "date!"),
                ("code", "string"),
                ("amount", "number"),
                ("sort", "string"),
            ],
        );
        let properties = &mut body["input"]["properties"]["event"]["items"]["properties"];
        properties["code"] = json!({ "type": "string", "pattern": "^[a-z]{2}$", "maxLength": 2 });
        properties["amount"] = json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 100 });
        properties["sort"] = json!({ "type": "string", "enum": ["x", "y"], "minLength": 1 });
        specs::create(&database.owner_store(), &body).await;
        Some(Self {
            road: Road::new(database.app()),
            _database: database,
        })
    }

    async fn load(&self, name: &str, bytes: impl Into<Vec<u8>>) -> FileRecord {
        let file = self.road.send(EVENT, name, Mode::New, bytes).await;
        self.road.settle().await;
        self.road.record(file).await
    }

    /// `line column rule found` of every broken rule.
    async fn errors(&self, record: &FileRecord) -> Vec<String> {
        let page = list_row_errors(&self.road.store, &self.road.collections, record.file, None, WIDE)
            .await
            .unwrap();
        let errors = page.items.into_iter().flat_map(|row| row.errors);
        errors
            .map(|error| {
                assert!(!error.expected.is_empty());
                let column = error.column.unwrap_or_else(|| "-".to_owned());
                format!(
                    "{} {} {column} {} {}",
                    error.record,
                    error.line,
                    error.rule.code(),
                    error.found
                )
            })
            .collect()
    }
}

#[tokio::test]
async fn every_rule_of_a_row_is_told_with_its_place() {
    let Some(rules) = Rules::new().await else { return };
    let mut csv = b"day,code,amount,sort\n".to_vec();
    let rows: [&[u8]; 13] = [
        b"2023-01-08,ab,1.5,x\n",
        b"2023-02-30,ab,1,x\n",
        b",ab,1,x\n",
        b"2023-01-08,ab,-1,x\n",
        b"2023-01-08,ab,100,x\n",
        b"2023-01-08,AB,1,x\n",
        b"2023-01-08,abc,1,x\n",
        b"2023-01-08,ab,1,z\n",
        b"2023-01-08,ab,1\n",
        b"2023-01-08,ab,1,x,9\n",
        b"2023-01-08,a\xff,1,x\n",
        b"2023-01-08,a\0,1,x\n",
        b"nonsense,\"\n\",1e5,q\n",
    ];
    csv.extend(rows.concat());
    csv.extend_from_slice(b"2023-01-08,ab,2.5,y");
    let record = rules.load("a.csv", csv).await;
    let counts = record.facts.counts;
    assert_eq!((counts.rows, counts.kept, counts.rejected), (14, 2, 12));
    let errors = rules.errors(&record).await;
    assert_eq!(
        errors,
        [
            "2 3 day wrong_type 2023-02-30",
            "3 4 day required ",
            "4 5 amount out_of_range -1",
            "5 6 amount out_of_range 100",
            "6 7 code pattern_mismatch AB",
            "7 8 code length abc",
            "8 9 sort not_allowed z",
            "9 10 - wrong_cell_count 3 cells",
            "10 11 - wrong_cell_count 5 cells",
            "11 12 code invalid_utf8 a\u{fffd}",
            "12 13 code nul_byte a\0",
            "13 14 day wrong_type nonsense",
            "13 14 code pattern_mismatch \n",
            "13 14 amount wrong_type 1e5",
            "13 14 sort not_allowed q",
        ]
    );
    let foreign = list_row_errors(
        &rules.road.store,
        &rules.road.collections,
        record.file,
        Some("x"),
        WIDE,
    )
    .await;
    assert!(matches!(foreign, Err(RowErrorsError::BadCursor)));
}

#[tokio::test]
async fn a_quote_that_never_closes_costs_its_line_alone() {
    let Some(rules) = Rules::new().await else { return };
    let csv = "day,code,amount,sort\n2023-01-08,\"ab,1,x\n2023-01-08,ab,1,x\n2023-01-09,ab,1,x\n";
    let record = rules.load("a.csv", csv).await;
    assert_eq!((record.facts.counts.kept, record.facts.counts.rejected), (2, 1));
    assert!(rules.errors(&record).await[0].contains("bad_quoting"));
}

#[tokio::test]
async fn every_rule_of_a_file_refuses_it_and_good_files_go_on() {
    let Some(rules) = Rules::new().await else { return };
    let good = "day,code,amount,sort\n2023-01-08,ab,1,x\n";
    let long = format!("day,code,amount,sort\n{}\n", "x".repeat(3 << 20));
    let wide = format!("{}\n1\n", vec!["c"; 10_000].join(","));
    let files: [(&[u8], Rule); 15] = [
        (b"", Rule::EmptyFile),
        (b"day,code,amount,sort\n", Rule::EmptyFile),
        (b"day,code,amount,sort", Rule::EmptyFile),
        (
            b"day,code,amount,sort,more\n2023-01-08,ab,1,x,y\n",
            Rule::UnknownHeader,
        ),
        (b"Day,code,amount,sort\n2023-01-08,ab,1,x\n", Rule::UnknownHeader),
        (b"code,amount,sort\nab,1,x\n", Rule::MissingHeader),
        (b"day,code,code,sort\n2023-01-08,ab,ab,x\n", Rule::DuplicateHeader),
        (b"day,,amount,sort\n2023-01-08,ab,1,x\n", Rule::EmptyHeader),
        (b"\x1f\x8b\x08\0\0\0\0\0", Rule::NotCsv),
        (b"PK\x03\x04aaaa", Rule::BadArchive),
        (b"\x28\xb5\x2f\xfd\x04\0", Rule::NotCsv),
        (b"day,co\xffde\n", Rule::InvalidUtf8),
        (b"day,co\0de\n", Rule::NulByte),
        (wide.as_bytes(), Rule::TooManyColumns),
        (b"\"day,code\n2023-01-08,ab\n", Rule::BadQuoting),
    ];
    for (at, (bytes, rule)) in files.into_iter().enumerate() {
        let record = rules.load(&format!("bad-{at}.csv"), bytes).await;
        let error = record
            .facts
            .error
            .unwrap_or_else(|| panic!("{at}: {:?}", rule.code()));
        assert_eq!(error.rule, rule, "{at}: {error:?}");
        assert!(!error.message.is_empty());
        assert_eq!(record.stored_status, "Error");
        // Its good neighbour, with bytes of its own.
        let neighbour = format!("{good}2023-01-08,ab,{at},y\n");
        let good = rules.load(&format!("good-{at}.csv"), neighbour).await;
        assert_eq!(
            (good.facts.counts.kept, good.stored_status.as_str()),
            (2, "Ready_to_archive")
        );
    }
    // A record beyond all measure is a bad row, not a bad file.
    let record = rules.load("long.csv", long).await;
    assert_eq!(record.facts.counts.rejected, 1);
    assert!(rules.errors(&record).await[0].contains("too_long"));
}
