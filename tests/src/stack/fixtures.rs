//! School attendance, made here: specs of their own for a test, and rows from a seed.

use std::fmt::Write as _;

use super::{Api, assert_through, unique};
use crate::{Random, specs};

/// Ten days over two ISO weeks and two months.
const DAYS: [&str; 10] = [
    "2024-01-25",
    "2024-01-26",
    "2024-01-27",
    "2024-01-29",
    "2024-01-30",
    "2024-01-31",
    "2024-02-01",
    "2024-02-02",
    "2024-02-03",
    "2024-02-04",
];

/// The names of a test's own dimension, event and dataset.
#[derive(Debug, Clone)]
pub struct AttendanceSpecs {
    /// Schools, with cluster, block and district.
    pub schools: String,
    /// Pupils of a grade who came to school on a day.
    pub attendance: String,
    /// By school and day: sum, count, minimum and maximum of present and total, and the percentage.
    pub by_school: String,
}

impl AttendanceSpecs {
    /// Creates them.
    pub async fn create(api: &Api, stem: &str) -> Self {
        let names = Self {
            schools: unique(&format!("{stem}_schools")),
            attendance: unique(&format!("{stem}_attendance")),
            by_school: unique(&format!("{stem}_by_school")),
        };
        let place = [
            ("school_id", "string!"),
            ("cluster", "string!"),
            ("block", "string!"),
            ("district", "string!"),
        ];
        api.create_spec(&specs::dimension(&names.schools, &["school_id"], &place))
            .await;
        let fields = [
            ("date", "date!"),
            ("school_id", "string!"),
            ("grade", "integer!"),
            ("present", "integer!"),
            ("total", "integer!"),
        ];
        api.create_spec(&specs::event(&names.attendance, &fields)).await;
        api.create_spec(&names.dataset(&names.by_school, &["date", "school_id"]))
            .await;
        names
    }

    /// A dataset over the event, grouped by some of its fields.
    #[must_use]
    pub fn dataset(&self, name: &str, group_by: &[&str]) -> serde_json::Value {
        specs::dataset(&specs::Dataset {
            name,
            event: &self.attendance,
            group_by,
            functions: &["sum", "count", "min", "max"],
            columns: &["present", "total"],
            percentage: Some(("sum_present", "sum_total")),
            dimension: Some((&self.schools, "school_id")),
        })
    }

    /// Sends an event file; its id.
    pub async fn send(&self, api: &Api, name: &str, rows: &[Row]) -> String {
        api.send_file("event", &self.attendance, name, csv(rows)).await
    }

    /// Sends a version of an event file that takes its place; the version.
    pub async fn replace(&self, api: &Api, file_id: &str, name: &str, rows: &[Row]) -> u64 {
        api.replace_file(file_id, "event", &self.attendance, name, csv(rows))
            .await
    }

    /// Sends the schools, and waits until they are there.
    pub async fn send_schools(&self, api: &Api, count: u32) {
        let file_id = api
            .send_file("dimension", &self.schools, "schools.csv", schools(1, count))
            .await;
        let settled = api.settled(&file_id, std::time::Duration::from_secs(90)).await;
        assert_through(&settled);
    }
}

/// A row of attendance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The day.
    pub date: &'static str,
    /// The school, from 1.
    pub school: u32,
    /// The grade.
    pub grade: u32,
    /// Who came.
    pub present: i64,
    /// All pupils.
    pub total: i64,
}

impl Row {
    /// The school's id.
    #[must_use]
    pub fn school_id(&self) -> String {
        school_id(self.school)
    }
}

fn school_id(school: u32) -> String {
    format!("{}", 1_000_000_000 + school)
}

/// Rows of `count` pupils' groups in eight schools; all numbers from the sequence.
#[must_use]
pub fn random_rows(random: &mut Random, count: usize) -> Vec<Row> {
    let number = |random: &mut Random, end: usize| u32::try_from(random.below(end)).unwrap_or_default();
    let row = |random: &mut Random| {
        let total = i64::from(number(random, 40)) + 1;
        let present = i64::from(number(random, 41)).min(total);
        Row {
            date: DAYS[random.below(DAYS.len())],
            school: number(random, 8) + 1,
            grade: number(random, 8) + 1,
            present,
            total,
        }
    };
    (0..count).map(|_| row(random)).collect()
}

/// Rows as a file.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let mut text = "date,school_id,grade,present,total\n".to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "{},{},{},{},{}",
            row.date,
            row.school_id(),
            row.grade,
            row.present,
            row.total
        );
    }
    text
}

/// Schools `first` to `last` as a file: two schools a cluster, two clusters a block, two blocks a district.
#[must_use]
pub fn schools(first: u32, last: u32) -> String {
    let mut text = "school_id,cluster,block,district\n".to_owned();
    for school in first..=last {
        let place = school - 1;
        let _ = writeln!(
            text,
            "{},cluster {},block {},district {}",
            school_id(school),
            place / 2,
            place / 4,
            place / 8
        );
    }
    text
}
