use millrace_core::Decimal;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::limits::{MAX_BARS, MAX_TEXT_BYTES};
use crate::model::{Alignment, Bar, BarChart, Column, Fact, Table};

fn column(heading: &str, alignment: Alignment) -> Column {
    Column {
        heading: heading.to_owned(),
        alignment,
    }
}

/// A document of one text column.
fn of_texts(texts: &[&str]) -> Document {
    Document {
        title: "Title".to_owned(),
        facts: Vec::new(),
        chart: None,
        table: Table {
            columns: vec![column("Text", Alignment::Text)],
            rows: texts.iter().map(|&text| vec![Some(text.to_owned())]).collect(),
        },
        language: "en".to_owned(),
    }
}

/// A document of everything.
fn full() -> Document {
    let rows = (0..90_i64).map(|row| {
        let value = Decimal::new(i128::from(row * row * 37 - 40_000), 2).unwrap();
        vec![
            Some(format!("Région {row}, Αθήνα, Москва")),
            (row % 7 != 3).then(|| value.to_string()),
            Some(if row % 5 == 0 {
                "n/a".to_owned()
            } else {
                row.to_string()
            }),
        ]
    });
    let bars = (0..40_i64).map(|bar| Bar {
        label: format!("Bar {bar}"),
        value: Decimal::from(bar * 3 - 20),
    });
    Document {
        title: "Árvíztűrő tükörfúrógép".to_owned(),
        facts: vec![Fact {
            label: "As of".to_owned(),
            value: "2026-11-21\nsecond line".to_owned(),
        }],
        chart: Some(BarChart {
            caption: "Bars".to_owned(),
            bars: bars.collect(),
        }),
        table: Table {
            columns: vec![
                column("Name", Alignment::Text),
                column("Value", Alignment::Number),
                column("Count", Alignment::Number),
            ],
            rows: rows.collect(),
        },
        language: "en".to_owned(),
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn code(document: &Document) -> &'static str {
    render(document).map_or_else(|error| error.code(), |_| "")
}

#[test]
fn the_bytes_are_those_of_every_other_process() {
    let documents = [of_texts(&[]), of_texts(&["plain"]), full()];
    // Once more in another order: what the process did before must not show.
    let hashes: Vec<String> = documents
        .iter()
        .map(|one| hash(&render(one).unwrap().bytes))
        .collect();
    for (document, hash_before) in documents.iter().zip(&hashes).rev() {
        assert_eq!(hash(&render(document).unwrap().bytes), *hash_before);
    }
    let golden: Vec<&str> = include_str!("../../testdata/sha256.txt").lines().collect();
    assert_eq!(
        hashes, golden,
        "if the change of the layout is meant, put these into testdata/sha256.txt"
    );
}

#[test]
fn the_notes_say_what_is_not_shown_as_given() {
    let mut document = full();
    document.title = "שלום".to_owned();
    let rendered = render(&document).unwrap();
    let expected = [
        Note::BarsLeftOut {
            shown: MAX_BARS,
            of: 40,
        },
        Note::MissingGlyphs(4),
    ];
    assert_eq!(rendered.notes, expected);
    assert!(render(&of_texts(&["é"])).unwrap().notes.is_empty());
}

#[test]
fn a_table_goes_over_as_many_pages_as_it_needs() {
    for (rows, pages) in [(0, 1), (40, 1), (60, 2), (500, 12)] {
        let texts = vec!["text"; rows];
        assert_eq!(render(&of_texts(&texts)).unwrap().pages, pages, "{rows} rows");
    }
}

#[test]
fn a_row_that_is_longer_than_a_page_goes_on_on_the_next() {
    let long = "word ".repeat(MAX_TEXT_BYTES / 5);
    let pages = render(&of_texts(&[&long])).unwrap().pages;
    assert!((4..10).contains(&pages), "{pages} pages");
}

#[test]
fn hostile_text_gives_a_document() {
    let long = "x".repeat(MAX_TEXT_BYTES);
    let marks = format!("a{}", "\u{301}".repeat(9_000));
    let texts = [
        "",
        " ",
        "\0\u{1}\u{7F}\u{9F}",
        "שלום עולם",
        "مرحبا",
        "\u{202E}abc\u{202C}",
        "👩\u{200D}👩\u{200D}👧",
        "\u{200B}\u{200B}",
        "a\nb\r\nc\td",
        "\u{10FFFF}\u{E000}",
        "(\\)%<>[]{}/",
        "endstream endobj",
        long.as_str(),
        marks.as_str(),
    ];
    for text in texts {
        let mut document = of_texts(&[text, text]);
        document.title = text.to_owned();
        document.facts.push(Fact {
            label: text.to_owned(),
            value: text.to_owned(),
        });
        document.table.columns[0].heading = text.to_owned();
        document.chart = Some(BarChart {
            caption: text.to_owned(),
            bars: vec![Bar {
                label: text.to_owned(),
                value: Decimal::from(-1),
            }],
        });
        assert!(render(&document).unwrap().pages >= 1, "{:?}", text.get(..20));
    }
}

#[test]
fn figures_of_any_size_are_drawn() {
    let most = Decimal::new(i128::MAX, 0).unwrap();
    let least = Decimal::new(i128::MIN + 1, 18).unwrap();
    for values in [
        vec![],
        vec![Decimal::ZERO],
        vec![most, least],
        vec![Decimal::new(1, 18).unwrap()],
        vec![least],
    ] {
        let mut document = of_texts(&[]);
        let bars = values.into_iter().map(|value| Bar {
            label: "bar".to_owned(),
            value,
        });
        document.chart = Some(BarChart {
            caption: String::new(),
            bars: bars.collect(),
        });
        assert_eq!(render(&document).unwrap().pages, 1);
    }
}

#[test]
fn what_cannot_be_shown_is_refused_with_a_code() {
    let mut language = of_texts(&[]);
    language.language = "de".to_owned();
    assert_eq!(code(&language), "document_language_unknown");

    let mut columns = of_texts(&[]);
    columns.table.columns.clear();
    assert_eq!(code(&columns), "document_no_columns");

    let mut ragged = of_texts(&["a", "b"]);
    ragged.table.rows[1].push(None);
    assert_eq!(
        render(&ragged),
        Err(RenderError::RaggedRow {
            row: 2,
            cells: 2,
            columns: 1
        })
    );

    let word = "x".repeat(10 * 1024 * 1024);
    let place = Place::Cell { row: 2, column: 1 };
    let expected = RenderError::TextTooLong {
        place,
        bytes: word.len(),
    };
    assert_eq!(render(&of_texts(&["a", &word])), Err(expected));

    let text = "x".repeat(MAX_TEXT_BYTES);
    assert_eq!(
        code(&of_texts(&vec![text.as_str(); 1_000])),
        "document_too_much_text"
    );

    let mut cells = of_texts(&[]);
    cells.table.rows = vec![vec![None]; limits::MAX_CELLS];
    assert_eq!(code(&cells), "document_too_many_cells");

    let changes = "aя".repeat(6_000);
    assert_eq!(
        code(&of_texts(&vec![changes.as_str(); 100])),
        "document_too_many_runs"
    );

    let lines = "\n".repeat(MAX_TEXT_BYTES - 1) + "x";
    assert_eq!(code(&of_texts(&[lines.as_str(); 12])), "document_too_many_pages");
}

#[test]
fn many_columns_are_set_smaller_and_too_many_refused() {
    let of_columns = |count: usize| {
        let mut document = of_texts(&[]);
        document.table.columns = vec![column("Column", Alignment::Number); count];
        document.table.rows = vec![vec![Some("-1234.5".to_owned()); count]; 3];
        render(&document)
    };
    assert_eq!(of_columns(20).map(|rendered| rendered.pages), Ok(1));
    let refused = of_columns(60).unwrap_err();
    assert_eq!(refused.code(), "document_too_wide");
    assert!(refused.to_string().starts_with("60 columns need "), "{refused}");
}

#[test]
fn fifty_thousand_rows_are_a_document() {
    let mut document = of_texts(&[]);
    let row = vec![Some("12345.67".to_owned()); 6];
    document.table.columns = vec![column("Figure", Alignment::Number); 6];
    document.table.rows = vec![row; 50_000];
    let rendered = render(&document).unwrap();
    assert!(
        (1_000..1_200).contains(&rendered.pages),
        "{} pages",
        rendered.pages
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_gives_a_document_or_a_refusal_and_the_same_one_twice(
        title in any::<String>(),
        cells in proptest::collection::vec(proptest::option::of(any::<String>()), 0..24),
        units in any::<i128>(),
        scale in 0_u8..=18,
    ) {
        let mut document = full();
        document.table.columns[0].heading = title.clone();
        document.title = title;
        document.table.rows = cells.chunks_exact(3).map(<[_]>::to_vec).collect();
        if let (Some(chart), Ok(value)) = (&mut document.chart, Decimal::new(units, scale)) {
            chart.bars.insert(0, Bar { label: "any".to_owned(), value });
        }
        prop_assert_eq!(render(&document), render(&document));
    }
}
