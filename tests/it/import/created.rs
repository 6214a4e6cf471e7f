//! What is imported is there: the specs of a program, created in a real database, and the figures of its files.

use std::sync::atomic::{AtomicU64, Ordering};

use millrace_app::create::SpecPorts;
use millrace_app::import::{ImportReport, ImportRun, Outcome, import_specs};
use millrace_app::ports::Surroundings;
use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::field::DateFormat;
use millrace_spec::import::{Format, Order, SourceFile};
use millrace_tests::{Counter, Database, MemoryQueues, Road, sample_data};
use serde_json::json;

use super::{files, order};

pub(super) struct Imports {
    pub(super) database: Database,
    pub(super) road: Road,
    queues: MemoryQueues,
}

impl Imports {
    pub(super) fn new() -> Option<Self> {
        let database = Database::new()?;
        Some(Self {
            road: Road::new(database.app()),
            queues: MemoryQueues::default(),
            database,
        })
    }

    pub(super) async fn run(&self, order: &Order, run: ImportRun<'_>) -> ImportReport {
        self.run_at(&Counter::new(1_700_000_000_000), order, run).await
    }

    async fn run_at(&self, clock: &dyn Surroundings, order: &Order, run: ImportRun<'_>) -> ImportReport {
        let (store, owner_store) = (self.database.store(), self.database.owner_store());
        let ports = SpecPorts {
            store: &store,
            owner_store: &owner_store,
            sender: &self.queues,
            reminder_delay_seconds: 60,
        };
        import_specs(ports, clock, order, run).await.unwrap()
    }

    /// Imports everything, call after call; how many had this outcome.
    async fn all(&self, order: &Order, validate_only: bool, outcome: Outcome) -> usize {
        let mut run = ImportRun { validate_only, ..RUN };
        let mut count = 0;
        loop {
            let report = self.run(order, run).await;
            for spec in &report.specs {
                assert_eq!(spec.outcome, outcome, "{}: {:?}", spec.name, spec.findings);
            }
            count += report.specs.len();
            match report.next {
                Some(next) => run.from = next,
                None => return count,
            }
        }
    }

    async fn load(&self, kind: SpecKind, name: &str, path: &str) {
        let file_name = path.rsplit('/').next().unwrap();
        let text = std::fs::read_to_string(sample_data(path).unwrap()).unwrap();
        let record = self.road.load((kind, name), file_name, Mode::New, &text).await;
        assert_eq!(record.facts.error, None, "{path}");
    }
}

pub(super) const RUN: ImportRun<'static> = ImportRun {
    client_id: "tests",
    validate_only: false,
    all_or_nothing: false,
    from: 0,
};

/// The grammars of some programs, with all dimensions.
fn programs(folders: &[&str]) -> Option<Vec<SourceFile>> {
    let all = files("cqube/grammar", &[".grammar.csv", "config.json"])?;
    let is_wanted = |file: &SourceFile| {
        let program = file
            .name
            .strip_prefix("programs/")
            .map(|rest| rest.split('/').next().unwrap_or_default());
        program.is_none_or(|program| folders.contains(&program))
    };
    Some(all.into_iter().filter(is_wanted).collect())
}

/// cQube itself says 83 and 41.5, since it cuts decimals off.
#[tokio::test]
async fn the_figures_of_a_program_are_exact() {
    let (Some(files), Some(imports)) = (programs(&["nishtha"]), Imports::new()) else {
        return;
    };
    let order = order(Format::Grammar, files);
    let total = imports.all(&order, true, Outcome::Creatable).await;
    assert_eq!(imports.all(&order, false, Outcome::Created).await, total);
    assert_eq!(imports.all(&order, false, Outcome::Identical).await, total);
    let specs = "select count(*) from spec.spec";
    assert_eq!(imports.database.value(specs).await, Some(total.to_string()));

    let dimension = "cqube/grammar/dimensions/programnishtha-dimension.data.csv";
    imports
        .load(
            SpecKind::Dimension,
            "dimension_programnishtha_by_program_name",
            dimension,
        )
        .await;
    let event = "cqube/grammar/programs/nishtha/consumptionperccertification-event.data.csv";
    imports
        .load(
            SpecKind::Event,
            "event_nishtha_consumptionperccertification",
            event,
        )
        .await;
    let figures = "select concat_ws(' ', count_perc_certification, sum_perc_certification, avg_perc_certification) \
        from ingestion.nishtha_consumptionperccertification_by_programnishtha where program_name = 'NISHTHA 1.0'";
    assert_eq!(
        imports.database.value(figures).await.as_deref(),
        Some("2 83.45 41.725")
    );
}

