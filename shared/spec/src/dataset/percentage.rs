//! The percentage: 100 × numerator / denominator.

use millrace_core::condition::Condition;
use millrace_core::definition::{Formula, Measure, Term};

use super::outputs::{Made, Possible};
use super::parts::{Listed, Parts};
use crate::problem::{Problems, quoted};

/// The percentage's column where the body does not name it otherwise.
const PERCENTAGE: &str = "percentage";

/// Adds the percentage, where one is declared, to what may be served. Conditions restrict its numerator, which then is
/// a measure of its own, served under its own name.
pub(super) fn read(
    parts: &Parts<'_>,
    filter: &[Condition],
    made: &mut Made,
    possible: &mut Possible,
    problems: &mut Problems,
) {
    let (numerator, denominator) = match (&parts.numerator, &parts.denominator) {
        (Some(numerator), Some(denominator)) => (numerator, denominator),
        (None, None) => return,
        _ => {
            let message = "numerator_col and denominator_col go together";
            problems.add(&parts.aggregate_at, "missing_member", message);
            return;
        }
    };
    let is_filtered = !parts.filters.is_empty();
    let columns = 0..parts.aggregated.len();
    let terms = Terms { parts, is_filtered };
    let above = terms.read(numerator, columns.clone().next(), made, possible, problems);
    let below = terms.read(denominator, columns.last(), made, possible, problems);
    let (Some(mut above), Some(below)) = (above, below) else {
        return;
    };
    if is_filtered {
        above = filtered(above, filter, &mut made.measures);
    }
    for (listed, term) in [(denominator, below), (numerator, above)] {
        // A plain column stands for its sum and is not served.
        let is_column = parts.aggregated.iter().any(|column| column.name == listed.name);
        if !is_column || term == Term::Borrowed {
            possible.insert(listed.name.to_owned(), formula(term));
        }
    }
    if let Some(name) = name(parts, possible, problems) {
        let (numerator, denominator) = (above, below);
        possible.insert(
            name,
            Formula::Percentage {
                numerator,
                denominator,
            },
        );
    }
}

fn formula(term: Term) -> Formula {
    match term {
        Term::Sum(measure) => Formula::Sum { measure },
        Term::Count(measure) => Formula::Count { measure },
        Term::Borrowed => Formula::Borrowed,
    }
}

/// The same term of those rows alone that meet the conditions.
fn filtered(term: Term, filter: &[Condition], measures: &mut Vec<Measure>) -> Term {
    let (Term::Sum(of) | Term::Count(of)) = term else {
        return term;
    };
    let Some(measure) = measures.get(of).cloned() else {
        return term;
    };
    let filter = filter.to_vec();
    measures.push(Measure { filter, ..measure });
    let last = measures.len() - 1;
    match term {
        Term::Sum(_) => Term::Sum(last),
        _ => Term::Count(last),
    }
}

struct Terms<'a> {
    parts: &'a Parts<'a>,
    is_filtered: bool,
}

impl Terms<'_> {
    /// What a name stands for: `sum_<column>`, `count_<column>`, a plain column, the borrowed one; where conditions
    /// make it a measure of its own, any name for the only function of a column.
    fn read(
        &self,
        listed: &Listed<'_>,
        own: Option<usize>,
        made: &Made,
        possible: &Possible,
        problems: &mut Problems,
    ) -> Option<Term> {
        match possible.get(listed.name) {
            Some(Formula::Sum { measure }) => return Some(Term::Sum(*measure)),
            Some(Formula::Count { measure }) => return Some(Term::Count(*measure)),
            _ => {}
        }
        let is_borrowed = |name: &str| {
            made.borrowed
                .as_ref()
                .is_some_and(|borrowed| borrowed.column.as_str() == name)
        };
        if is_borrowed(listed.name) || listed.name.strip_prefix("sum_").is_some_and(is_borrowed) {
            return Some(Term::Borrowed);
        }
        let column = made
            .measures
            .iter()
            .position(|measure| measure.field.as_str() == listed.name && measure.field_type.is_numeric());
        let own = own.filter(|_| self.is_filtered && !possible.contains_key(listed.name));
        let by_function = match (self.parts.functions.as_slice(), own) {
            ([only], Some(own)) if own < made.measures.len() => match only.name {
                "sum" => Some(Term::Sum(own)),
                "count" => Some(Term::Count(own)),
                _ => None,
            },
            _ => None,
        };
        let found = column.map(Term::Sum).or(by_function);
        if found.is_none() {
            let message = format!(
                "{} is neither a sum or count nor a column that is aggregated",
                quoted(listed.name)
            );
            problems.add(&listed.at, "not_a_sum", message);
        }
        found
    }
}

/// The one updated column that is nothing else.
fn name(parts: &Parts<'_>, possible: &Possible, problems: &mut Problems) -> Option<String> {
    let is_extra = |listed: &&Listed<'_>| {
        let is_group = parts.group_by.iter().any(|group| group.name == listed.name);
        !possible.contains_key(listed.name) && !is_group
    };
    let mut extra = parts.update.iter().filter(is_extra);
    match (extra.next(), extra.next()) {
        (None, _) => Some(PERCENTAGE.to_owned()),
        (Some(only), None) => Some(only.name.to_owned()),
        (Some(_), Some(second)) => {
            let message = format!(
                "{} is a second column that may be the percentage",
                quoted(second.name)
            );
            problems.add(&second.at, "unknown_output", message);
            None
        }
    }
}
