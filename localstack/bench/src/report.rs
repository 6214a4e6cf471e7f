//! Figures, the table that people read and the JSON that programs read.

use std::fmt::Write as _;

use serde::Serialize;

use crate::goal::Goal;
use crate::statistics::Spread;

/// A figure: a value a round and, where it has a yardstick, the yardstick's value of the same round.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub subject: String,
    /// Which of its figures.
    pub name: &'static str,
    /// The unit of the values.
    pub unit: &'static str,
    /// A value a round.
    pub values: Vec<f64>,
    /// The yardstick's name and its values, round by round.
    pub yardstick: Option<(&'static str, Vec<f64>)>,
    /// What the ratio has to be.
    pub goal: Option<Goal>,
}

/// A figure as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub subject: String,
    /// Which of its figures.
    pub name: &'static str,
    /// The unit of the values.
    pub unit: &'static str,
    /// The values over the rounds.
    pub value: Spread,
    /// What the ratio is to.
    pub yardstick: Option<&'static str>,
    /// The ratios of each round to the yardstick of the same round.
    pub ratio: Option<Spread>,
    /// What the median ratio has to be.
    pub goal: Option<Goal>,
    /// Whether it is.
    pub is_met: Option<bool>,
}

impl Figure {
    /// The figure over its rounds; none when it has no values.
    #[must_use]
    pub fn row(&self) -> Option<Row> {
        let yardstick = self.yardstick.as_ref();
        let ratio = yardstick.and_then(|(_, yardstick)| {
            let pairs = self.values.iter().zip(yardstick);
            Spread::of(&pairs.map(|(value, one)| value / one).collect::<Vec<_>>())
        });
        let is_met = self.goal.zip(ratio.as_ref());
        let is_met = is_met.map(|(goal, ratio)| goal.is_met(ratio.median));
        Some(Row {
            subject: self.subject.clone(),
            name: self.name,
            unit: self.unit,
            value: Spread::of(&self.values)?,
            yardstick: yardstick.map(|(name, _)| *name),
            ratio,
            goal: self.goal,
            is_met,
        })
    }
}

/// The table of a stage.
#[must_use]
pub fn table(title: &str, rows: &[Row]) -> String {
    let head = [
        "",
        "",
        "median",
        "min – max",
        "ratio",
        "min – max",
        "to",
        "goal",
        "",
    ]
    .map(str::to_owned);
    let mut lines = vec![head];
    for row in rows {
        let ratio = row.ratio.as_ref();
        let is_met = row.is_met.map(|is_met| if is_met { "met" } else { "MISSED" });
        lines.push([
            row.subject.clone(),
            row.name.to_owned(),
            format!("{} {}", number(row.value.median), row.unit),
            format!("{} – {}", number(row.value.min), number(row.value.max)),
            ratio.map(|ratio| number(ratio.median)).unwrap_or_default(),
            ratio
                .map(|ratio| format!("{} – {}", number(ratio.min), number(ratio.max)))
                .unwrap_or_default(),
            row.yardstick.unwrap_or_default().to_owned(),
            row.goal.map(|goal| goal.to_string()).unwrap_or_default(),
            is_met.unwrap_or_default().to_owned(),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..9).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = format!("\n{title}\n");
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                2..=5 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}

/// Three digits that matter, thousands apart.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 9.995 {
        return format!("{value:.2}");
    }
    if magnitude < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Figure, number, table};
    use crate::goal::Goal;

    fn figure(goal: Goal) -> Figure {
        Figure {
            subject: "worker".to_owned(),
            name: "first answer",
            unit: "ms",
            values: vec![4.0, 9.0, 5.0],
            yardstick: Some(("hello", vec![2.0, 2.0, 2.5])),
            goal: Some(goal),
        }
    }

    /// Each round is compared with its own yardstick: the median of ratios, not the ratio of medians.
    #[test]
    fn ratios_are_made_round_by_round() {
        let row = figure(Goal::AtMost(2.0)).row().unwrap();
        assert_eq!((row.value.median, row.value.min, row.value.max), (5.0, 4.0, 9.0));
        let ratio = row.ratio.unwrap();
        assert_eq!((ratio.median, ratio.min, ratio.max), (2.0, 2.0, 4.5));
        assert_eq!(row.is_met, Some(true));
        assert_eq!(figure(Goal::AtMost(1.99)).row().unwrap().is_met, Some(false));
        assert_eq!(figure(Goal::AtLeast(2.0)).row().unwrap().is_met, Some(true));
        assert_eq!(figure(Goal::AtLeast(2.1)).row().unwrap().is_met, Some(false));
        let without = Figure {
            values: Vec::new(),
            ..figure(Goal::AtMost(2.0))
        };
        assert!(without.row().is_none());
    }

    #[test]
    fn numbers_have_three_digits_and_thousands_stand_apart() {
        let values = [
            0.0,
            1.234,
            9.996,
            12.34,
            99.96,
            999.4,
            1000.0,
            1_234_567.8,
            -1000.0,
        ];
        let texts = [
            "0.00",
            "1.23",
            "10.0",
            "12.3",
            "100",
            "999",
            "1,000",
            "1,234,568",
            "-1,000",
        ];
        assert_eq!(values.map(number), texts);
    }

    #[test]
    fn the_table_shows_what_was_missed() {
        let rows = [figure(Goal::AtMost(1.5)).row().unwrap()];
        let text = table("Functions", &rows);
        assert!(text.contains("first answer  5.00 ms"), "{text}");
        assert!(text.contains("≤ 1.5  MISSED"), "{text}");
    }
}
