//! The naive program: plain rows of the live files, everything recomputed from scratch.

use std::collections::{BTreeMap, BTreeSet};

use millrace_core::definition::SpecKind;
use millrace_core::facts::Mode;
use millrace_core::ids::{FileId, FileVersion};

use super::case::{Content, Sale, millionths};

/// A version that was registered.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) kind: SpecKind,
    pub(super) file: FileVersion,
    pub(super) mode: Mode,
    pub(super) content: Content,
}

impl Registered {
    /// Whether it is refused as a whole.
    fn is_refused(&self) -> bool {
        let keys: BTreeSet<&str> = self.content.shops.iter().map(|(shop, _)| *shop).collect();
        self.mode != Mode::Delete && (self.content.records == 0 || keys.len() < self.content.shops.len())
    }
}

/// What the tracker says of a version: the one thing that the model takes over is whose bytes a version's are, which
/// depends on who came first. That it is right to say so is checked.
#[derive(Debug, Clone)]
pub(super) struct Tracked {
    pub(super) sequence: i64,
    pub(super) unchanged_of: Option<FileId>,
    pub(super) is_error: bool,
}

pub(super) type Tracker = BTreeMap<FileVersion, Tracked>;

/// Regions by shop.
type Shops = BTreeMap<&'static str, Option<&'static str>>;

/// The figures, as lines in any order.
pub(super) fn figures(versions: &[Registered], tracker: &Tracker) -> Result<BTreeSet<String>, String> {
    let live = live(versions, tracker)?;
    let counting = counting(&live, tracker)?;
    let sales = counting
        .iter()
        .flat_map(|one| one.content.sales.iter())
        .collect::<Vec<_>>();
    let shops = shops(&counting, versions, tracker);
    let mut lines = BTreeSet::new();
    by_shop(&sales, &mut lines);
    by_region(&sales, &shops, &mut lines);
    lines.extend(
        shops
            .iter()
            .map(|(shop, region)| format!("shop {shop}|{}", region.unwrap_or("-"))),
    );
    Ok(lines)
}

/// The newest version of each file that was not refused, if it is not a deletion.
fn live<'a>(versions: &'a [Registered], tracker: &Tracker) -> Result<Vec<&'a Registered>, String> {
    let mut newest: BTreeMap<FileId, &Registered> = BTreeMap::new();
    for version in versions {
        let tracked = tracker.get(&version.file).ok_or("a version is not tracked")?;
        // One that repeats keys is not looked at any more once a newer one counts.
        let may_be_passed_over = version.content.records > 0 && newer_counts(version, versions);
        if tracked.is_error != version.is_refused() && !may_be_passed_over {
            return Err(format!(
                "{} is refused or not, against what it holds",
                version.file
            ));
        }
        if !version.is_refused() {
            newest.insert(version.file.file_id, version);
        }
    }
    Ok(newest
        .into_values()
        .filter(|version| version.mode != Mode::Delete)
        .collect())
}

fn newer_counts(version: &Registered, versions: &[Registered]) -> bool {
    let mut others = versions.iter();
    others.any(|one| one.file.file_id == version.file.file_id && one.file > version.file && !one.is_refused())
}

/// Those whose bytes count: all but those that another live file holds, which then has to count itself.
fn counting<'a>(live: &[&'a Registered], tracker: &Tracker) -> Result<Vec<&'a Registered>, String> {
    let holder = |version: &Registered| {
        tracker[&version.file]
            .unchanged_of
            .filter(|id| *id != version.file.file_id)
    };
    let mut counting = Vec::new();
    for version in live {
        let Some(other) = holder(version) else {
            counting.push(*version);
            continue;
        };
        let other = live.iter().find(|one| one.file.file_id == other);
        let is_right =
            other.is_some_and(|other| other.content.csv == version.content.csv && holder(other).is_none());
        if !is_right {
            return Err(format!("the bytes of {} do not count anywhere", version.file));
        }
    }
    Ok(counting)
}

