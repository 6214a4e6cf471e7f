//! A dataset's formulas in words.

use millrace_core::condition::Condition;
use millrace_core::definition::{DatasetDefinition, Formula, Term};

/// How an output is made: `100 × sum(marked) ÷ sum(total)`.
#[must_use]
pub fn formula_words(definition: &DatasetDefinition, formula: &Formula) -> String {
    let of = |function: &str, measure: usize| measure_words(definition, function, measure);
    match formula {
        Formula::Sum { measure } => of("sum", *measure),
        Formula::Count { measure } => of("count", *measure),
        Formula::Min { measure } => of("min", *measure),
        Formula::Max { measure } => of("max", *measure),
        Formula::Avg { measure } => format!("{} ÷ {}", of("sum", *measure), of("count", *measure)),
        Formula::DistinctCount { key } => {
            let field = definition.keys.get(*key).map_or("", |key| key.field.as_str());
            format!("count(distinct {field})")
        }
        Formula::Percentage {
            numerator,
            denominator,
        } => format!(
            "100 × {} ÷ {}",
            term_words(definition, *numerator),
            term_words(definition, *denominator)
        ),
        Formula::Borrowed => term_words(definition, Term::Borrowed),
    }
}

fn term_words(definition: &DatasetDefinition, term: Term) -> String {
    match term {
        Term::Sum(measure) => measure_words(definition, "sum", measure),
        Term::Count(measure) => measure_words(definition, "count", measure),
        Term::Borrowed => definition.borrowed.as_ref().map_or_else(String::new, |borrowed| {
            format!("sum({} of {})", borrowed.column, borrowed.dataset)
        }),
    }
}

fn measure_words(definition: &DatasetDefinition, function: &str, measure: usize) -> String {
    let Some(measure) = definition.measures.get(measure) else {
        return String::new();
    };
    match measure.filter.as_slice() {
        [] => format!("{function}({})", measure.field),
        filter => format!("{function}({} where {})", measure.field, filter_words(filter)),
    }
}

/// Conditions: `percentage >= 50 and grade = 7`.
#[must_use]
pub fn filter_words(filter: &[Condition]) -> String {
    let word = |condition: &Condition| {
        let Condition {
            field,
            operator,
            value,
            ..
        } = condition;
        format!("{field} {} {value}", operator.as_str())
    };
    filter.iter().map(word).collect::<Vec<_>>().join(" and ")
}
