//! Documents a second, as ratios to `ReportLab` and typst: three pages, a table of 60 rows and 6 columns with a grid, its
//! heading and the title repeated, "page n of 3", other data each time, the same font file, embedded.
//!
//! Each engine runs on one core and makes one document before the clock starts: what it makes once a process (reading
//! the font, starting an interpreter) is not counted. That all have three pages is checked.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use millrace_pdf::{Alignment, Column, Document, Fact, Table, render};
use serde::{Deserialize, Serialize};

use crate::generator::Chance;
use crate::goal::Goal;
use crate::options::Effort;
use crate::report::{Figure, Row};
use crate::screen;

const ROWS: u64 = 60;
const PAGES: u32 = 3;
const HEADINGS: [&str; 6] = ["No.", "School", "District", "Students", "Present", "Remark"];
const KINDS: [&str; 4] = [
    "École primaire",
    "Gemeindeschule",
    "Основная школа",
    "Δημοτικό σχολείο",
];
const REMARKS: [[&str; 2]; 4] = [
    ["Half day for the festival in", "the district, fewer pupils came"],
    [
        "Inspection by the block officer,",
        "the register was found complete",
    ],
    ["Été: visite médicale, la moitié", "des élèves était à l’hôpital"],
    ["The teacher was on leave and a", "substitute came from the town"],
];
/// At least this many times `ReportLab`'s documents a second.
const GOAL: Goal = Goal::AtLeast(4.0);
const PEERS: [Peer; 2] = [
    Peer {
        name: "ReportLab",
        script: "reportlab_documents.py",
    },
    Peer {
        name: "typst",
        script: "typst_documents.py",
    },
];

struct Peer {
    name: &'static str,
    script: &'static str,
}