/// The visible row of each key: that of the file version that arrived last.
fn shops(counting: &[&Registered], versions: &[Registered], tracker: &Tracker) -> Shops {
    let mut files: Vec<(i64, &Registered)> = counting
        .iter()
        .filter(|one| one.kind == SpecKind::Dimension)
        .map(|one| (arrival(one, versions, tracker), *one))
        .collect();
    files.sort_by_key(|(sequence, _)| *sequence);
    files
        .into_iter()
        .flat_map(|(_, one)| one.content.shops.iter().copied())
        .collect()
}

/// When the bytes that count arrived: a version that changed nothing did not arrive anew.
fn arrival(version: &Registered, versions: &[Registered], tracker: &Tracker) -> i64 {
    let own = |one: &&Registered| one.file.file_id == version.file.file_id && one.file <= version.file;
    let mut older: Vec<&Registered> = versions
        .iter()
        .filter(own)
        .filter(|one| !one.is_refused())
        .collect();
    older.sort_by_key(|one| one.file);
    let changed = older
        .iter()
        .rev()
        .find(|one| tracker[&one.file].unchanged_of.is_none());
    changed.map_or(0, |one| tracker[&one.file].sequence)
}

fn json(parts: &[Option<String>]) -> String {
    serde_json::to_string(parts).unwrap_or_default()
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn by_shop(sales: &[&Sale], lines: &mut BTreeSet<String>) {
    let mut cells: BTreeMap<String, Vec<&Sale>> = BTreeMap::new();
    for sale in sales {
        let day = format!("2023-01-{:02}", sale.day);
        let key = json(&[Some(day), sale.shop.map(str::to_owned)]);
        cells.entry(key).or_default().push(sale);
    }
    for (key, sales) in cells {
        let amounts: Vec<i128> = sales.iter().filter_map(|sale| sale.amount).collect();
        let (count, sum) = (amounts.len(), amounts.iter().sum::<i128>());
        let extreme = |amount: Option<&i128>| text(amount.map(|amount| millionths(*amount)));
        let average = (count > 0).then(|| ratio(sum, count as i128 * 1_000_000));
        lines.insert(format!(
            "by_shop {key}|{}|{count}|{}|{}|{}|{}",
            sales.len(),
            millionths(sum),
            extreme(amounts.iter().min()),
            extreme(amounts.iter().max()),
            text(average)
        ));
    }
}

fn by_region(sales: &[&Sale], shops: &Shops, lines: &mut BTreeSet<String>) {
    let mut regions: BTreeMap<Option<&str>, Vec<&Sale>> = BTreeMap::new();
    let mut waiting: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for sale in sales {
        match sale.shop.and_then(|shop| shops.get(shop)) {
            Some(region) => regions.entry(*region).or_default().push(sale),
            None => *waiting.entry(sale.shop).or_default() += 1,
        }
    }
    for (region, sales) in regions {
        let sum = |values: Vec<i64>| (!values.is_empty()).then(|| values.iter().sum::<i64>());
        let sold = sum(sales.iter().filter_map(|sale| sale.sold).collect());
        let offered = sum(sales.iter().filter_map(|sale| sale.offered).collect());
        let percentage = match (sold, offered) {
            (Some(sold), Some(offered)) if offered != 0 => {
                Some(ratio(100 * i128::from(sold), i128::from(offered)))
            }
            _ => None,
        };
        lines.insert(format!(
            "by_region {}|{}|{}|{}",
            text(region),
            text(sold),
            text(offered),
            text(percentage)
        ));
    }
    let keys = waiting.keys().flatten().count();
    let rows: usize = waiting.values().sum();
    lines.insert(format!("waiting {keys}|{}|{rows}", waiting.len()));
}

/// To six places, half away from zero.
fn ratio(numerator: i128, denominator: i128) -> String {
    let (n, d) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let (whole, rest) = (n / d, n % d);
    let scaled = rest * 1_000_000;
    let units = whole * 1_000_000 + (2 * scaled + d) / (2 * d);
    let units = i128::try_from(units).unwrap_or(i128::MAX);
    millionths(if (numerator < 0) == (denominator < 0) {
        units
    } else {
        -units
    })
}
