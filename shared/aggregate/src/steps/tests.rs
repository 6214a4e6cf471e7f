use millrace_core::condition::{Condition, Operator};
use millrace_core::definition::DatasetDefinition;
use millrace_core::field::FieldType;
use millrace_core::step::{Derivation, Operand, Step};
use millrace_table::block::Block;

use crate::builder::{PartialBuilder, PartialError};
use crate::plan::{AggregationPlan, PlanError};
use crate::sample::{block_of, dataset, integer_column, key, measure, name, schema, text_column};

const FIELDS: [(&str, FieldType); 5] = [
    ("year", FieldType::Text),
    ("month", FieldType::Integer),
    ("d1", FieldType::Integer),
    ("d2", FieldType::Integer),
    ("d30", FieldType::Integer),
];

fn column(text: &str) -> Operand {
    Operand::Column(name(text))
}

fn derive(to: &str, field_type: FieldType, derivation: Derivation) -> Step {
    Step::Derive {
        name: name(to),
        field_type,
        derivation,
    }
}

fn unpivot(keeps_empty: bool) -> Step {
    let columns = [("d1", "1"), ("d2", "2"), ("d30", "30")];
    Step::Unpivot {
        columns: columns
            .map(|(column, label)| (name(column), label.to_owned()))
            .into(),
        label: name("day"),
        label_type: FieldType::Integer,
        value: name("status"),
        value_type: FieldType::Integer,
        keeps_empty,
    }
}

/// Days of wide months: 1 is present, 2 absent.
fn attendance(keeps_empty: bool) -> Vec<Step> {
    let cases = |of: &str, when: &[(&str, &str)]| Derivation::Cases {
        of: name(of),
        when: when
            .iter()
            .map(|(from, to)| ((*from).to_owned(), Some((*to).to_owned())))
            .collect(),
        otherwise: None,
    };
    vec![
        unpivot(keeps_empty),
        derive(
            "y",
            FieldType::Integer,
            cases("year", &[("2020-21", "2020"), ("2021-22", "2021")]),
        ),
        derive(
            "date",
            FieldType::Date,
            Derivation::Date {
                year: column("y"),
                month: column("month"),
                day: column("day"),
            },
        ),
        derive(
            "present",
            FieldType::Integer,
            cases("status", &[("1", "1"), ("2", "0")]),
        ),
    ]
}

fn by_date(steps: Vec<Step>) -> DatasetDefinition {
    let mut dataset = dataset(
        vec![key("date", FieldType::Date)],
        vec![measure("present", FieldType::Integer, false)],
    );
    dataset.steps = steps;
    dataset
}

fn wide(months: &[i64], last: &[Option<i64>]) -> Block {
    let rows = months.len();
    block_of(vec![
        text_column(&vec![Some("2020-21"); rows]),
        integer_column(&months.iter().copied().map(Some).collect::<Vec<_>>()),
        integer_column(&vec![Some(1); rows]),
        integer_column(&vec![Some(2); rows]),
        integer_column(last),
    ])
}

fn cells(dataset: &DatasetDefinition, block: &Block) -> Result<Vec<String>, PartialError> {
    let plan = AggregationPlan::new(dataset, &schema(&FIELDS)).unwrap();
    let mut builder = PartialBuilder::new(plan);
    builder.add_block(block)?;
    let partial = builder.finish()?;
    let cell = |entry: &crate::partial::PartialEntry| {
        let measure = &entry.measures[0];
        format!("{} {} {} {}", entry.key, entry.rows, measure.count, measure.sum)
    };
    Ok(partial.entries().iter().map(cell).collect())
}

