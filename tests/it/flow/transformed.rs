//! Wide months made into days by a transformer: figures, replacing, and lines behind a figure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use millrace_app::explain::{Asked, explain_files, explain_lines};
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::Grouping;
use millrace_tests::{Database, Random, Road, sample_data, specs};
use serde_json::{Value, json};

pub(crate) const MONTHS: (SpecKind, &str) = (SpecKind::Event, "months");
const DAYS: usize = 31;

/// A pupil's month: 1 is present, 2 absent.
pub(crate) struct Month {
    school: usize,
    month: usize,
    days: [Option<usize>; DAYS],
}

impl Month {
    pub(crate) fn any(random: &mut Random) -> Self {
        let month = 1 + random.below(3);
        let last = [31, 28, 31][month - 1];
        let mut days = [None; DAYS];
        for day in days.iter_mut().take(last) {
            *day = random.happens(800).then(|| 1 + random.below(2));
        }
        Self {
            school: random.below(4),
            month,
            days,
        }
    }

    fn line(&self) -> String {
        let mut line = format!("s{},2020-21,{}", self.school, self.month);
        for day in self.days {
            line.push(',');
            day.inspect(|day| write!(line, "{day}").unwrap());
        }
        line + "\n"
    }
}

pub(crate) fn csv(months: &[Month]) -> String {
    let days: String = (1..=DAYS).map(|day| format!(",{day}")).collect();
    let lines: String = months.iter().map(Month::line).collect();
    format!("school,academic_year,month{days}\n{lines}")
}

pub(crate) fn bodies() -> [Value; 3] {
    let mut event = specs::event(
        MONTHS.1,
        &[
            ("school", "string!"),
            ("academic_year", "string!"),
            ("month", "integer!"),
        ],
    );
    let properties = &mut event["input"]["properties"]["event"]["items"]["properties"];
    let mut columns = json!({});
    for day in 1..=DAYS {
        let (name, label) = (format!("day_{day}"), day.to_string());
        properties[&name] = json!({"type": "integer", "header": label});
        columns[&name] = json!(label);
    }
    let column = |name: &str| json!({"column": name});
    let transformer = json!({"ingestion_type": "transformer", "transformer_name": "days", "event_name": MONTHS.1,
        "steps": [
            {"unpivot": {"columns": columns, "label": "day", "label_type": "integer", "value": "status"}},
            {"derive": {"column": "year", "type": "integer", "cases": {"of": "academic_year",
                "when": {"2020-21": "2021"}}}},
            {"derive": {"column": "date", "date": {"year": column("year"), "month": column("month"),
                "day": column("day")}}},
            {"derive": {"column": "present", "type": "integer", "cases": {"of": "status",
                "when": {"1": "1", "2": "0"}}}},
            {"derive": {"column": "counted", "type": "integer", "sum": [{"value": "1"}]}},
            {"filter": [{"column": "school", "operator": "!=", "value": "s3"}]}]});
    let mut dataset = specs::dataset(&specs::Dataset {
        name: "present_by_day",
        event: MONTHS.1,
        group_by: &["date", "school"],
        functions: &["sum"],
        columns: &["present", "counted"],
        percentage: Some(("sum_present", "sum_counted")),
        dimension: None,
    });
    dataset["transformer_name"] = json!("days");
    [event, transformer, dataset]
}

/// By day and school: present and counted.
fn naive<'a>(months: impl Iterator<Item = &'a Month>) -> Vec<String> {
    let mut cells: BTreeMap<(String, usize), (usize, usize)> = BTreeMap::new();
    for month in months.filter(|month| month.school != 3) {
        for (at, day) in month.days.iter().enumerate() {
            let Some(status) = day else { continue };
            let date = format!("2021-{:02}-{:02}", month.month, at + 1);
            let (present, counted) = cells.entry((date, month.school)).or_default();
            *present += usize::from(*status == 1);
            *counted += 1;
        }
    }
    let line = |((date, school), (present, counted)): ((String, usize), (usize, usize))| {
        format!("{date} s{school} {present} {counted}")
    };
    cells.into_iter().map(line).collect()
}

async fn road() -> Option<(Database, Road)> {
    let database = Database::new()?;
    for body in bodies() {
        specs::create(&database.owner_store(), &body).await;
    }
    let road = Road::new(database.app());
    Some((database, road))
}

