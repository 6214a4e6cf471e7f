//! What readers see, and what another program says that they have to see.

use std::collections::BTreeMap;
use std::process::Command;

use millrace_core::name::Name;
use millrace_store::datasets::KpiQuery;
use millrace_store::selection::{Grain, Grouping};
use millrace_tests::test_variable;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bodies;
use super::world::World;

/// The rows of every dataset and question, each a JSON array, sorted.
pub(super) type Figures = BTreeMap<String, Vec<String>>;

/// Questions by time grains and by levels above the one that the cells have; the last two once there are districts.
const QUESTIONS: [(&str, &[&str], Option<Grain>); 12] = [
    ("by_school", &["day", "school"], Some(Grain::Day)),
    ("by_school", &["day"], Some(Grain::Week)),
    ("marks_by_cluster", &["day", "cluster"], Some(Grain::Month)),
    ("marks_by_cluster", &["day"], Some(Grain::Year)),
    ("marks_by_cluster", &["cluster"], None),
    ("good_schools", &["day", "cluster"], Some(Grain::Week)),
    ("meals_a_pupil", &["day", "cluster"], Some(Grain::Month)),
    ("present_by_day", &["date"], Some(Grain::Month)),
    ("present_by_day", &["date", "school"], Some(Grain::Week)),
    ("of_one_note", &[], None),
    ("marks_by_cluster", &["district"], None),
    ("marks_by_cluster", &["day", "district"], Some(Grain::Year)),
];

impl World {
    fn datasets(&self) -> impl Iterator<Item = (&str, &Value)> {
        let datasets = self
            .bodies
            .iter()
            .filter(|body| body["ingestion_type"] == "dataset");
        let named = datasets.map(|body| (body["dataset_name"].as_str().unwrap(), body));
        named.filter(|(name, _)| !self.is_passed_over(name))
    }

    fn questions(
        &self,
    ) -> impl Iterator<Item = &'static (&'static str, &'static [&'static str], Option<Grain>)> {
        let is_wide = self.is_wide;
        let questions = QUESTIONS
            .iter()
            .filter(move |(_, columns, _)| is_wide || !columns.contains(&"district"));
        questions.filter(|(dataset, ..)| !self.is_passed_over(dataset))
    }

    /// What is retired is not looked at: it is as it was.
    fn is_passed_over(&self, dataset: &str) -> bool {
        self.is_retired && dataset == bodies::RETIRED
    }

    /// What readers see.
    pub(super) async fn figures(&self) -> Figures {
        let mut figures = Figures::new();
        for (name, body) in self.datasets() {
            let texts: Vec<String> = bodies::columns(body)
                .iter()
                .map(|column| format!("{column}::text"))
                .collect();
            let query = format!("select {} from ingestion.{name}", texts.join(", "));
            figures.insert(name.to_owned(), sorted(self.database.query(&query).await));
        }
        let store = self.database.store();
        for question @ (dataset, columns, grain) in self.questions() {
            let (table, _) = store.dataset_table(dataset).await.unwrap().unwrap();
            let join = table.definition.join.as_ref();
            let dimension = match join {
                Some(join) => store.dimension_table(join.dimension.as_str()).await.unwrap(),
                None => None,
            };
            let query = KpiQuery {
                grouping: Grouping {
                    columns: columns.iter().map(|name| Name::parse(name).unwrap()).collect(),
                    grain: *grain,
                },
                limit: 10_000,
                ..KpiQuery::default()
            };
            let answer = store.query_kpi(&table, dimension.as_ref(), &query).await.unwrap();
            let (_, body) = self.datasets().find(|(name, _)| name == dataset).unwrap();
            let served = bodies::outputs(body).into_iter();
            let at: Vec<usize> = columns
                .iter()
                .copied()
                .chain(served)
                .map(|name| {
                    let mut found = answer.columns.iter();
                    found.position(|column| column.name.as_str() == name).unwrap()
                })
                .collect();
            let rows = answer
                .rows
                .iter()
                .map(|(_, row)| at.iter().map(|at| row[*at].clone()).collect());
            figures.insert(format!("{question:?}"), sorted(rows));
        }
        let (table, _) = store.dataset_table("marks_by_cluster").await.unwrap().unwrap();
        let dimension = store.dimension_table("schools").await.unwrap();
        let waiting = store.waiting(&table, dimension.as_ref()).await.unwrap();
        let waiting = format!("{} keys, {} rows", waiting.keys, waiting.rows);
        figures.insert("waiting".to_owned(), vec![waiting]);
        figures
    }

    /// What the other program says: it gets the files and the specs, and nothing that came of them.
    pub(super) fn computed(&self, python: &str) -> Figures {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (at, ((spec, _), live)) in self.arrived().into_iter().enumerate() {
            let put = |name: String, bytes: &[u8]| {
                std::fs::write(folder.path().join(&name), bytes).unwrap();
                name
            };
            let repairs = live.repairs.iter().enumerate();
            let repairs: Vec<String> = repairs
                .map(|(number, bytes)| put(format!("{at} repair {number}"), bytes))
                .collect();
            files.push(
                json!({"kind": live.spec.0.as_str(), "spec": spec, "format": live.content.form.as_str(),
                "path": put(format!("{at}"), &live.content.bytes), "repairs": repairs}),
            );
        }
        let questions: Vec<Value> = self
            .questions()
            .map(|(dataset, columns, grain)| {
                json!({"dataset": dataset, "columns": columns, "grain": grain.map(Grain::as_str)})
            })
            .collect();
        let manifest = json!({"specs": self.bodies, "files": files, "questions": questions});
        std::fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/it/oracle/thousand/program.py");
        let output = Command::new(python)
            .arg("-B")
            .arg(program)
            .arg(folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        let computed: Computed = serde_json::from_slice(&output.stdout).unwrap();
        let mut figures: Figures = computed
            .datasets
            .into_iter()
            .filter(|(name, _)| !self.is_passed_over(name))
            .map(|(name, rows)| (name, sorted(rows)))
            .collect();
        for (question, rows) in self.questions().zip(computed.questions) {
            figures.insert(format!("{question:?}"), sorted(rows));
        }
        let [keys, rows] = computed.waiting["marks_by_cluster"];
        figures.insert("waiting".to_owned(), vec![format!("{keys} keys, {rows} rows")]);
        figures
    }
}

