//! Fields and how files are written: by name, whatever their order.

use std::cmp::{Ordering, Reverse};

use millrace_core::Decimal;
use millrace_core::csv::CsvFormat;
use millrace_core::definition::SpecKind;
use millrace_core::field::{Field, FieldRules};

use super::{Differences, Meaning};
use crate::pointer::Pointer;

/// Where a row's schema stands in a body.
pub(super) fn items(kind: SpecKind) -> Pointer {
    Pointer::of(&["input", "properties", kind.as_str(), "items"])
}

/// Notes what differs between the fields of two versions.
pub(super) fn compare(from: &[Field], to: &[Field], items: &Pointer, found: &mut Differences) {
    let properties = items.member("properties");
    for field in to {
        let at = properties.member(field.name.as_str());
        match from.iter().find(|before| before.name == field.name) {
            Some(before) => Compared {
                from: before,
                to: field,
                at,
            }
            .note(items, found),
            None if field.required => {
                let message = format!("{} must be filled, and rows that are there lack it", field.name);
                found.add(&at, Meaning::RequiredFieldAdded, message);
            }
            None => {
                let message = format!("{} is new, and empty in rows that are there", field.name);
                found.add(&at, Meaning::FieldAdded, message);
            }
        }
    }
    for field in from {
        if to.iter().all(|after| after.name != field.name) {
            let at = properties.member(field.name.as_str());
            let message = format!("{} has gone, and rows that are there have it", field.name);
            found.add(&at, Meaning::FieldRemoved, message);
        }
    }
}

/// A field in two versions.
struct Compared<'a> {
    from: &'a Field,
    to: &'a Field,
    at: Pointer,
}

impl Compared<'_> {
    fn note(&self, items: &Pointer, found: &mut Differences) {
        let (from, to) = (self.from, self.to);
        if from.field_type != to.field_type {
            let message = format!(
                "{} was {:?} and would be {:?}",
                to.name, from.field_type, to.field_type
            );
            found.add(
                &self.at.member("type"),
                Meaning::TypeChanged,
                message.to_lowercase(),
            );
            return;
        }
        let required = from.required.cmp(&to.required).reverse();
        self.rule(&items.member("required"), "being filled", required, found);
        self.note_formats(found);
        self.note_rules(found);
    }

    fn note_formats(&self, found: &mut Differences) {
        let (from, to) = (self.from, self.to);
        let formats = [
            ("header", from.header == to.header),
            ("dateFormat", from.date_format == to.date_format),
            ("timeZone", from.time_zone == to.time_zone),
            ("groupMark", group_mark(from) == group_mark(to)),
            ("decimalMark", decimal_mark(from) == decimal_mark(to)),
        ];
        for (member, _) in formats.into_iter().filter(|(_, is_same)| !is_same) {
            let message = format!("{} is written otherwise in files that come", to.name);
            found.add(&self.at.member(member), Meaning::FormatChanged, message);
        }
    }

    fn note_rules(&self, found: &mut Differences) {
        let (from, to) = (&self.from.rules, &self.to.rules);
        let member = |is_exclusive: bool, plain: &'static str, exclusive: &'static str| {
            self.at.member(if is_exclusive { exclusive } else { plain })
        };
        let is_exclusive = least(to)
            .or(least(from))
            .is_some_and(|(_, is_exclusive)| is_exclusive);
        let lower = member(is_exclusive, "minimum", "exclusiveMinimum");
        self.rule(&lower, "the least value", least(to).cmp(&least(from)), found);
        let upper = greatest(to).or(greatest(from));
        let is_exclusive = upper.is_some_and(|Reverse((_, is_inclusive))| !is_inclusive);
        let upper = member(is_exclusive, "maximum", "exclusiveMaximum");
        self.rule(
            &upper,
            "the greatest value",
            greatest(to).cmp(&greatest(from)),
            found,
        );
        let shortest = |rules: &FieldRules| rules.min_length.unwrap_or(0);
        let at = self.at.member("minLength");
        self.rule(&at, "the least length", shortest(to).cmp(&shortest(from)), found);
        let longest = |rules: &FieldRules| rules.max_length.map(Reverse);
        let at = self.at.member("maxLength");
        self.rule(&at, "the greatest length", longest(to).cmp(&longest(from)), found);
        self.note_pattern(found);
        self.note_enum(found);
    }

    /// How tight a rule is now, beside how tight it was.
    fn rule(&self, at: &Pointer, what: &str, tightness: Ordering, found: &mut Differences) {
        let name = &self.to.name;
        match tightness {
            Ordering::Equal => {}
            Ordering::Greater => {
                let message =
                    format!("the rule on {what} of {name} is tighter: rows that are there may break it");
                found.add(at, Meaning::RuleTightened, message);
            }
            Ordering::Less => {
                let message = format!("the rule on {what} of {name} is looser");
                found.add(at, Meaning::RuleLoosened, message);
            }
        }
    }

    fn note_pattern(&self, found: &mut Differences) {
        let at = self.at.member("pattern");
        match (&self.from.rules.pattern, &self.to.rules.pattern) {
            (Some(from), Some(to)) if from != to => {
                let message = format!(
                    "the pattern of {} is another one: rows that are there may not match it",
                    self.to.name
                );
                found.add(&at, Meaning::RuleChanged, message);
            }
            (from, to) => self.rule(&at, "the pattern", to.is_some().cmp(&from.is_some()), found),
        }
    }

    fn note_enum(&self, found: &mut Differences) {
        let at = self.at.member("enum");
        let (from, to) = match (&self.from.rules.one_of, &self.to.rules.one_of) {
            (Some(from), Some(to)) => (from, to),
            (from, to) => {
                return self.rule(&at, "the values", to.is_some().cmp(&from.is_some()), found);
            }
        };
        let is_wider = from.iter().all(|value| to.contains(value));
        let is_narrower = to.iter().all(|value| from.contains(value));
        let tightness = match (is_wider, is_narrower) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, _) => Ordering::Greater,
        };
        self.rule(&at, "the values", tightness, found);
    }
}

