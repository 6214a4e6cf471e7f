//! Events of school attendance, the same bytes for the same count on every machine, with a manifest that says exactly
//! what is in them.
//!
//! Eight columns; 45 % of the remarks are blank, the others hold commas, quotes, six scripts, and in two of a thousand
//! records a line break. A spoilt file is the clean one with about one record in a hundred, or in five, broken in nine
//! ways.

use std::io::{self, Write};
use std::ops::Range;

/// The header line, without its end.
pub const HEADER: &str = "date,school_id,grade,students_total,students_present,teacher_id,lat,remarks";
const COLUMNS: [&str; 8] = [
    "date",
    "school_id",
    "grade",
    "students_total",
    "students_present",
    "teacher_id",
    "lat",
    "remarks",
];
/// So many that half a million records are some 250 groups by day and grade, and 42,000 by day and school.
const SCHOOLS: u64 = 2_000;
const GRADES: u64 = 12;
/// Records of a day: every grade of every school, in an order that jumps by [`STEP`] (prime to it).
const DAY: u64 = SCHOOLS * GRADES;
const STEP: u64 = 7_919;
const REMARKS: [&str; 13] = [
    "regular day",
    "half day, festival",
    "परीक्षा का दिन",
    "वर्षा के कारण कम उपस्थिति",
    "inspection by block officer",
    "mid-day meal: \"khichdi\"",
    "ಶಾಲಾ ದಿನಾಚರಣೆ",
    "teacher on leave, substitute came",
    "été – visite médicale",
    "sports 🏏 day",
    "O'Brien's visit",
    "water supply; fixed",
    "கூட்டம்",
];
const BROKEN_REMARK: &str = "line one\nline two";

/// What is wrong with a spoilt record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A cell that is not of its column's type.
    WrongType,
    /// Cells are missing at the end.
    MissingCells,
    /// A date that does not exist, or is written otherwise.
    BadDate,
    /// A text longer than its column takes.
    TooLong,
    /// Bytes that are no UTF-8.
    InvalidUtf8,
    /// A zero byte.
    NulByte,
    /// A cell too many.
    SurplusCell,
    /// A required cell is blank.
    BlankRequired,
    /// A number beyond 64 bits.
    Overflow,
}

const DEFECTS: [Defect; 9] = [
    Defect::WrongType,
    Defect::MissingCells,
    Defect::BadDate,
    Defect::TooLong,
    Defect::InvalidUtf8,
    Defect::NulByte,
    Defect::SurplusCell,
    Defect::BlankRequired,
    Defect::Overflow,
];

/// A spoilt record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoilt {
    /// Its number, from 1.
    pub record: u64,
    /// The physical line on which it starts; the header's is 1.
    pub line: u64,
    /// The column, where one cell is to blame.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub defect: Defect,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Bytes, header included.
    pub bytes: u64,
    /// Records, good and spoilt.
    pub records: u64,
    /// Physical lines.
    pub lines: u64,
    /// Good records.
    pub valid: u64,
    /// Sum of `students_total` over good records.
    pub total: u64,
    /// Sum of `students_present` over good records.
    pub present: u64,
    /// The spoilt records, in order.
    pub spoilt: Vec<Spoilt>,
}

/// `SplitMix64` (Steele, Lea, Flood 2014): short, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(choices.len() as u64)).ok()?;
        choices.get(at).copied()
    }
}

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// Every record is valid.
    Clean,
    /// The clean file with about one record in a hundred spoilt.
    OnePercentSpoilt,
    /// The clean file with about one record in five spoilt.
    TwentyPercentSpoilt,
}

impl Quality {
    /// How many of a hundred records are spoilt, about.
    fn spoilt_percent(self) -> u64 {
        match self {
            Self::Clean => 0,
            Self::OnePercentSpoilt => 1,
            Self::TwentyPercentSpoilt => 20,
        }
    }
}

