//! The example source of the demonstration: three days of school attendance, the same every time.

use std::fmt::Write as _;

use crate::site::{Site, SiteFile};

/// The site's name.
pub const SITE: &str = "example";
const DAYS: [&str; 3] = ["2024-01-22", "2024-01-23", "2024-01-24"];
const SCHOOLS: u64 = 12;
const GRADES: u64 = 8;

/// What all files add up to: pupils marked as there, pupils.
#[must_use]
pub fn totals() -> (u64, u64) {
    let mut totals = (0, 0);
    for (day, _) in DAYS.iter().enumerate() {
        for (_, _, marked, total) in rows(day as u64) {
            totals.0 += marked;
            totals.1 += total;
        }
    }
    totals
}

/// The site with its files.
#[must_use]
pub fn site() -> Site {
    let files = DAYS.iter().enumerate().map(|(at, day)| {
        let mut content = "date,grade,school_id,students_attendance_marked,total_students\n".to_owned();
        for (school, grade, marked, total) in rows(at as u64) {
            let _ = writeln!(content, "{day},{grade},{school},{marked},{total}");
        }
        SiteFile {
            name: format!("attendance-{day}.csv"),
            published: (*day).to_owned(),
            content,
            fault: None,
        }
    });
    Site {
        files: files.collect(),
        ..Site::default()
    }
}

/// School, grade, marked and total of a day's rows.
fn rows(day: u64) -> impl Iterator<Item = (u64, u64, u64, u64)> {
    (1..=SCHOOLS).flat_map(move |school| {
        (1..=GRADES).map(move |grade| {
            let mixed = (day * 31 + school * 17 + grade * 7) % 13;
            let total = 18 + mixed;
            (1_000_000_000 + school, grade, total - mixed / 3, total)
        })
    })
}