/// The lower bound; the greater, the tighter, and an exclusive one is tighter than an inclusive one.
fn least(rules: &FieldRules) -> Option<(Decimal, bool)> {
    let inclusive = rules.minimum.map(|value| (value, false));
    let exclusive = rules.exclusive_minimum.map(|value| (value, true));
    inclusive.max(exclusive)
}

/// The upper bound, ordered by tightness too.
fn greatest(rules: &FieldRules) -> Option<Reverse<(Decimal, bool)>> {
    let inclusive = rules.maximum.map(|value| Reverse((value, true)));
    let exclusive = rules.exclusive_maximum.map(|value| Reverse((value, false)));
    inclusive.max(exclusive)
}

fn group_mark(field: &Field) -> Option<char> {
    field.number_format.and_then(|format| format.group_mark)
}

fn decimal_mark(field: &Field) -> Option<char> {
    field.number_format.and_then(|format| format.decimal_mark)
}

/// Notes what differs in how files are written; only files that come are read so.
pub(super) fn compare_csv(from: &CsvFormat, to: &CsvFormat, found: &mut Differences) {
    let written = |format: &CsvFormat| serde_json::to_value(format).unwrap_or_default();
    let (from, to) = (written(from), written(to));
    let members = [&from, &to].into_iter().filter_map(serde_json::Value::as_object);
    let mut names: Vec<&String> = members.flat_map(serde_json::Map::keys).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|name| from.get(*name) != to.get(*name)) {
        let at = Pointer::of(&["csv"]).member(name);
        let message = format!(
            "files that come are written with another {}",
            name.replace('_', " ")
        );
        found.add(&at, Meaning::FormatChanged, message);
    }
}
