//! All attendance KPIs of the key files against a naive program: each figure from the rows of the files alone.

use std::collections::{BTreeMap, BTreeSet};

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::field::DateFormat;
use millrace_spec::import::Format;
use millrace_tests::sample_data;
use serde_json::json;

use super::created::{Imports, RUN};
use super::{files, order};

/// Cells by column of a file without quotes.
type Rows = Vec<BTreeMap<String, String>>;

fn rows(text: &str) -> Rows {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = header.iter().zip(line.split(','));
        cells
            .map(|(name, cell)| ((*name).to_owned(), cell.to_owned()))
            .collect()
    };
    lines.map(row).collect()
}

/// Numerator and denominator by group.
type Figures = BTreeMap<Vec<String>, (i128, i128)>;

/// 100 × numerator / denominator, rounded half up to six places.
fn percentage((above, below): (i128, i128)) -> String {
    if below == 0 {
        return String::new();
    }
    let units = (200 * above * 1_000_000 + below) / (2 * below);
    let text = format!("{}.{:06}", units / 1_000_000, units % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn lines(figures: &Figures) -> BTreeSet<String> {
    let line = |(group, ratio): (&Vec<String>, &(i128, i128))| {
        let (above, below) = ratio;
        format!("{}|{above}|{below}|{}", group.join("|"), percentage(*ratio))
    };
    figures.iter().map(line).collect()
}

struct Attendance {
    /// Rows of students and of teachers, those of schools of the dimensions.
    events: BTreeMap<&'static str, Rows>,
    /// Keys of the levels, by school.
    master: BTreeMap<String, BTreeMap<String, String>>,
}

impl Attendance {
    fn sums(&self, who: &str, columns: (&str, &str), group: &[&str]) -> Figures {
        let mut figures = Figures::new();
        for row in &self.events[who] {
            let level = &self.master[&row["school_id"]];
            let cell = |name: &&str| row.get(*name).or(level.get(*name)).unwrap().clone();
            let number = |name: &str| row[name].parse::<i128>().unwrap();
            let sums = figures.entry(group.iter().map(cell).collect()).or_default();
            sums.0 += number(columns.0);
            sums.1 += number(columns.1);
        }
        figures
    }

    /// Schools of which at least half is marked, and all schools.
    fn good_schools(&self, who: &str, columns: (&str, &str), level: &str) -> Figures {
        let mut figures = Figures::new();
        for (group, (above, below)) in self.sums(who, columns, &["date", "school_id"]) {
            let [date, school] = group.try_into().unwrap();
            let key = vec![date, self.master[&school][level].clone()];
            let counts = figures.entry(key).or_default();
            counts.0 += i128::from(below > 0 && 2 * above >= below);
            counts.1 += 1;
        }
        figures
    }

    /// A KPI by its name alone.
    fn kpi(&self, name: &str) -> BTreeSet<String> {
        let (who, people, rest) = match name.strip_prefix("SAC_stds_") {
            Some(rest) => ("students", "students", rest),
            None => ("teachers", "teachers", name.strip_prefix("SAC_tchs_").unwrap()),
        };
        let (kind, level) = rest.rsplit_once("_by_").unwrap();
        let level_id = format!("{level}_id");
        let (present, marked, total) = (
            format!("{people}_marked_present"),
            format!("{people}_attendance_marked"),
            format!("total_{people}"),
        );
        let mut group = vec!["date"];
        match level {
            "grade" => group.extend(["school_id", "grade"]),
            _ => group.push(&level_id),
        }
        lines(&match kind {
            "atd_cmp" if level == "school" => self.sums(who, (&marked, &total), &group),
            "atd_cmp" => self.good_schools(who, (&marked, &total), &level_id),
            other => {
                match other {
                    "avg_atd_gender_wise" => group.push("gender"),
                    "avg_atd_cat_wise" => group.push("school_category"),
                    "avg_atd" => {}
                    unknown => panic!("{unknown}"),
                }
                self.sums(who, (&present, &marked), &group)
            }
        })
    }
}

/// The first row of each school: the file repeats them by grade.
fn first_of_each_school(text: &str) -> String {
    let mut seen = BTreeSet::new();
    let is_new = |line: &&str| seen.insert(line.split(',').nth(1).unwrap().to_owned());
    text.lines()
        .filter(is_new)
        .map(|line| format!("{line}\n"))
        .collect()
}

async fn assert_all(imports: &Imports, attendance: &Attendance, when: &str) {
    let names = "select string_agg(name, ',' order by name) from spec.spec where kind = 'dataset'";
    let names = imports.database.value(names).await.unwrap();
    let names: Vec<&str> = names.split(',').collect();
    assert_eq!(names.len(), 32);
    for name in names {
        let text = format!("select * from ingestion.\"{name}\"");
        let found: BTreeSet<String> = imports
            .database
            .query(&text)
            .await
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .map(Option::unwrap_or_default)
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect();
        assert_eq!(found, attendance.kpi(name), "{name} {when}");
        assert!(!found.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn all_thirty_two_are_those_of_a_naive_program() {
    let keys = files("cqube/lld-sac/keys", &["_keys.csv", "_mapping.csv"]);
    let (Some(keys), Some(folder), Some(imports)) = (keys, sample_data("cqube/lld-sac"), Imports::new())
    else {
        return;
    };
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name))
            .unwrap()
            .replace('\r', "")
    };
    let mut order = order(Format::Keys, keys);
    order.program = Some("SAC".to_owned());
    order.dates.insert("date".to_owned(), DateFormat::YearMonthDay);
    order.csv = Some(json!({"unknown_columns": "ignore"}));
    imports.run(&order, RUN).await;
    let master = read("dimension_master_first.csv");
    let schools = first_of_each_school(&read("dimension_school.csv"));
    for (name, text) in [("dimension_master", &master), ("dimension_school", &schools)] {
        imports
            .road
            .load((SpecKind::Dimension, name), "d.csv", Mode::New, text)
            .await;
    }
    let by_school = |row: BTreeMap<String, String>| (row["school_id"].clone(), row);
    let mut attendance = Attendance {
        events: BTreeMap::new(),
        master: rows(&master).into_iter().map(by_school).collect(),
    };
    for (who, mode) in [
        ("students", Mode::New),
        ("teachers", Mode::New),
        ("students", Mode::Replace),
    ] {
        let (event, mut text) = (
            format!("event_{who}_attendance"),
            read(&format!("event_{who}_attendance.csv")),
        );
        if mode == Mode::Replace {
            text = text.lines().take(701).map(|line| format!("{line}\n")).collect();
        }
        let record = imports
            .road
            .load((SpecKind::Event, &event), "e.csv", mode, &text)
            .await;
        assert_eq!(record.stored_status, "Ready_to_archive");
        attendance.events.insert(who, rows(&text));
        if attendance.events.len() == 2 {
            assert_all(&imports, &attendance, &format!("{mode:?}")).await;
        }
    }
}
