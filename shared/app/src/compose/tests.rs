use millrace_core::Name;
use millrace_core::field::FieldType;
use millrace_pdf::Alignment;
use millrace_store::datasets::Waiting;
use millrace_store::documents::{DocumentQuery, SourceVersion, Sources};
use millrace_store::selection::{Grain, OutputColumn};

use super::compose;
use crate::figures::{ChartFigures, Figures};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn query() -> DocumentQuery {
    DocumentQuery {
        dataset: name("visits"),
        group_by: vec![name("day"), name("region")],
        grain: Some(Grain::Month),
        filters: vec![(name("grade"), vec!["7".to_owned(), "8".to_owned()])],
        from: Some("2023-01-01".to_owned()),
        to: Some("2023-02-01".to_owned()),
        measures: None,
    }
}

fn column(text: &str, field_type: FieldType) -> OutputColumn {
    OutputColumn {
        name: name(text),
        field_type,
    }
}

fn figures(bars: usize) -> Figures {
    let version = |kind: &str, of: &str, files| SourceVersion {
        kind: kind.to_owned(),
        name: name(of),
        version: 3,
        files,
    };
    let bar = |at: usize| (Some(format!("r{at}")), Some(format!("{at}.5")));
    Figures {
        columns: vec![
            column("day", FieldType::Text),
            column("region", FieldType::Text),
            column("percentage", FieldType::Decimal),
        ],
        rows: vec![vec![
            Some("2023-01".to_owned()),
            None,
            Some("81.217569".to_owned()),
        ]],
        chart: Some(ChartFigures {
            column: name("day"),
            measure: name("percentage"),
            rows: (0..bars).map(bar).collect(),
            has_more: false,
        }),
        waiting: Waiting {
            keys: 12,
            cells: 20,
            rows: 30,
            examples: vec!["a".to_owned(), "b".to_owned()],
        },
        sources: Sources {
            as_of: "2024-01-19T08:15:03.123Z".to_owned(),
            versions: vec![
                version("dataset", "visits", 2),
                version("dimension", "regions", 1),
            ],
        },
        dimension: Some(name("regions")),
    }
}

#[test]
fn a_reader_is_told_what_the_figures_are() {
    let document = compose("Visits", &query(), figures(2));
    let facts: Vec<String> = document
        .facts
        .iter()
        .map(|fact| format!("{}: {}", fact.label, fact.value))
        .collect();
    let expected = [
        "Dataset: visits",
        "Grouped by: day, region; dates by month",
        "Period: from 2023-01-01 on, before 2023-02-01",
        "Filters: grade: 7 or 8",
        "As of: 2024-01-19 08:15:03.123 UTC",
        "Source versions: dataset visits: version 3, from 2 files\ndimension regions: version 3, from 1 file",
        "Waiting rows: 30 rows of the dataset, in 20 cells, are not counted: regions lacks 12 keys (a, b, …)",
        "Rows: 1",
    ];
    assert_eq!(facts, expected);
    let alignments: Vec<Alignment> = document
        .table
        .columns
        .iter()
        .map(|column| column.alignment)
        .collect();
    assert_eq!(alignments, [Alignment::Text, Alignment::Text, Alignment::Number]);
    assert_eq!(document.table.rows[0][2].as_deref(), Some("81.217569"));
    assert_eq!(compose("Visits", &query(), figures(2)), document);
}

#[test]
fn a_query_without_limits_says_so() {
    let bare = DocumentQuery {
        group_by: Vec::new(),
        grain: None,
        filters: Vec::new(),
        from: None,
        to: None,
        ..query()
    };
    let mut of_nothing = figures(0);
    of_nothing.chart = None;
    of_nothing.waiting = Waiting::default();
    let document = compose("Visits", &bare, of_nothing);
    let value = |label: &str| {
        let fact = document.facts.iter().find(|fact| fact.label == label);
        fact.map(|fact| fact.value.clone()).unwrap()
    };
    assert_eq!(value("Grouped by"), "nothing: one total");
    assert_eq!(
        (value("Period"), value("Filters")),
        ("all days".to_owned(), "none".to_owned())
    );
    assert_eq!(value("Waiting rows"), "none");
    assert_eq!(document.chart, None);
}

#[test]
fn a_chart_says_what_it_leaves_out() {
    let caption = |figures: Figures| {
        compose("x", &query(), figures)
            .chart
            .map(|chart| (chart.caption, chart.bars.len()))
    };
    assert_eq!(caption(figures(25)), Some(("percentage by day".to_owned(), 25)));
    assert_eq!(
        caption(figures(26)),
        Some(("percentage by day (the first 25 of 26)".to_owned(), 25))
    );
    let mut holes = figures(3);
    let chart = holes.chart.as_mut().unwrap();
    chart.rows[0] = (None, Some("-1".to_owned()));
    chart.rows[1].1 = None;
    assert_eq!(
        caption(holes),
        Some(("percentage by day; 1 without a value".to_owned(), 2))
    );
    let mut endless = figures(26);
    endless.chart.as_mut().unwrap().has_more = true;
    assert_eq!(
        caption(endless),
        Some(("percentage by day (the first 25 of more)".to_owned(), 25))
    );
    assert_eq!(caption(figures(0)), None);
    let mut beyond = figures(1);
    beyond.chart.as_mut().unwrap().rows[0].1 = Some("9".repeat(200));
    assert_eq!(caption(beyond), None, "no figure is drawn that is not exact");
}