/// Writes a file of some of the records, counted from 0.
///
/// # Errors
/// Of the writer.
pub fn generate(records: Range<u64>, quality: Quality, out: &mut dyn Write) -> io::Result<Manifest> {
    // The defects have their own sequence, so that the good records of both files are the same.
    let (mut chance, mut spoiling) = (Chance::new(7), Chance::new(8));
    let mut manifest = Manifest::default();
    let mut line = 1;
    let mut put = |bytes: &[u8], manifest: &mut Manifest| {
        manifest.bytes += bytes.len() as u64;
        out.write_all(bytes)
    };
    put(format!("{HEADER}\n").as_bytes(), &mut manifest)?;
    for number in records {
        line += 1;
        manifest.records += 1;
        let record = Record::new(number, &mut chance);
        let is_spoilt = spoiling.below(100) < quality.spoilt_percent();
        let mut bytes = if is_spoilt {
            let defect = DEFECTS[manifest.spoilt.len() % DEFECTS.len()];
            let (bytes, column) = spoil(record.cells, defect, &mut spoiling);
            manifest.spoilt.push(Spoilt {
                record: manifest.records,
                line,
                column,
                defect,
            });
            bytes
        } else {
            manifest.valid += 1;
            manifest.total += record.total;
            manifest.present += record.present.unwrap_or(0);
            joined(&record.cells)
        };
        line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes.push(b'\n');
        put(&bytes, &mut manifest)?;
    }
    manifest.lines = line;
    Ok(manifest)
}

struct Record {
    cells: Vec<String>,
    total: u64,
    present: Option<u64>,
}

impl Record {
    fn new(number: u64, chance: &mut Chance) -> Self {
        let (day, place) = (number / DAY, number % DAY * STEP % DAY);
        let total = 5 + chance.below(76);
        let absent = total * chance.below(1000) * chance.below(1000) / 2_000_000;
        let present = (chance.below(50) > 0).then(|| total - absent);
        let remark = match chance.below(1000) {
            0..450 => "",
            450..998 => chance.pick(&REMARKS).unwrap_or_default(),
            _ => BROKEN_REMARK,
        };
        let teacher = (chance.below(20) > 0).then(|| format!("T-{:06}", chance.below(60_000)));
        let latitude = (chance.below(10) > 0).then(|| {
            let micro_degrees = 8_000_000 + chance.below(28_000_000);
            format!("{}.{:06}", micro_degrees / 1_000_000, micro_degrees % 1_000_000)
        });
        let cells = vec![
            format!("2026-{:02}-{:02}", 1 + day / 28 % 12, 1 + day % 28),
            (100_001 + place / GRADES).to_string(),
            (1 + place % GRADES).to_string(),
            total.to_string(),
            present.map(|present| present.to_string()).unwrap_or_default(),
            teacher.unwrap_or_default(),
            latitude.unwrap_or_default(),
            remark.to_owned(),
        ];
        Self {
            cells,
            total,
            present,
        }
    }
}

fn joined(cells: &[String]) -> Vec<u8> {
    let quoted: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    quoted.join(",").into_bytes()
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// The record with one defect, and the column that is to blame.
fn spoil(mut cells: Vec<String>, defect: Defect, chance: &mut Chance) -> (Vec<u8>, Option<&'static str>) {
    let wrong = [(3, "abc"), (2, "VII"), (6, "12°34'N"), (1, "12.5"), (4, "1e")];
    let dates = ["2026-02-30", "31/12/2026", "2026-13-01", "yesterday", "20260101T"];
    let change = match defect {
        Defect::WrongType => chance.pick(&wrong).map(|(at, text)| (at, text.to_owned())),
        Defect::BadDate => chance.pick(&dates).map(|text| (0, text.to_owned())),
        Defect::TooLong => Some((7, "x".repeat(5_000))),
        Defect::BlankRequired => chance.pick(&[0, 1, 3]).map(|at| (at, String::new())),
        Defect::Overflow => Some((3, "99999999999999999999".to_owned())),
        Defect::InvalidUtf8 | Defect::NulByte => Some((7, "bad@byte".to_owned())),
        Defect::MissingCells => {
            cells.truncate(6);
            None
        }
        Defect::SurplusCell => {
            cells.push("surplus".to_owned());
            None
        }
    };
    let column = change.as_ref().map(|(at, _)| COLUMNS[*at]);
    if let Some((at, text)) = change {
        cells[at] = text;
    }
    let mut bytes = joined(&cells);
    let replacement = match defect {
        Defect::InvalidUtf8 => Some(0xff),
        Defect::NulByte => Some(0),
        _ => None,
    };
    if let (Some(byte), Some(at)) = (replacement, bytes.iter().rposition(|byte| *byte == b'@')) {
        bytes[at] = byte;
    }
    (bytes, column)
}

#[cfg(test)]
mod tests;