/// Days, whose format no grammar says, and a join on a column that is no PK; totals as the samples' README has them.
#[tokio::test]
async fn days_and_dimensions_of_attendance_add_up() {
    let (Some(files), Some(imports)) = (programs(&["school-attendance"]), Imports::new()) else {
        return;
    };
    let order = order(Format::Grammar, files);
    imports.all(&order, false, Outcome::Created).await;
    let dimensions = "cqube/grammar/dimensions";
    imports
        .load(
            SpecKind::Dimension,
            "dimension_gender_by_gender",
            &format!("{dimensions}/gender-dimension.data.csv"),
        )
        .await;
    let event = "cqube/grammar/programs/school-attendance/studentspresent-event.data.csv";
    imports
        .load(SpecKind::Event, "event_sch_att_studentspresent", event)
        .await;
    let by_gender =
        "select sum(sum_students_marked_present) from ingestion.sch_att_studentspresent_by_gender";
    assert_eq!(imports.database.value(by_gender).await.as_deref(), Some("23485"));
    let days = "select concat_ws(' ', min(date), max(date), count(distinct date)) \
        from ingestion.sch_att_studentspresent_by_gender";
    assert_eq!(
        imports.database.value(days).await.as_deref(),
        Some("2023-02-10 2023-02-28 5")
    );
}

#[tokio::test]
async fn key_files_make_the_kpis_of_attendance() {
    let keys = files("cqube/lld-sac/keys", &["_keys.csv", "_mapping.csv"]);
    let (Some(keys), Some(imports)) = (keys, Imports::new()) else {
        return;
    };
    let mut order = order(Format::Keys, keys);
    order.program = Some("SAC".to_owned());
    order.dates.insert("date".to_owned(), DateFormat::YearMonthDay);
    // The master's file has coordinates too, which no key file names.
    order.csv = Some(json!({"unknown_columns": "ignore"}));
    let report = imports.run(&order, RUN).await;
    let created = report
        .specs
        .iter()
        .filter(|spec| spec.outcome == Outcome::Created)
        .count();
    // Six dimensions, two events, and at least the KPIs that are computed from events.
    assert!(created >= 6 + 2 + 24, "{created}");
    imports
        .load(
            SpecKind::Dimension,
            "dimension_master",
            "cqube/lld-sac/dimension_master_first.csv",
        )
        .await;
    imports
        .load(
            SpecKind::Event,
            "event_students_attendance",
            "cqube/lld-sac/event_students_attendance.csv",
        )
        .await;
    let total = "select concat_ws(' ', sum(sum_students_marked_present), sum(sum_students_attendance_marked)) \
        from ingestion.\"SAC_stds_avg_atd_by_state\"";
    assert_eq!(
        imports.database.value(total).await.as_deref(),
        Some("23485 41477")
    );
}

/// Every look at this clock takes five seconds.
struct Slow(AtomicU64);

impl Surroundings for Slow {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(5_000, Ordering::Relaxed)
    }

    fn random_bytes(&self) -> [u8; 10] {
        [7; 10]
    }
}

/// A call that gets late says where to go on, and the same request goes on there, until all is there once.
#[tokio::test]
async fn a_slow_import_goes_on_where_it_stopped() {
    let (Some(files), Some(imports)) = (programs(&["pm-poshan"]), Imports::new()) else {
        return;
    };
    let order = order(Format::Grammar, files);
    let mut run = RUN;
    let mut names = Vec::new();
    let mut calls = 0;
    loop {
        let report = imports.run_at(&Slow(AtomicU64::new(0)), &order, run).await;
        names.extend(report.specs.iter().map(|spec| spec.name.clone()));
        assert!(report.specs.iter().all(|spec| spec.outcome == Outcome::Created));
        calls += 1;
        match report.next {
            Some(next) => run.from = next,
            None => break,
        }
    }
    let total = imports.all(&order, true, Outcome::Identical).await;
    assert_eq!((names.len(), calls), (total, total.div_ceil(2)));
}

/// Names that would break out of a statement are values all the way to the rows that are served.
#[tokio::test]
async fn hostile_columns_are_stored_and_served() {
    let Some(imports) = Imports::new() else {
        return;
    };
    let hostile = "x\"; drop table spec.spec; --'";
    let cell = format!("\"{}\"", hostile.replace('"', "\"\""));
    let file = |name: &str, text: String| SourceFile {
        name: name.to_owned(),
        text,
    };
    let order = order(
        Format::Grammar,
        vec![
            file(
                "d'\"-dimension.grammar.csv",
                format!("PK,\nstring,string\n{cell},n\n"),
            ),
            file(
                "e'\"-event.grammar.csv",
                format!("\"d'\"\"\",\n{cell},\nstring,integer\n{cell},m\ndimension,metric\n"),
            ),
        ],
    );
    let report = imports.run(&order, RUN).await;
    let [dimension, event, dataset] = &report.specs[..] else {
        panic!("{report:?}");
    };
    assert!(
        report.specs.iter().all(|spec| spec.outcome == Outcome::Created),
        "{report:?}"
    );
    for (kind, name, last) in [
        (SpecKind::Dimension, dimension, "n"),
        (SpecKind::Event, event, "m"),
    ] {
        let text = format!("{cell},{last}\nk,5\n");
        let record = imports
            .road
            .load((kind, &name.name), "f.csv", Mode::New, &text)
            .await;
        assert_eq!(record.facts.error, None);
    }
    let sum = format!("select sum(sum_m) from ingestion.\"{}\"", dataset.name);
    assert_eq!(imports.database.value(&sum).await.as_deref(), Some("5"));
}
