//! Figures of archives: each line stands in the member that is named, at the line that is named.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use millrace_app::explain::TracedLine;
use millrace_core::Decimal;
use millrace_core::facts::Mode;
use millrace_table::{PartPieces, PartReader};
use millrace_tests::{Random, ZipMember, zip};

use super::super::naive::Visit;
use super::super::{Kpis, VISITS};
use super::Explained;

/// The members' texts by their names, and in their order as an archive.
struct Archive {
    texts: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

impl Archive {
    fn any(random: &mut Random) -> Self {
        let mut csv = |count: usize| {
            let visits: Vec<Visit> = (0..count).map(|_| Visit::any(random)).collect();
            Visit::csv(&visits)
        };
        let members = [
            ("first.csv", csv(60)),
            ("../\"quoted\"\nand, so on'; --.csv", reordered(&csv(50))),
            ("header alone.csv", csv(0)),
            ("last.csv", csv(9)),
        ];
        let packed = members
            .clone()
            .map(|(name, text)| ZipMember::deflated(name, text.as_bytes()));
        Self {
            texts: members.map(|(name, text)| (name.to_owned(), text)).into(),
            bytes: zip(&packed),
        }
    }

    /// What stands at a line of a member, by column.
    fn row(&self, member: &str, line: u64) -> BTreeMap<String, String> {
        let text = &self.texts[member];
        let at = usize::try_from(line - 1).unwrap();
        let own = text.lines().nth(at).unwrap();
        let header = text.lines().next().unwrap();
        let delimiter = if header.contains(';') { b';' } else { b',' };
        let csv = format!("{header}\n{own}\n");
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .from_reader(csv.as_bytes());
        reader.deserialize().next().unwrap().unwrap()
    }
}

/// Another order of columns, another delimiter, other line ends, and blank lines.
fn reordered(csv: &str) -> String {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut text = "total;school;day;note;marked;grade\r\n".to_owned();
    for row in reader.deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let cells = ["total", "school", "day", "note", "marked", "grade"].map(|name| match name {
            "note" => format!("\"{}\"", row[name]),
            _ => row[name].clone(),
        });
        text += &format!("{}\r\n\r\n", cells.join(";"));
    }
    text
}

/// The members of each part, in its order.
fn members_of_parts(kpis: &Kpis) -> Vec<Vec<String>> {
    let collections = &kpis.road.collections;
    let keys = collections.keys();
    let parts = keys.iter().filter(|key| {
        std::path::Path::new(key)
            .extension()
            .is_some_and(|extension| extension == "mrp")
    });
    let members = parts.map(|key| {
        let mut pieces = PartPieces::default();
        pieces.push(&collections.bytes(key).unwrap());
        let mut reader = PartReader::new(pieces).unwrap();
        let mut members = Vec::new();
        while reader.next_block().unwrap().is_some() {
            members.push(reader.member().unwrap().to_owned());
        }
        members
    });
    members.collect()
}

fn decimal(text: &str) -> Option<Decimal> {
    (!text.is_empty()).then(|| Decimal::from_str(text).unwrap())
}

/// A line is what its member has at that place.
fn assert_found(archive: &Archive, line: &TracedLine) {
    let row = archive.row(line.member.as_deref().unwrap(), line.line);
    let keys = ["day", "school"].map(|name| row[name].clone());
    let told = line.keys.iter().map(|key| key.clone().unwrap_or_default());
    assert_eq!(told.collect::<Vec<_>>(), keys);
    let measures = ["marked", "total"].map(|name| decimal(&row[name]));
    let told = line
        .measures
        .iter()
        .map(|value| decimal(value.as_deref().unwrap_or_default()));
    assert_eq!(told.collect::<Vec<_>>(), measures);
}

#[tokio::test]
async fn the_lines_of_an_archive_are_found_in_their_members() {
    let seed = Random::seed(201);
    println!("seed {seed}");
    let archive = Archive::any(&mut Random::new(seed));
    for chunk_bytes in [100_000, 700] {
        let Some(mut kpis) = Kpis::new().await else { return };
        kpis.road.chunk_bytes = chunk_bytes;
        let file = kpis
            .road
            .send(VISITS, "a.zip", Mode::New, archive.bytes.clone())
            .await;
        kpis.road.settle().await;
        let members = members_of_parts(&kpis);
        let of_two = |part: &Vec<String>| part.iter().collect::<BTreeSet<_>>().len() > 1;
        assert!(members.iter().any(of_two), "{members:?}");
        assert_eq!(members.len() > 1, chunk_bytes == 700, "{members:?}");
        let explained = Explained::new(&kpis, "by_school").await;
        let mut records = BTreeSet::new();
        for (key, outputs) in explained.groups().await {
            for line in explained.check(&key, &outputs).await {
                assert_found(&archive, &line);
                records.insert(line.record);
            }
        }
        // Every row that was kept counts in one of the figures.
        let counts = kpis.road.record(file).await.facts.counts;
        assert_eq!((counts.kept, counts.rejected), (119, 0));
        assert_eq!(records.len(), 119);
    }
}

#[tokio::test]
async fn lines_of_a_file_have_no_member() {
    let Some(kpis) = Kpis::new().await else { return };
    let csv = "day,school,grade,marked,total,note\n2023-01-08,a,1,4,8,\n";
    kpis.road.load(VISITS, "a.csv", Mode::New, csv).await;
    let explained = Explained::new(&kpis, "by_school").await;
    for (key, outputs) in explained.groups().await {
        let lines = explained.check(&key, &outputs).await;
        let places: Vec<_> = lines
            .iter()
            .map(|line| (line.line, line.member.as_deref()))
            .collect();
        assert_eq!(places, [(2, None)]);
    }
}
