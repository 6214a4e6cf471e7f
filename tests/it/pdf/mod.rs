//! Documents read back by other programs: a renderer (`PDFium`) and a structural check (`qpdf`), both from `PyPI`.
#![cfg(test)]

mod reader;

use millrace_core::Decimal;
use millrace_pdf::{Alignment, Bar, BarChart, Column, Document, Fact, Table, render};

use reader::{ReadBack, read_back};

fn column(heading: &str, alignment: Alignment) -> Column {
    Column {
        heading: heading.to_owned(),
        alignment,
    }
}

fn fact(label: &str, value: &str) -> Fact {
    Fact {
        label: label.to_owned(),
        value: value.to_owned(),
    }
}

/// Text cells and numbers, over `rows` rows.
fn document(rows: usize) -> Document {
    let row = |row: usize| {
        vec![
            Some(format!("row {row} née Őrség Ελληνικά Русский")),
            (row % 4 != 1).then(|| format!("-{row}.{:02}", row % 100)),
        ]
    };
    let bars = [("Żółw", "-12.5"), ("Πρώτο", "40"), ("Второй", "7.25")];
    let bars = bars.map(|(label, value)| Bar {
        label: label.to_owned(),
        value: value.parse::<Decimal>().unwrap(),
    });
    Document {
        title: "Figures of every day: été, ő, Ελληνικά, Русский".to_owned(),
        facts: vec![
            fact("As of", "2026-11-21 04:00 UTC"),
            fact("Filters", "year = 2024\nregion = Łódź"),
        ],
        chart: Some(BarChart {
            caption: "Bars, by name".to_owned(),
            bars: bars.into(),
        }),
        table: Table {
            columns: vec![
                column("Name of the thing", Alignment::Text),
                column("Value", Alignment::Number),
            ],
            rows: (0..rows).map(row).collect(),
        },
        language: "en".to_owned(),
    }
}

/// The words of a page, so that blanks and line ends do not matter.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn assert_sound(read: &ReadBack) {
    assert_eq!(read.problems, Vec::<String>::new());
    assert!(
        read.fonts.values().all(|is_embedded| *is_embedded),
        "{:?}",
        read.fonts
    );
    for (page, number) in read.pages.iter().zip(1..) {
        assert!(page.painted > 0.003, "page {number} is empty: {}", page.painted);
        assert!(page.painted < 0.5, "page {number} is full: {}", page.painted);
        assert!(page.png_bytes > 1_000, "page {number}");
        let footer = format!("Page {number} of {}", read.pages.len());
        assert!(page.text.contains(&footer), "{footer} is not on its page");
    }
}

#[test]
fn the_text_read_back_is_what_was_meant() {
    let document = document(150);
    let rendered = render(&document).unwrap();
    let Some(read) = read_back(&rendered.bytes) else {
        return;
    };
    assert_sound(&read);
    assert_eq!(
        (read.language.as_str(), read.title.as_str()),
        ("en", document.title.as_str())
    );
    assert_eq!(read.info, ["/Creator", "/Producer", "/Title"]);
    assert_eq!(read.pages.len(), rendered.pages as usize);
    assert!(rendered.notes.is_empty());

    let mut expected = words(&document.title);
    for fact in &document.facts {
        expected.extend(words(&fact.label));
        expected.extend(words(&fact.value));
    }
    let chart = "Bars, by name -20 0 20 40 Żółw -12.5 Πρώτο 40 Второй 7.25";
    expected.extend(words(chart));
    let first = words(&read.pages[0].text);
    assert_eq!(first[..expected.len()], expected);

    // The rows, in their order, with the headings once a page. A renderer may see no space before a dash.
    let pages: Vec<String> = read
        .pages
        .iter()
        .map(|page| page.text.replace('–', " – "))
        .collect();
    let all: Vec<&str> = pages.iter().flat_map(|page| words(page)).collect();
    let rows = document.table.rows.iter().enumerate().map(|(index, row)| {
        let name = row[0].as_deref().unwrap();
        (
            index,
            [words(name), vec![row[1].as_deref().unwrap_or("–")]].concat(),
        )
    });
    let mut rest = all.as_slice();
    for (index, row) in rows {
        let place = rest.windows(row.len()).position(|words| words == row);
        let place =
            place.unwrap_or_else(|| panic!("row {index} is not behind the one before: {row:?} in {rest:?}"));
        rest = &rest[place + row.len()..];
    }
    let headings = all
        .windows(4)
        .filter(|words| **words == ["Name", "of", "the", "thing"])
        .count();
    assert_eq!(headings, read.pages.len());
}

#[test]
fn what_cannot_be_shown_is_seen_and_said() {
    let mut document = document(1);
    document.table.rows = vec![vec![Some("שלום, world\u{7}".to_owned()), None]];
    let rendered = render(&document).unwrap();
    let Some(read) = read_back(&rendered.bytes) else {
        return;
    };
    assert_sound(&read);
    let text = words(&read.pages[0].text).join(" ");
    assert!(
        text.contains("\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}, world\u{FFFD} –"),
        "{text}"
    );
    let note = "Note: 5 characters have no glyph in the fonts and are shown as \u{FFFD}.";
    assert!(text.contains(note), "{text}");
}

#[test]
fn a_wide_table_lies_and_an_empty_document_is_sound() {
    let mut wide = document(0);
    wide.chart = None;
    wide.table.columns = vec![column("Column with a name", Alignment::Text); 9];
    wide.table.rows =
        vec![vec![Some("some words of text in a cell that is broken into lines".to_owned()); 9]; 40];
    let Some(read) = read_back(&render(&wide).unwrap().bytes) else {
        return;
    };
    assert_sound(&read);
    assert!(read.pages[0].width > read.pages[0].height);

    let empty = Document {
        title: String::new(),
        facts: Vec::new(),
        chart: None,
        table: Table {
            columns: vec![column("", Alignment::Text)],
            rows: Vec::new(),
        },
        language: "en".to_owned(),
    };
    let Some(read) = read_back(&render(&empty).unwrap().bytes) else {
        return;
    };
    assert_eq!(read.problems, Vec::<String>::new());
    assert_eq!(
        words(&read.pages[0].text),
        ["No", "rows.", "Page", "1", "of", "1"]
    );
}
