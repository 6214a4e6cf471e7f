//! The expressions of a dataset's outputs.

use millrace_core::definition::{Formula, Term};
use millrace_core::field::FieldType;

use super::feed::conditions;
use super::{OutputColumn, Selection, SelectionError, identifier};

/// A bound of a cell, kept as a number, as a value of its type: days and microseconds are counted from 1970.
///
/// An interval times a number is reckoned in double precision, which is exact here: a day's microseconds fit it, and so do
/// whole days, whose microseconds are multiples of 2^13.
fn typed_bound(field_type: FieldType, number: &str) -> String {
    match field_type {
        FieldType::Date => format!("(date '1970-01-01' + ({number})::integer)"),
        FieldType::Timestamp => format!(
            "(timestamptz '1970-01-01 00:00:00+00' + div({number}, 86400000000)::integer * interval '24 hours' \
             + mod({number}, 86400000000)::bigint * interval '1 microsecond')"
        ),
        FieldType::Text | FieldType::Integer | FieldType::Decimal | FieldType::Boolean => number.to_owned(),
    }
}

/// What is known of a measure in a group, as expressions.
struct MeasureExpressions {
    count: String,
    sum: String,
    min: String,
    max: String,
}

impl Selection<'_> {
    /// The served columns: expression, name and type of each.
    pub(super) fn outputs(&self) -> Result<Vec<(String, OutputColumn)>, SelectionError> {
        let definition = self.definition();
        let outputs = definition.outputs.iter().map(|output| {
            let column = OutputColumn {
                name: output.name.clone(),
                field_type: definition.output_type(&output.formula),
            };
            Ok((self.expression(&output.formula)?, column))
        });
        outputs.collect()
    }

    fn expression(&self, formula: &Formula) -> Result<String, SelectionError> {
        Ok(match formula {
            Formula::Sum { measure } => self.measure(*measure)?.sum,
            Formula::Count { measure } => self.measure(*measure)?.count,
            Formula::Min { measure } => self.measure(*measure)?.min,
            Formula::Max { measure } => self.measure(*measure)?.max,
            Formula::Avg { measure } => {
                let measure = self.measure(*measure)?;
                format!("ingestion.ratio({}, {})", measure.sum, measure.count)
            }
            Formula::DistinctCount { key } => format!("count(distinct {})", self.key("c", *key)?),
            Formula::Percentage {
                numerator,
                denominator,
            } => {
                let (above, below) = (self.term(*numerator)?, self.term(*denominator)?);
                format!("ingestion.ratio(100 * {above}, {below})")
            }
            Formula::Borrowed => self.term(Term::Borrowed)?,
        })
    }

    fn term(&self, term: Term) -> Result<String, SelectionError> {
        Ok(match term {
            Term::Sum(measure) => self.measure(measure)?.sum,
            Term::Count(measure) => self.measure(measure)?.count,
            Term::Borrowed => "trim_scale(sum(c.borrowed))".to_owned(),
        })
    }

    fn measure(&self, at: usize) -> Result<MeasureExpressions, SelectionError> {
        let m = at + 1;
        let unknown = || SelectionError::UnknownColumn(format!("measure {m}"));
        let measure = self.definition().measures.get(at).ok_or_else(unknown)?;
        if self.cells.cells().is_some() {
            let bound = |number: String| typed_bound(measure.field_type, &number);
            return Ok(MeasureExpressions {
                count: format!("sum(c.m{m}_count)"),
                sum: format!("(case when sum(c.m{m}_count) > 0 then trim_scale(sum(c.m{m}_sum)) end)"),
                min: bound(format!("min(c.m{m}_min)")),
                max: bound(format!("max(c.m{m}_max)")),
            });
        }
        let column = format!("c.{}", identifier(&measure.field)?);
        let filter = match conditions("c", &measure.filter)? {
            None => String::new(),
            Some(conditions) => format!(" filter (where {conditions})"),
        };
        Ok(MeasureExpressions {
            count: format!("count({column}){filter}"),
            sum: format!("trim_scale(sum({column}){filter})"),
            min: format!("min({column}){filter}"),
            max: format!("max({column}){filter}"),
        })
    }
}