#[test]
fn a_wide_month_becomes_days() {
    let block = wide(&[7, 7, 8], &[None, Some(1), None]);
    let days = cells(&by_date(attendance(false)), &block).unwrap();
    assert_eq!(
        days,
        [
            r#"["2020-07-01"] 2 2 2"#,
            r#"["2020-07-02"] 2 2 0"#,
            r#"["2020-07-30"] 1 1 1"#,
            r#"["2020-08-01"] 1 1 1"#,
            r#"["2020-08-02"] 1 1 0"#,
        ]
    );
    let with_empty = cells(&by_date(attendance(true)), &block).unwrap();
    assert!(
        with_empty.contains(&r#"["2020-07-30"] 2 1 1"#.to_owned()),
        "{with_empty:?}"
    );
}

#[test]
fn a_day_that_is_none_refuses_the_file_with_its_line() {
    let block = wide(&[7, 2], &[None, Some(1)]);
    let PartialError::File(error) = cells(&by_date(attendance(false)), &block).unwrap_err() else {
        panic!("the file is refused")
    };
    assert_eq!((error.line, error.column.as_deref()), (Some(3), Some("date")));
    assert!(
        error.message.contains("2020, 2, 30 is no date"),
        "{}",
        error.message
    );
    // Nobody asks for an empty cell's date.
    let block = wide(&[7, 2], &[None, None]);
    assert_eq!(cells(&by_date(attendance(false)), &block).unwrap().len(), 4);
}

#[test]
fn numbers_are_exact_and_null_where_an_operand_is() {
    let total = |derivation| {
        let mut dataset = dataset(Vec::new(), vec![measure("x", FieldType::Decimal, false)]);
        dataset.steps = vec![derive("x", FieldType::Decimal, derivation)];
        cells(&dataset, &wide(&[7, 9], &[None, Some(4)])).unwrap()
    };
    let constant = |text: &str| Operand::Constant(text.to_owned());
    assert_eq!(
        total(Derivation::Sum(vec![column("month"), constant("0.1")])),
        ["[] 2 2 16.2"]
    );
    assert_eq!(
        total(Derivation::Difference(vec![column("d30"), column("d1")])),
        ["[] 2 1 3"]
    );
    assert_eq!(
        total(Derivation::Product(vec![column("month"), constant("0.25")])),
        ["[] 2 2 4"]
    );
}

#[test]
fn rows_are_filtered_between_the_steps() {
    let mut steps = attendance(false);
    steps.push(Step::Filter(vec![Condition {
        field: name("date"),
        field_type: FieldType::Date,
        operator: Operator::Greater,
        value: "2020-07-01".to_owned(),
    }]));
    let days = cells(&by_date(steps), &wide(&[7], &[None])).unwrap();
    assert_eq!(days, [r#"["2020-07-02"] 1 1 0"#]);
}

#[test]
fn a_plan_reads_what_its_steps_look_at_and_refuses_what_does_not_fit() {
    let plan = AggregationPlan::new(&by_date(attendance(false)), &schema(&FIELDS)).unwrap();
    assert_eq!(plan.columns(), [0, 1, 2, 3, 4]);
    let refused = |step: Step| {
        let found = AggregationPlan::new(&by_date(vec![step]), &schema(&FIELDS));
        found.map(|plan| plan.columns()).unwrap_err()
    };
    let of_text = Derivation::Sum(vec![column("year")]);
    assert_eq!(
        refused(derive("x", FieldType::Integer, of_text)),
        PlanError::BadStep(name("x"))
    );
    let unknown = Derivation::Sum(vec![column("nowhere")]);
    assert_eq!(
        refused(derive("x", FieldType::Integer, unknown)),
        PlanError::MissingColumn(name("nowhere"))
    );
}

/// An event may get a field of a name that a transformer's column has: what the step made is meant.
#[test]
fn what_a_step_makes_hides_a_field_that_came_later() {
    let mut fields = FIELDS.to_vec();
    fields.push(("date", FieldType::Text));
    fields.push(("day", FieldType::Text));
    let plan = AggregationPlan::new(&by_date(attendance(false)), &schema(&fields)).unwrap();
    assert_eq!(plan.columns(), [0, 1, 2, 3, 4]);
    assert!(plan.key_columns().iter().all(|column| *column >= fields.len()));
}
