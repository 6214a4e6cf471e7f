//! A page of rows as a table of text.

use serde_json::Value;

/// The name of a column, which may come with its type.
pub(super) fn column_name(column: &Value) -> String {
    column["name"]
        .as_str()
        .map_or_else(|| text(column), str::to_owned)
}

/// A value without quotes; nothing for null.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Aligned columns: texts to the left, figures to the right.
pub(super) fn render(page: &Value) -> String {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let columns = list(&page["columns"]);
    let head: Vec<String> = columns.iter().map(column_name).collect();
    let rows: Vec<Vec<String>> = list(&page["rows"])
        .iter()
        .map(|row| list(row).iter().map(text).collect())
        .collect();
    let width = |place: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(place))
            .chain(head.get(place));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let is_figure = |place: usize| {
        rows.iter()
            .filter_map(|row| row.get(place))
            .all(|cell| cell.parse::<f64>().is_ok() || cell.is_empty())
    };
    let line = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(place, cell)| {
            let width = width(place);
            if is_figure(place) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        format!("  {}", padded.collect::<Vec<_>>().join("  "))
            .trim_end()
            .to_owned()
    };
    let rule: Vec<String> = (0..head.len()).map(|place| "-".repeat(width(place))).collect();
    let body = rows.iter().map(|row| line(row));
    let lines: Vec<String> = [line(&head), line(&rule)].into_iter().chain(body).collect();
    format!("{}\n", lines.join("\n"))
}