/// A document's data, as all engines get it.
#[derive(Debug, Clone, Serialize)]
struct Sheet {
    title: String,
    headings: [&'static str; 6],
    rows: Vec<SheetRow>,
}

/// Five texts, and the lines of the last one.
#[derive(Debug, Clone, Serialize)]
struct SheetRow(String, String, String, String, String, [&'static str; 2]);

/// What an engine did.
#[derive(Debug, Clone, Deserialize)]
struct Made {
    version: String,
    seconds: f64,
    pages: u32,
    bytes: u32,
}

/// Where everything is.
pub struct Setting<'a> {
    /// The peers' Python.
    pub python: &'a Path,
    /// The tree.
    pub workspace: &'a Path,
    /// Where documents are left to be looked at: the last one of each engine.
    pub folder: &'a Path,
}

/// Measures all engines; says which versions they were.
///
/// # Errors
/// When an engine fails or makes other than three pages.
pub fn run(setting: &Setting<'_>, effort: &Effort) -> anyhow::Result<(Vec<Row>, String)> {
    let sheets: Vec<Sheet> = (1..=effort.documents as u64).map(sheet).collect();
    let documents: Vec<Document> = sheets.iter().map(document).collect();
    let input = setting.folder.join("documents.json");
    std::fs::write(&input, serde_json::to_vec(&sheets)?)?;
    let (mut ours, mut theirs) = (Vec::new(), PEERS.map(|_| Vec::new()));
    for round in 1..=effort.rounds {
        screen::line(&format!("  · documents, round {round} of {}", effort.rounds));
        ours.push(checked("millrace", make(&documents, setting.folder)?)?);
        for (peer, made) in PEERS.iter().zip(&mut theirs) {
            made.push(checked(peer.name, peer.make(setting, &input)?)?);
        }
    }
    let versions = PEERS.iter().zip(&theirs).filter_map(|(peer, made)| {
        let version = &made.first()?.version;
        Some(format!("{} {version}", peer.name))
    });
    let versions = versions.collect::<Vec<_>>().join(", ");
    Ok((rows(&ours, &theirs, sheets.len()), versions))
}

fn checked(name: &str, made: Made) -> anyhow::Result<Made> {
    ensure!(
        made.pages == PAGES,
        "{name} made {} pages instead of {PAGES}",
        made.pages
    );
    Ok(made)
}

/// Makes all documents with the product's renderer.
fn make(documents: &[Document], folder: &Path) -> anyhow::Result<Made> {
    let first = documents.first().context("no documents")?;
    let mut rendered = render(first)?;
    let begin = Instant::now();
    for document in documents {
        rendered = render(document)?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    ensure!(rendered.notes.is_empty(), "{:?}", rendered.notes);
    std::fs::write(folder.join("millrace.pdf"), &rendered.bytes)?;
    Ok(Made {
        version: String::new(),
        seconds,
        pages: rendered.pages,
        bytes: u32::try_from(rendered.bytes.len())?,
    })
}

impl Peer {
    fn make(&self, setting: &Setting<'_>, input: &Path) -> anyhow::Result<Made> {
        let script = setting.workspace.join("localstack/bench/peers").join(self.script);
        let font: PathBuf = setting.workspace.join("shared/pdf/fonts/NotoSans-Regular.ttf");
        let output = Command::new(setting.python)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .arg(script)
            .arg(input)
            .arg(font)
            .arg(setting.folder.join(format!("{}.pdf", self.name)))
            .stdin(Stdio::null())
            .output()
            .with_context(|| setting.python.display().to_string())?;
        if !output.status.success() {
            bail!(
                "{} failed: {}",
                self.name,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("{}'s answer", self.name))
    }
}

fn sheet(number: u64) -> Sheet {
    let mut chance = Chance::new(number);
    let rows = (1..=ROWS).map(|row| {
        let students = 20 + chance.below(900);
        let present = students - chance.below(students / 2);
        let kind = chance.pick(&KINDS).unwrap_or_default();
        SheetRow(
            row.to_string(),
            format!("{kind} {}", chance.below(10_000)),
            format!("District {}", 1 + chance.below(50)),
            students.to_string(),
            present.to_string(),
            chance.pick(&REMARKS).unwrap_or_default(),
        )
    });
    Sheet {
        title: format!("Attendance, sheet {number}"),
        headings: HEADINGS,
        rows: rows.collect(),
    }
}

fn document(sheet: &Sheet) -> Document {
    let columns = sheet.headings.iter().enumerate().map(|(at, heading)| Column {
        heading: (*heading).to_owned(),
        alignment: if matches!(at, 0 | 3 | 4) {
            Alignment::Number
        } else {
            Alignment::Text
        },
    });
    let rows = sheet.rows.iter().map(|row| {
        let SheetRow(number, school, district, students, present, remark) = row;
        let remark = remark.join(" ");
        [number, school, district, students, present, &remark]
            .map(|cell| Some(cell.clone()))
            .to_vec()
    });
    Document {
        title: sheet.title.clone(),
        facts: vec![Fact {
            label: "as of".to_owned(),
            value: "2026-11-21".to_owned(),
        }],
        chart: None,
        table: Table {
            columns: columns.collect(),
            rows: rows.collect(),
        },
        language: "en".to_owned(),
    }
}

fn rows(ours: &[Made], theirs: &[Vec<Made>; 2], documents: usize) -> Vec<Row> {
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let documents = documents as f64;
    let rates = |all: &[Made]| -> Vec<f64> { all.iter().map(|made| documents / made.seconds).collect() };
    let sizes =
        |all: &[Made]| -> Vec<f64> { all.iter().map(|made| f64::from(made.bytes) / 1024.0).collect() };
    let figure = |subject: &str, name, unit, values| Figure {
        subject: subject.to_owned(),
        name,
        unit,
        values,
        yardstick: None,
        goal: None,
    };
    let mut figures = Vec::new();
    for (peer, made) in PEERS.iter().zip(theirs) {
        figures.push(figure(peer.name, "documents", "/s", rates(made)));
        figures.push(figure(peer.name, "size", "KiB", sizes(made)));
    }
    for (at, (peer, made)) in PEERS.iter().zip(theirs).enumerate() {
        figures.push(Figure {
            yardstick: Some((peer.name, rates(made))),
            goal: (at == 0).then_some(GOAL),
            ..figure("millrace", "documents", "/s", rates(ours))
        });
    }
    figures.push(figure("millrace", "size", "KiB", sizes(ours)));
    figures.iter().filter_map(Figure::row).collect()
}
