//! Files of every form, with rows of every fault.

use std::fmt::Write as _;

use millrace_core::definition::SpecKind;
use millrace_core::facts::{ContentFormat, Mode};
use millrace_core::ids::FileVersion;
use millrace_tests::{Random, ZipMember, zip};
use serde_json::{Value, json};

use crate::flow::kpis::naive::{Meal, Visit};
use crate::flow::kpis::{MEALS, SCHOOLS, VISITS};
use crate::flow::transformed::{self, MONTHS, Month};

/// A file that counts.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) spec: (SpecKind, &'static str),
    /// Its newest version.
    pub(super) file: FileVersion,
    pub(super) mode: Mode,
    pub(super) content: Content,
    /// Repair files that were sent for it, in their order.
    pub(super) repairs: Vec<Vec<u8>>,
    /// When its newest version was registered.
    pub(super) registered: usize,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) form: Form,
    /// As a provider wrote it.
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Csv,
    Zip,
    Json,
}

impl Form {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Zip => "zip",
            Self::Json => "json",
        }
    }

    pub(super) fn content_format(self) -> ContentFormat {
        match self {
            Self::Csv | Self::Zip => ContentFormat::default(),
            Self::Json => ContentFormat::JsonRows,
        }
    }
}

/// Rows that are rejected, and what they are when mended.
const BROKEN: [(&str, &str); 3] = [
    ("2023-01-02,a,1,many,1,", "2023-01-02,a,1,0.5,1,"),
    (",a,1,2,1,", "2023-01-03,a,1,2,1,"),
    ("2023-02-30,c,1,2,1,", "2023-02-28,c,1,2,1,"),
];
/// Days at the borders of weeks, months and years.
const BORDERS: [&str; 6] = [
    "2022-12-31",
    "2023-01-01",
    "2023-01-31",
    "2023-02-01",
    "2024-02-29",
    "2024-12-30",
];

/// What repairs a repair file: its first row alone, or all.
pub(super) fn mending(is_all: bool) -> &'static [(&'static str, &'static str)] {
    if is_all { &BROKEN } else { &BROKEN[..1] }
}

/// What the next file is of.
pub(super) fn spec(random: &mut Random) -> (SpecKind, &'static str) {
    match random.below(100) {
        0..=64 => VISITS,
        65..=81 => MEALS,
        82..=91 => SCHOOLS,
        _ => MONTHS,
    }
}

/// A new content that no other file has; `number` is its own.
pub(super) fn content(
    random: &mut Random,
    spec: (SpecKind, &str),
    form: Form,
    number: usize,
    is_wide: bool,
) -> Content {
    let text = match spec {
        VISITS => visits(random, number, is_wide),
        MEALS => {
            let meals: Vec<Meal> = (0..random.below(12)).map(|_| Meal::any(random)).collect();
            Meal::csv(&meals) + &format!("{},b,{number}\n", random.one_of(&BORDERS))
        }
        SCHOOLS => schools(random, number, is_wide),
        _ => {
            let months: Vec<Month> = (0..=random.below(3)).map(|_| Month::any(random)).collect();
            // A month without a day counts nowhere.
            transformed::csv(&months) + &format!("s{number},2020-21,1{}\n", ",".repeat(31))
        }
    };
    let bytes = match form {
        Form::Csv => text.into_bytes(),
        Form::Zip => archive(&text),
        Form::Json => rows(&text).into_bytes(),
    };
    Content { form, bytes }
}

fn visits(random: &mut Random, number: usize, is_wide: bool) -> String {
    let some: Vec<Visit> = (0..random.below(25)).map(|_| Visit::any(random)).collect();
    let mut text = Visit::csv(&some);
    for _ in 0..random.below(4) {
        let _ = writeln!(
            text,
            "{},a,,{}.{:02},3,",
            random.one_of(&BORDERS),
            random.below(7),
            random.below(100)
        );
    }
    for (broken, _) in BROKEN {
        if random.happens(200) {
            let _ = writeln!(text, "{broken}");
        }
    }
    let _ = writeln!(text, "2023-03-01,b,{number},0.01,1,");
    if !is_wide {
        return text;
    }
    let mut wide = String::new();
    for (at, line) in text.lines().enumerate() {
        let shift = if at == 0 {
            "shift"
        } else {
            *random.one_of(&["early", "late", ""])
        };
        let _ = writeln!(wide, "{line},{shift}");
    }
    wide
}

fn schools(random: &mut Random, number: usize, is_wide: bool) -> String {
    let mut text = format!("school,cluster{}\n", if is_wide { ",district" } else { "" });
    let district = |random: &mut Random| match is_wide {
        true => format!(",{}", random.one_of(&["hills", "plain", ""])),
        false => String::new(),
    };
    for school in ["a", "b", "c", "d"] {
        if random.happens(650) {
            let cluster = *random.one_of(&["north", "south", ""]);
            let _ = writeln!(text, "{school},{cluster}{}", district(random));
        }
    }
    let _ = writeln!(text, "unused {number},x{}", district(random));
    text
}

/// The same rows in two members.
fn archive(text: &str) -> Vec<u8> {
    let (header, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let member = |rows: &[&str]| format!("{header}\n{}\n", rows.join("\n"));
    let (one, two) = rows.split_at(rows.len() / 2);
    let mut members = vec![ZipMember::deflated("two.csv", member(two).as_bytes())];
    if !one.is_empty() {
        members.push(ZipMember::stored("folder/one.csv", member(one).as_bytes()));
    }
    zip(&members)
}

/// The same rows as an array of objects.
fn rows(text: &str) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = header.iter().zip(&record).filter(|(_, cell)| !cell.is_empty());
        let members = cells.map(|(name, cell)| {
            let is_number = !matches!(name, "day" | "school" | "note" | "shift") && cell != "many";
            let value = if is_number {
                cell.to_owned()
            } else {
                Value::from(cell).to_string()
            };
            format!("{}:{value}", json!(name))
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let rows: Vec<String> = reader.records().map(|record| row(record.unwrap())).collect();
    format!("[{}]", rows.join(",\n"))
}
