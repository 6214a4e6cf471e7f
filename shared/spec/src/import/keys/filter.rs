//! The filter of a row of `dataset_keys.csv`.

use millrace_core::Decimal;

use super::super::cells::Filter;
use super::super::identifier::identifier;
use super::super::table::is_nothing;
use super::dataset::Types;
use super::kpi::Kpi;
use super::template::Template;
use crate::problem::quoted;

const OPERATORS: [&str; 6] = [">=", "<=", "!=", ">", "<", "="];
const COLUMNS: [&str; 3] = ["filter_col", "filter_type", "filter"];

impl Kpi<'_> {
    /// The filter, where the template has one.
    pub(super) fn filter(
        &mut self,
        template: Template,
        event: &str,
        source: Option<&str>,
        types: &Types,
    ) -> Option<Filter> {
        let written = COLUMNS.map(|column| self.cell(column).to_owned());
        if written.iter().all(|cell| is_nothing(cell)) {
            if template.is_filtered {
                self.wrong("filter_col", "missing_value", "the template filters rows");
            }
            return None;
        }
        for (column, cell) in COLUMNS.into_iter().zip(&written) {
            if is_nothing(cell) {
                self.wrong(
                    column,
                    "missing_value",
                    "the three columns of a filter go together",
                );
            }
        }
        if !template.is_filtered && template.is_ratio {
            self.wrong("filter_col", "contradiction", "the template does not filter rows");
        }
        let [column, operator, value] = written;
        let operator = operator
            .trim_start_matches('{')
            .trim_end_matches('}')
            .trim()
            .to_owned();
        if !operator.is_empty() && !OPERATORS.contains(&operator.as_str()) {
            let reason = format!("{} is none of {}", quoted(&operator), OPERATORS.join(", "));
            self.wrong("filter_type", "unknown_operator", reason);
        }
        let column = identifier(&column);
        let declared = match types.of_feed(event, source) {
            None => None,
            Some(columns) => {
                let declared = columns.get(&column);
                if declared.is_none() {
                    let feed = source.unwrap_or(event);
                    self.wrong(
                        "filter_col",
                        "unknown_column",
                        format!("{feed} has no column {}", quoted(&column)),
                    );
                }
                declared.map(String::as_str)
            }
        };
        let value_type = self.value_type(&value, declared)?;
        Some(Filter {
            column,
            operator,
            value_type,
            value,
        })
    }

    /// The type of what is compared with: that of the column where it is known here, else what the value looks like.
    fn value_type(&mut self, value: &str, declared: Option<&str>) -> Option<&'static str> {
        let is_number = value.parse::<Decimal>().is_ok();
        let is_whole = value.parse::<i64>().is_ok();
        let found = match declared {
            Some("integer") => is_whole.then_some("integer"),
            Some("number") => is_number.then_some("number"),
            Some("string") => Some("string"),
            Some(_) => None,
            None if is_number => Some("number"),
            None => Some("string"),
        };
        if found.is_none() {
            let reason = format!(
                "{} is no {} as its column is",
                quoted(value),
                declared.unwrap_or_default()
            );
            self.wrong("filter", "wrong_type", reason);
        }
        found
    }
}
