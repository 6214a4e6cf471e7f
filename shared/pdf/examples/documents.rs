//! Renders many documents and says how many a second: `documents [COUNT] [FILE]`.
//!
//! Each has three pages, a title, facts, a bar chart and a table of 60 rows by 6 columns with its grid, and data of its
//! own. `FILE` receives the last one.

use std::time::{Duration, Instant};

use millrace_core::Decimal;
use millrace_pdf::{Alignment, Bar, BarChart, Column, Document, Fact, Table, render};

const ROWS: u64 = 60;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(Ok(1_000), |count| count.parse::<u64>())?;
    let cold = Instant::now();
    let mut last = render(&document(0))?;
    let cold = cold.elapsed();

    let mut each = Vec::new();
    let start = Instant::now();
    for seed in 1..=count {
        let one = Instant::now();
        last = render(&document(seed))?;
        each.push(one.elapsed());
    }
    let all = start.elapsed();
    report(count, cold, all, each, &last);
    if let Some(path) = arguments.next() {
        std::fs::write(path, &last.bytes)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn report(count: u64, cold: Duration, all: Duration, mut each: Vec<Duration>, last: &millrace_pdf::Rendered) {
    each.sort_unstable();
    let slow = each.get(each.len() * 99 / 100).copied().unwrap_or_default();
    let rate = u128::from(count) * 1_000_000 / all.as_micros().max(1);
    println!("{rate} documents/s, p99 {slow:.1?}, first {cold:.1?}");
    println!("{} pages, {} bytes", last.pages, last.bytes.len());
}

/// A document whose figures depend on the seed.
fn document(seed: u64) -> Document {
    let mut figures = Figures(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let heading = |heading: &str, alignment| Column {
        heading: heading.to_owned(),
        alignment,
    };
    let columns = vec![
        heading("Region", Alignment::Text),
        heading("Period", Alignment::Text),
        heading("Schools", Alignment::Number),
        heading("Pupils", Alignment::Number),
        heading("Attendance %", Alignment::Number),
        heading("Change", Alignment::Number),
    ];
    let rows = (0..ROWS).map(|row| figures.row(row)).collect();
    let bars = (0..25).map(|bar| Bar {
        label: format!("Region {bar:02}"),
        value: figures.decimal(1_000_000, 2),
    });
    let sources = (1..=9).map(|source| format!("source_{source}.csv, version {}\n", seed % 9 + source));
    let fact = |label: &str, value: String| Fact {
        label: label.to_owned(),
        value,
    };
    Document {
        title: format!("Attendance by region, document {seed}"),
        facts: vec![
            fact("Dataset", "attendance_by_region".to_owned()),
            fact("As of", "2026-11-21 04:00:00 UTC".to_owned()),
            fact("Filters", format!("year = {}", 2000 + seed % 27)),
            fact("Source versions", sources.collect()),
        ],
        chart: Some(BarChart {
            caption: "Pupils, by region".to_owned(),
            bars: bars.collect(),
        }),
        table: Table { columns, rows },
        language: "en".to_owned(),
    }
}

struct Figures(u64);

impl Figures {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn decimal(&mut self, below: u64, scale: u8) -> Decimal {
        let units = i128::from(self.next() % below);
        Decimal::new(units, scale).unwrap_or(Decimal::ZERO)
    }

    fn row(&mut self, row: u64) -> Vec<Option<String>> {
        let sign = if self.next().is_multiple_of(2) { "-" } else { "" };
        let change = self.decimal(10_000, 3);
        vec![
            Some(format!("Region {:02}", row % 12)),
            Some(format!("2024-{:02}", row % 12 + 1)),
            Some(self.decimal(900, 0).to_string()),
            Some(self.decimal(1_000_000, 0).to_string()),
            (row % 13 != 5).then(|| self.decimal(10_000, 2).to_string()),
            Some(format!("{sign}{change}")),
        ]
    }
}