async fn shown(database: &Database) -> Vec<String> {
    let text = "select concat_ws(' ', date, school, sum_present, sum_counted) from ingestion.present_by_day \
                order by date, school";
    database
        .query(text)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

#[tokio::test]
async fn wide_months_become_days_and_are_replaced_exactly() {
    let Some((database, road)) = road().await else {
        return;
    };
    let seed = Random::seed(31);
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut files: BTreeMap<&str, Vec<Month>> = BTreeMap::new();
    for (name, mode) in [
        ("a.csv", Mode::New),
        ("b.csv", Mode::New),
        ("a.csv", Mode::Replace),
    ] {
        let months: Vec<Month> = (0..300).map(|_| Month::any(&mut random)).collect();
        let record = road.load(MONTHS, name, mode, &csv(&months)).await;
        assert_eq!(
            (record.facts.error, record.stored_status.as_str()),
            (None, "Ready_to_archive")
        );
        files.insert(name, months);
        assert_eq!(shown(&database).await, naive(files.values().flatten()));
    }
}

#[tokio::test]
async fn a_day_that_is_none_refuses_the_file_and_nothing_of_it_counts() {
    let Some((database, road)) = road().await else {
        return;
    };
    let mut months: Vec<Month> = (0..5).map(|_| Month::any(&mut Random::new(1))).collect();
    months[3].month = 2;
    months[3].school = 1;
    months[3].days = [None; DAYS];
    months[3].days[29] = Some(1);
    let record = road.load(MONTHS, "a.csv", Mode::New, &csv(&months)).await;
    let error = record.facts.error.unwrap();
    assert_eq!((error.line, error.column.as_deref()), (Some(5), Some("date")));
    assert!(
        error.message.contains("2021, 2, 30 is no date"),
        "{}",
        error.message
    );
    assert_eq!(record.stored_status, "Error");
    assert_eq!(shown(&database).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_line_that_made_several_rows_is_told_once_for_each() {
    let Some((database, road)) = road().await else {
        return;
    };
    let mut random = Random::new(5);
    let months: Vec<Month> = (0..40).map(|_| Month::any(&mut random)).collect();
    let file = road.send(MONTHS, "a.csv", Mode::New, csv(&months)).await;
    road.settle().await;
    let store = database.store();
    let (table, _) = store.dataset_table("present_by_day").await.unwrap().unwrap();
    let query = KpiQuery {
        grouping: Grouping::default(),
        ..KpiQuery::default()
    };
    let asked = Asked {
        cells: &table,
        dimension: None,
        query: &query,
    };
    let shares = explain_files(&store, &road.collections, asked, None)
        .await
        .unwrap();
    let (mut lines, mut cursor): (Vec<u64>, Option<String>) = (Vec::new(), None);
    loop {
        let page = explain_lines(
            &store,
            &road.collections,
            asked,
            file.file_id,
            cursor.as_deref(),
            7,
        )
        .await;
        let page = page.unwrap();
        lines.extend(page.lines.iter().map(|line| line.line));
        match page.next {
            None => break,
            next => cursor = next,
        }
    }
    let mut expected = Vec::new();
    for (at, month) in months.iter().enumerate().filter(|(_, month)| month.school != 3) {
        expected.extend(vec![at as u64 + 2; month.days.iter().flatten().count()]);
    }
    assert_eq!(lines, expected);
    assert_eq!(shares.files[0].rows, expected.len() as u64);
}

/// 120,000 months of 31 columns in a zip, `|` between cells, `NULL` for none; a 5 is neither present nor absent. The totals
/// were counted by another program.
#[tokio::test]
async fn a_zip_of_wide_months_has_the_totals_that_were_counted() {
    let (Some(folder), Some(database)) = (sample_data("cqube/mock-v4"), Database::new()) else {
        return;
    };
    let [mut event, mut transformer, dataset] = bodies();
    event["csv"] = json!({"delimiter": "|", "null_values": ["NULL"], "unknown_columns": "ignore"});
    let properties = &mut event["input"]["properties"]["event"]["items"]["properties"];
    for (field, header) in [
        ("school", "SchoolId"),
        ("academic_year", "AcademicYear"),
        ("month", "Month"),
    ] {
        properties[field]["header"] = json!(header);
    }
    transformer["steps"][1]["derive"]["cases"]["when"] = json!({"2020-21": "2020"});
    transformer["steps"][5]["filter"] = json!([{"column": "status", "operator": "!=", "value": "5"}]);
    for body in [event, transformer, dataset] {
        specs::create(&database.owner_store(), &body).await;
    }
    let road = Road::new(database.app());
    let zip = std::fs::read(folder.join("student_attendance.zip")).unwrap();
    let file = road.send(MONTHS, "student_attendance.zip", Mode::New, zip).await;
    road.settle().await;
    let record = road.record(file).await;
    assert_eq!((record.facts.error, record.facts.counts.kept), (None, 120_000));
    let totals = "select concat_ws(' ', sum(sum_present), sum(sum_counted), count(distinct date), count(distinct school)) \
                  from ingestion.present_by_day";
    assert_eq!(
        database.value(totals).await.as_deref(),
        Some("2692652 3079047 31 4800")
    );
    let day = "select concat_ws(' ', sum(sum_present), sum(sum_counted)) from ingestion.present_by_day \
               where date = '2020-07-01'";
    assert_eq!(database.value(day).await.as_deref(), Some("104891 120000"));
    let school = "select concat_ws(' ', sum(sum_present), sum(sum_counted)) from ingestion.present_by_day \
                  where school = '75010101001'";
    assert_eq!(database.value(school).await.as_deref(), Some("628 647"));
}