/// Rows as the other program writes them.
type Rows = Vec<Vec<Option<String>>>;

#[derive(Deserialize)]
struct Computed {
    datasets: BTreeMap<String, Rows>,
    questions: Vec<Rows>,
    waiting: BTreeMap<String, [u64; 2]>,
}

/// The Python that computes; none, and a word about it, where none is named.
pub(super) fn python() -> Option<String> {
    let python = test_variable("MILLRACE_TEST_PYTHON");
    if python.is_none() {
        println!("skipped: MILLRACE_TEST_PYTHON is not set");
    }
    python
}

/// Where two figures differ, in words; nothing where they are equal.
pub(super) fn difference(expected: &Figures, found: &Figures) -> Option<String> {
    let mut told = Vec::new();
    for (name, expected) in expected {
        let found = found.get(name).map_or(&[][..], Vec::as_slice);
        let not_in = |rows: &[String], others: &[String]| -> Vec<String> {
            rows.iter()
                .filter(|row| !others.contains(row))
                .take(5)
                .cloned()
                .collect()
        };
        if expected.as_slice() != found {
            let (missing, surplus) = (not_in(expected, found), not_in(found, expected));
            told.push(format!("{name}: missing {missing:?}, not expected {surplus:?}"));
        }
    }
    (!told.is_empty() || expected.len() != found.len()).then(|| told.join("\n"))
}

fn sorted(rows: impl IntoIterator<Item = Vec<Option<String>>>) -> Vec<String> {
    let line = |row: Vec<Option<String>>| {
        let cells: Vec<Option<String>> = row.into_iter().map(|cell| cell.map(plain)).collect();
        json!(cells).to_string()
    };
    let mut lines: Vec<String> = rows.into_iter().map(line).collect();
    lines.sort_unstable();
    lines
}

/// Decimals without trailing zeros; everything else as it is.
fn plain(cell: String) -> String {
    let is_decimal = cell.contains('.') && cell.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    match is_decimal {
        true => cell.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => cell,
    }
}
