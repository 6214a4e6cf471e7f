//! What happens in a case: drawn from its seed alone.

use std::fmt;

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_tests::Random;

/// A row of a sale: amounts in millionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sale {
    pub(super) day: u8,
    pub(super) shop: Option<&'static str>,
    pub(super) amount: Option<i128>,
    pub(super) sold: Option<i64>,
    pub(super) offered: Option<i64>,
}

/// A row of the shops.
pub(super) type Shop = (&'static str, Option<&'static str>);

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) csv: String,
    /// All records, rejected ones too.
    pub(super) records: usize,
    pub(super) sales: Vec<Sale>,
    pub(super) shops: Vec<Shop>,
}

/// One step.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) kind: SpecKind,
    pub(super) file_name: &'static str,
    pub(super) mode: Mode,
    pub(super) content: Content,
    /// Messages that are handled after it, before the next one.
    pub(super) deliveries: usize,
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, mode, csv) = (self.kind.as_str(), self.mode.as_str(), &self.content.csv);
        write!(
            formatter,
            "{kind} {} {mode} {csv:?}, then {} messages",
            self.file_name, self.deliveries
        )
    }
}

/// A case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) steps: Vec<Step>,
    pub(super) chunk_bytes: u64,
    pub(super) workers: usize,
    pub(super) fault_permille: usize,
    pub(super) twice_permille: usize,
}

const SHOPS: [&str; 4] = ["a", "b", "shop \"é\"", "d,d"];
const REGIONS: [&str; 2] = ["north", "south"];
const EVENT_FILES: [&str; 3] = ["one.csv", "two.csv", "three.csv"];
const SHOP_FILES: [&str; 2] = ["shops.csv", "more-shops.csv"];

impl Case {
    /// Any case; every third one is about one file and many workers.
    pub(super) fn draw(random: &mut Random) -> Self {
        if random.happens(333) {
            return Self::contended(random);
        }
        let count = 1 + random.below(5);
        let mut steps: Vec<Step> = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = if random.happens(220) {
                SpecKind::Dimension
            } else {
                SpecKind::Event
            };
            let file_name = match kind {
                SpecKind::Dimension => *random.one_of(&SHOP_FILES),
                _ => *random.one_of(&EVENT_FILES),
            };
            let deliveries = *random.one_of(&[0, 0, 2, 5, 40]);
            steps.push(step(random, &steps, (kind, file_name), deliveries));
        }
        Self {
            steps,
            chunk_bytes: *random.one_of(&[1_000_000, 1_000_000, 60, 25]),
            workers: 1 + random.below(3),
            fault_permille: *random.one_of(&[0, 0, 20, 60]),
            twice_permille: *random.one_of(&[0, 150, 400]),
        }
    }

    /// Versions of one file (and one other) that are validated, and then aggregated by many workers at once.
    fn contended(random: &mut Random) -> Self {
        let count = 2 + random.below(4);
        let mut steps: Vec<Step> = Vec::with_capacity(count);
        for _ in 0..count {
            let file_name = if random.happens(250) {
                EVENT_FILES[1]
            } else {
                EVENT_FILES[0]
            };
            let deliveries = *random.one_of(&[0, 0, 0, 40]);
            steps.push(step(random, &steps, (SpecKind::Event, file_name), deliveries));
        }
        Self {
            steps,
            chunk_bytes: 1_000_000,
            workers: 5,
            fault_permille: *random.one_of(&[0, 0, 40]),
            twice_permille: 300,
        }
    }
}

fn step(random: &mut Random, before: &[Step], file: (SpecKind, &'static str), deliveries: usize) -> Step {
    let (kind, file_name) = file;
    let is_there = before
        .iter()
        .any(|step| step.kind == kind && step.file_name == file_name);
    let mode = match random.below(10) {
        0 | 1 if is_there => Mode::Delete,
        2 if is_there => Mode::New,
        _ if is_there => Mode::Replace,
        _ => Mode::New,
    };
    let earlier: Vec<&Step> = before.iter().filter(|step| step.kind == kind).collect();
    let content = match kind {
        _ if mode == Mode::Delete => Content::default(),
        _ if !earlier.is_empty() && random.happens(200) => random.one_of(&earlier).content.clone(),
        SpecKind::Dimension => shops(random),
        _ => sales(random),
    };
    Step {
        kind,
        file_name,
        mode,
        content,
        deliveries,
    }
}

fn sales(random: &mut Random) -> Content {
    let mut content = Content {
        csv: "day,shop,amount,sold,offered\n".to_owned(),
        ..Content::default()
    };
    let records = *random.one_of(&[0, 1, 1, 2, 3, 5, 8]);
    for _ in 0..records {
        content.records += 1;
        if random.happens(80) {
            let broken: &[&str] = &["x,a,1,1,1\n", "2023-01-01,a,1\n", "2023-01-01,a,\"1,1,1\n"];
            let row: &&str = random.one_of(broken);
            content.csv.push_str(row);
            continue;
        }
        let sale = sale(random);
        let shop = sale.shop.unwrap_or_default().replace('"', "\"\"");
        let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let line = format!(
            "2023-01-{:02},\"{shop}\",{},{},{}\n",
            sale.day,
            sale.amount.map(millionths).unwrap_or_default(),
            number(sale.sold),
            number(sale.offered)
        );
        content.csv.push_str(&line);
        content.sales.push(sale);
    }
    content
}

fn sale(random: &mut Random) -> Sale {
    let amount = match random.below(6) {
        0 => None,
        1 => Some(i128::from(random.below(4) as u64) * 1_000_000),
        2 => Some(-i128::from(random.below(5_000_000) as u64)),
        3 => Some(i128::from(random.number()) * 1_000_003),
        _ => Some(i128::from(random.below(9_000_000) as u64)),
    };
    let count = |random: &mut Random, end: usize| {
        let number = i64::try_from(random.below(end)).unwrap_or_default();
        (!random.happens(150)).then_some(number)
    };
    Sale {
        day: 1 + u8::try_from(random.below(2)).unwrap_or_default(),
        shop: (!random.happens(120)).then(|| *random.one_of(&SHOPS)),
        amount,
        sold: count(random, 9),
        offered: count(random, 3),
    }
}

fn shops(random: &mut Random) -> Content {
    let mut content = Content {
        csv: "shop,region\n".to_owned(),
        ..Content::default()
    };
    for _ in 0..*random.one_of(&[0, 1, 2, 2, 3]) {
        let shop = *random.one_of(&SHOPS);
        // A repeated key now and then: the whole version is refused.
        if content.shops.iter().any(|(other, _)| *other == shop) && !random.happens(250) {
            continue;
        }
        let region = (!random.happens(150)).then(|| *random.one_of(&REGIONS));
        let line = format!(
            "\"{}\",{}\n",
            shop.replace('"', "\"\""),
            region.unwrap_or_default()
        );
        content.csv.push_str(&line);
        content.shops.push((shop, region));
        content.records += 1;
    }
    content
}

/// Millionths as an exact decimal without trailing zeros.
pub(super) fn millionths(units: i128) -> String {
    let digits = units.unsigned_abs();
    let text = format!("{}.{:06}", digits / 1_000_000, digits % 1_000_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{text}", if units < 0 { "-" } else { "" })
}
