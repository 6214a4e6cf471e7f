//! Known answers on the real sample data, where it is there.

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_store::files::FileRecord;
use millrace_tests::{Database, Road, sample_data, specs};

struct Samples {
    database: Database,
    road: Road,
}

impl Samples {
    async fn new() -> Option<Self> {
        sample_data("cqube/lld-sac")?;
        let database = Database::new()?;
        specs::create_attendance(&database.owner_store()).await;
        Some(Self {
            road: Road::new(database.app()),
            database,
        })
    }

    async fn load(&self, spec: (SpecKind, &str), name: &str) -> FileRecord {
        let path = sample_data(&format!("cqube/lld-sac/{name}")).unwrap();
        let file = self
            .road
            .send(spec, name, Mode::New, std::fs::read(path).unwrap())
            .await;
        self.road.settle().await;
        self.road.record(file).await
    }

    async fn line(&self, query: &str) -> String {
        self.database.value(query).await.unwrap_or_default()
    }
}

#[tokio::test]
async fn a_school_on_a_day_is_eighty_per_cent() {
    let Some(samples) = Samples::new().await else {
        return;
    };
    let schools = samples.load(specs::SCHOOLS, "dimension_master_first.csv").await;
    assert_eq!(
        (schools.facts.error, schools.stored_status.as_str()),
        (None, "Ready_to_archive")
    );
    let students = samples
        .load(specs::ATTENDANCE, "event_students_attendance.csv")
        .await;
    let counts = students.facts.counts;
    assert_eq!((counts.rows, counts.kept), (1_200, 1_200));
    let query = "select concat_ws(' ', sum_students_attendance_marked, sum_total_students, percentage) \
                 from ingestion.\"SAC_stds_atd_cmp_by_school\" where date = '2023-01-08' and school_id = '1000000001'";
    assert_eq!(samples.line(query).await, "828 1035 80");
    let totals = "select concat_ws(' ', sum(sum_students_attendance_marked), sum(sum_total_students)) \
                  from ingestion.\"SAC_stds_atd_cmp_by_school\"";
    assert_eq!(samples.line(totals).await, "41477 51069");
}

#[tokio::test]
async fn dimensions_that_repeat_keys_are_refused_with_the_count() {
    let Some(samples) = Samples::new().await else {
        return;
    };
    let master = samples.load(specs::SCHOOLS, "dimension_master.csv").await;
    let error = master.facts.error.unwrap();
    println!("{error:?}");
    assert_eq!(error.rule.code(), "repeated_key");
    assert_eq!(error.rows, Some(repeated("dimension_master.csv", "school_id")));
    assert_eq!(master.stored_status, "Error");
    let body = specs::dimension(
        "dimension_school",
        &["school_id"],
        &[
            ("grade", "integer"),
            ("school_id", "string!"),
            ("school_name", "string"),
            ("school_type", "string"),
            ("school_category", "string"),
            ("latitude", "number"),
            ("longitude", "number"),
        ],
    );
    specs::create(&samples.database.owner_store(), &body).await;
    let schools = samples
        .load((SpecKind::Dimension, "dimension_school"), "dimension_school.csv")
        .await;
    let error = schools.facts.error.unwrap();
    assert_eq!(error.rule.code(), "repeated_key");
    assert_eq!(error.rows, Some(repeated("dimension_school.csv", "school_id")));
    assert_eq!(
        samples
            .line("select count(*) from ingestion.dimension_school")
            .await,
        "0"
    );
}

/// Rows of a file that share their key with another, counted from its text.
fn repeated(name: &str, column: &str) -> u64 {
    let path = sample_data(&format!("cqube/lld-sac/{name}")).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let at = lines
        .next()
        .unwrap()
        .split(',')
        .position(|name| name == column)
        .unwrap();
    let keys: Vec<&str> = lines.map(|line| line.split(',').nth(at).unwrap()).collect();
    let shared = keys
        .iter()
        .filter(|key| keys.iter().filter(|other| other == key).count() > 1);
    shared.count() as u64
}

#[tokio::test]
async fn every_row_of_a_file_without_a_key_counts() {
    let Some(mut samples) = Samples::new().await else {
        return;
    };
    let event = specs::event(
        "event_teachers_attendance",
        &[
            ("date", "date!"),
            ("school_id", "string!"),
            ("grade", "integer"),
            ("teachers_marked_present", "integer"),
            ("teachers_attendance_marked", "integer"),
            ("total_teachers", "integer"),
        ],
    );
    let dataset = specs::dataset(&specs::Dataset {
        name: "teachers_by_school",
        event: "event_teachers_attendance",
        group_by: &["date", "school_id"],
        functions: &["sum", "count", "min", "max"],
        columns: &[
            "teachers_attendance_marked",
            "teachers_marked_present",
            "total_teachers",
        ],
        ..specs::Dataset::default()
    });
    for body in [event, dataset] {
        specs::create(&samples.database.owner_store(), &body).await;
    }
    samples.road.chunk_bytes = 512 * 1024;
    let spec = (SpecKind::Event, "event_teachers_attendance");
    let record = samples.load(spec, "teachers_attendance_large.csv").await;
    assert_eq!(
        (record.facts.counts.rows, record.facts.counts.kept),
        (93_283, 93_283)
    );
    assert!(record.chunks_expected > Some(1));
    let totals = "select concat_ws(' ', sum(sum_teachers_attendance_marked), sum(sum_teachers_marked_present), \
                  sum(sum_total_teachers), sum(count_total_teachers)) from ingestion.teachers_by_school";
    assert_eq!(samples.line(totals).await, "3219498 1820441 3963954 93283");
}
