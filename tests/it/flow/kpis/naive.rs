//! The naive program: plain rows, everything counted from scratch with whole numbers.

use std::collections::{BTreeMap, BTreeSet};

use millrace_core::Decimal;
use millrace_tests::Random;

use super::NOTE;

/// A row of the visits; marks in hundredths.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    day: u32,
    school: Option<&'static str>,
    grade: Option<usize>,
    marked: Option<i128>,
    total: Option<i128>,
    note: Option<&'static str>,
}

/// A row of the meals.
#[derive(Debug, Clone)]
pub(crate) struct Meal {
    day: u32,
    school: Option<&'static str>,
    served: Option<i128>,
}

fn any_day(random: &mut Random) -> u32 {
    1 + u32::try_from(random.below(5)).unwrap()
}

fn any_school(random: &mut Random) -> Option<&'static str> {
    *random.one_of(&[Some("a"), Some("b"), Some("c"), Some("d"), None])
}

fn any_number(random: &mut Random, end: usize) -> Option<i128> {
    random
        .happens(900)
        .then(|| i128::try_from(random.below(end)).unwrap())
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn day(day: u32) -> String {
    format!("2023-01-{day:02}")
}

impl Visit {
    pub(crate) fn any(random: &mut Random) -> Self {
        Self {
            day: any_day(random),
            school: any_school(random),
            grade: random.happens(800).then(|| random.below(3)),
            marked: any_number(random, 600),
            total: any_number(random, 5),
            note: *random.one_of(&[None, Some("plain"), Some(NOTE)]),
        }
    }

    pub(crate) fn csv(visits: &[Self]) -> String {
        let mut csv = "day,school,grade,marked,total,note\n".to_owned();
        for visit in visits {
            csv += &visit.line();
        }
        csv
    }

    fn line(&self) -> String {
        let marked = self.marked.map(hundredths);
        let (school, grade) = (cell(self.school), cell(self.grade));
        let (marked, total, note) = (cell(marked), cell(self.total), cell(self.note));
        format!("{},{school},{grade},{marked},{total},\"{note}\"\n", day(self.day))
    }
}

impl Meal {
    pub(crate) fn any(random: &mut Random) -> Self {
        Self {
            day: any_day(random),
            school: any_school(random),
            served: any_number(random, 9),
        }
    }

    pub(crate) fn csv(meals: &[Self]) -> String {
        let mut csv = "day,school,served\n".to_owned();
        for meal in meals {
            csv += &meal.line();
        }
        csv
    }

    fn line(&self) -> String {
        format!("{},{},{}\n", day(self.day), cell(self.school), cell(self.served))
    }
}

/// Clusters by school, and their file.
pub(super) type Schools = BTreeMap<&'static str, Option<&'static str>>;

pub(super) fn schools(random: &mut Random) -> (Schools, String) {
    let mut schools = Schools::new();
    let mut csv = format!("school,cluster\nunused{},x\n", random.number());
    for school in ["a", "b", "c", "d"] {
        if random.happens(750) {
            let cluster = *random.one_of(&[Some("north"), Some("south"), None]);
            csv += &format!("{school},{}\n", cell(cluster));
            schools.insert(school, cluster);
        }
    }
    (schools, csv)
}

fn hundredths(units: i128) -> String {
    millionths(units * 10_000)
}

/// Millionths as an exact decimal without trailing zeros.
fn millionths(units: i128) -> String {
    let text = format!("{}.{:06}", units / 1_000_000, units % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Numerator / denominator, neither below zero, rounded half up to six places.
fn ratio(numerator: i128, denominator: i128) -> Option<String> {
    (denominator != 0).then(|| millionths((2 * numerator * 1_000_000 + denominator) / (2 * denominator)))
}

/// 100 × one decimal / another, neither below zero.
pub(super) fn percentage(above: Decimal, below: Decimal) -> Option<String> {
    let scale = |value: Decimal, scale: u8| value.units() * 10_i128.pow(u32::from(scale - value.scale()));
    let places = above.scale().max(below.scale());
    ratio(100 * scale(above, places), scale(below, places))
}

fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

/// A sum of what is there; none of nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Sum(Option<i128>);

impl Sum {
    fn add(&mut self, value: Option<i128>) {
        if let Some(value) = value {
            self.0 = Some(self.0.unwrap_or_default() + value);
        }
    }

    fn percentage(self, of: Self, units: i128) -> String {
        let (Some(above), Some(below)) = (self.0, of.0) else {
            return "-".to_owned();
        };
        or_dash(ratio(100 * above, below * units))
    }
}

type Key = (u32, Option<&'static str>);
type Lines = Vec<String>;

/// All rows of the live files.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) visits: BTreeMap<usize, Vec<Visit>>,
    pub(super) meals: BTreeMap<usize, Vec<Meal>>,
    pub(super) schools: Schools,
}

impl Model {
    pub(super) fn forget(&mut self, number: usize) {
        self.visits.remove(&number);
        self.meals.remove(&number);
    }

    /// One more row, which makes the file differ from every other.
    pub(super) fn mark_visit(&mut self, number: usize, round: usize) -> String {
        let visit = Visit {
            day: 9,
            school: Some("b"),
            grade: Some(100 * number + round),
            marked: Some(1),
            total: Some(1),
            note: None,
        };
        let line = visit.line();
        self.visits.entry(number).or_default().push(visit);
        line
    }

    pub(super) fn mark_meal(&mut self, number: usize, round: usize) -> String {
        let meal = Meal {
            day: 9,
            school: Some("b"),
            served: Some(i128::try_from(1_000 * number + round).unwrap()),
        };
        let line = meal.line();
        self.meals.entry(number).or_default().push(meal);
        line
    }

    pub(super) fn figures(&self) -> BTreeMap<&'static str, Lines> {
        let by_school = self.by_school();
        let good = self.good_schools(&by_school);
        let mut figures = BTreeMap::from([
            ("by_school", lines_by_school(&by_school)),
            ("clusters_with_good_schools", clusters(&good)),
            ("good_schools", lines_of_good(&good)),
            ("large_visits", self.large_visits()),
            ("meals_a_pupil", self.meals_a_pupil(&by_school)),
            ("of_one_note", self.of_one_note()),
        ]);
        figures.values_mut().for_each(|lines| lines.sort_unstable());
        figures
    }

    fn all_visits(&self) -> impl Iterator<Item = &Visit> {
        self.visits.values().flatten()
    }

    fn by_school(&self) -> BTreeMap<Key, (Sum, Sum)> {
        let mut cells: BTreeMap<Key, (Sum, Sum)> = BTreeMap::new();
        for visit in self.all_visits() {
            let (marked, total) = cells.entry((visit.day, visit.school)).or_default();
            marked.add(visit.marked);
            total.add(visit.total);
        }
        cells
    }

    /// By day and cluster: good schools and all schools.
    fn good_schools(&self, by_school: &BTreeMap<Key, (Sum, Sum)>) -> BTreeMap<Key, (i128, i128)> {
        let mut clusters: BTreeMap<Key, (i128, i128)> = BTreeMap::new();
        for ((day, school), (marked, total)) in by_school {
            let Some(cluster) = school.and_then(|school| self.schools.get(school)) else {
                continue;
            };
            let (good, all) = clusters.entry((*day, *cluster)).or_default();
            let is_good = match (marked.0, total.0) {
                // The percentage is rounded before it is compared.
                (Some(marked), Some(total)) if total > 0 => {
                    (2 * marked * 1_000_000 + total) / (2 * total) >= 50_000_000
                }
                _ => false,
            };
            *good += i128::from(is_good);
            *all += 1;
        }
        clusters
    }

    fn large_visits(&self) -> Lines {
        let mut days: BTreeMap<u32, (i128, i128)> = BTreeMap::new();
        for visit in self.all_visits() {
            let (large, noted) = days.entry(visit.day).or_default();
            let is_noted = visit.note.is_some();
            *noted += i128::from(is_noted);
            *large += i128::from(is_noted && visit.marked.is_some_and(|marked| marked >= 250));
        }
        let line = |(at, (large, noted)): (u32, (i128, i128))| {
            let share = or_dash(ratio(100 * large, noted));
            format!("{}|{large}|{noted}|{share}", day(at))
        };
        days.into_iter().map(line).collect()
    }

    fn of_one_note(&self) -> Lines {
        let mut schools: BTreeMap<Option<&str>, (Sum, BTreeSet<usize>)> = BTreeMap::new();
        for visit in self
            .all_visits()
            .filter(|visit| visit.note == Some(NOTE) && visit.day < 4)
        {
            let (sum, grades) = schools.entry(visit.school).or_default();
            sum.add(visit.marked);
            grades.extend(visit.grade);
        }
        let line = |(school, (sum, grades)): (Option<&str>, (Sum, BTreeSet<usize>))| {
            let sum = or_dash(sum.0.map(hundredths));
            format!("{}|{sum}|{}", school.unwrap_or("-"), grades.len())
        };
        schools.into_iter().map(line).collect()
    }

    fn meals_a_pupil(&self, by_school: &BTreeMap<Key, (Sum, Sum)>) -> Lines {
        let mut clusters: BTreeMap<Key, (Sum, Sum, bool)> = BTreeMap::new();
        let of = |school: Option<&str>| school.and_then(|school| self.schools.get(school).copied());
        for meal in self.meals.values().flatten() {
            if let Some(cluster) = of(meal.school) {
                let (served, _, has_meals) = clusters.entry((meal.day, cluster)).or_default();
                served.add(meal.served);
                *has_meals = true;
            }
        }
        for ((day, school), (_, total)) in by_school {
            if let Some(cluster) = of(*school) {
                clusters.entry((*day, cluster)).or_default().1.add(total.0);
            }
        }
        let shown = clusters.into_iter().filter(|(_, (_, _, has_meals))| *has_meals);
        let line = |((at, cluster), (served, total, _)): (Key, (Sum, Sum, bool))| {
            let number = |sum: Sum| cell(sum.0.map(|sum| sum.to_string()).or(Some("-".to_owned())));
            let share = served.percentage(total, 1);
            format!(
                "{}|{}|{}|{}|{share}",
                day(at),
                cluster.unwrap_or("-"),
                number(served),
                number(total)
            )
        };
        shown.map(line).collect()
    }
}

fn lines_by_school(by_school: &BTreeMap<Key, (Sum, Sum)>) -> Lines {
    let line = |((at, school), (marked, total)): (&Key, &(Sum, Sum))| {
        let (sum, all) = (
            or_dash(marked.0.map(hundredths)),
            or_dash(total.0.map(|total| total.to_string())),
        );
        let share = marked.percentage(*total, 100);
        format!("{}|{}|{sum}|{all}|{share}", day(*at), school.unwrap_or("-"))
    };
    by_school.iter().map(line).collect()
}

fn lines_of_good(good: &BTreeMap<Key, (i128, i128)>) -> Lines {
    let line = |((at, cluster), (good, all)): (&Key, &(i128, i128))| {
        let share = or_dash(ratio(100 * good, *all));
        format!("{}|{}|{good}|{all}|{share}", day(*at), cluster.unwrap_or("-"))
    };
    good.iter().map(line).collect()
}

fn clusters(good: &BTreeMap<Key, (i128, i128)>) -> Lines {
    let mut days: BTreeMap<u32, Vec<i128>> = BTreeMap::new();
    for ((day, _), (good, _)) in good.iter().filter(|(_, (good, _))| *good > 0) {
        days.entry(*day).or_default().push(*good);
    }
    let line = |(at, counts): (u32, Vec<i128>)| {
        let sum: i128 = counts.iter().sum();
        let count = i128::try_from(counts.len()).unwrap();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        format!(
            "{}|{sum}|{least}|{most}|{}|{count}",
            day(at),
            ratio(sum, count).unwrap()
        )
    };
    days.into_iter().map(line).collect()
}
