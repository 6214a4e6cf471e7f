//! Writes documents to look at into a folder: `samples FOLDER`.

use std::path::PathBuf;

use millrace_core::Decimal;
use millrace_pdf::{Alignment, Bar, BarChart, Column, Document, Fact, Table, render};

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    for (name, document) in [("mixed", mixed()?), ("wide", wide()), ("narrow", narrow()?)] {
        let rendered = render(&document)?;
        std::fs::write(folder.join(format!("{name}.pdf")), rendered.bytes)?;
    }
    Ok(())
}

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

fn texts(cells: &[&str]) -> Vec<Option<String>> {
    let cell = |cell: &&str| (*cell != "-").then(|| (*cell).to_owned());
    cells.iter().map(cell).collect()
}

/// Scripts, wrapped cells, values below zero, missing glyphs, more bars than are shown.
fn mixed() -> anyhow::Result<Document> {
    let bars = (0..31).map(|bar| {
        let value = ["-120.5", "88", "1204.25", "-3", "540.125", "0"][bar % 6].parse::<Decimal>()?;
        let name = [
            "Őrség",
            "Αθήνα",
            "Нижний Новгород",
            "A label that is far too long for the space beside its bar",
        ][bar % 4];
        anyhow::Ok(Bar {
            label: format!("{name} {bar}"),
            value,
        })
    });
    let note = "A remark of several sentences, which takes more than one line. It has a/path/like/this and an \
                identifier_with_many_parts, and comes to an end.";
    let rows = (0..70).map(|row| match row % 5 {
        0 => texts(&["Łódź", "1234.5", "12", note, "98.75 %"]),
        1 => texts(&["Ελληνικά και ελληνικά", "-0.125", "1,234,567", "short", "-"]),
        2 => texts(&["Русский текст", "7", "-45", "שלום means peace 👋", "100 %"]),
        3 => texts(&["tab\there", "-", "-", "first line\nsecond line", "n/a"]),
        _ => texts(&["Ångström naïve œuvre ﬁn", "99999.99999", "0", "-", "0.5 %"]),
    });
    Ok(Document {
        title: "Dépenses par région: a title that is long enough to take a second line of the first page"
            .to_owned(),
        facts: vec![
            fact("Dataset", "spending_by_region"),
            fact("As of", "2026-11-21 04:00:00 UTC"),
            fact(
                "Filters",
                "year from 2020 to 2024\nregion is one of Łódź, Αθήνα, Нижний Новгород",
            ),
            fact(
                "Source versions",
                "spending.csv, version 7, sha-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ),
        ],
        chart: Some(BarChart {
            caption: "Spending, in millions".to_owned(),
            bars: bars.collect::<anyhow::Result<_>>()?,
        }),
        table: Table {
            columns: vec![
                column("Region", Alignment::Text),
                column("Spending, in millions", Alignment::Number),
                column("Count", Alignment::Number),
                column("Remarks", Alignment::Text),
                column("Share", Alignment::Number),
            ],
            rows: rows.collect(),
        },
        language: "en".to_owned(),
    })
}

/// As many columns as a lying page takes in small type.
fn wide() -> Document {
    let columns = (0..22).map(|one| column(&format!("Measure {one}"), Alignment::Number));
    let row = |row: usize| {
        (0..22)
            .map(|one| Some(format!("{}.{}", row * 37 + one, one % 10)))
            .collect()
    };
    Document {
        title: "Many measures".to_owned(),
        facts: vec![fact("As of", "2026-11-21")],
        chart: None,
        table: Table {
            columns: columns.collect(),
            rows: (0..60).map(row).collect(),
        },
        language: "en".to_owned(),
    }
}

/// Two columns and a few bars.
fn narrow() -> anyhow::Result<Document> {
    let bars = [("2022", "0.061"), ("2023", "0.0475"), ("2024", "0.05")].map(|(label, value)| {
        let value = value.parse()?;
        anyhow::Ok(Bar {
            label: label.to_owned(),
            value,
        })
    });
    Ok(Document {
        title: "Share of pupils who repeat a year".to_owned(),
        facts: vec![fact("As of", "2026-11-21")],
        chart: Some(BarChart {
            caption: "Share".to_owned(),
            bars: bars.into_iter().collect::<anyhow::Result<_>>()?,
        }),
        table: Table {
            columns: vec![
                column("Year", Alignment::Text),
                column("Share", Alignment::Number),
            ],
            rows: vec![
                texts(&["2022", "0.061"]),
                texts(&["2023", "0.0475"]),
                texts(&["2024", "0.05"]),
            ],
        },
        language: "en".to_owned(),
    })
}
