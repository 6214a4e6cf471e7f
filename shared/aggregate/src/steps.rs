//! A transformer's steps over blocks: filter, derive, unpivot.
//!
//! Columns keep their positions: what a step makes stands behind what was there.

use millrace_core::Name;
use millrace_core::condition::Literal;
use millrace_core::decimal::{Decimal, DecimalError};
use millrace_core::field::FieldType;
use millrace_core::row_error::{FileError, Rule};
use millrace_core::step::{Derivation, Operand, Step};
use millrace_core::value;
use millrace_table::block::{Block, Column, ColumnData, PartSchema, Validity};

use crate::builder::PartialError;
use crate::filter::RowFilter;
use crate::plan::{PlanError, find};

/// Steps whose columns were found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StepPlan {
    steps: Vec<Planned>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Planned {
    Filter(RowFilter),
    Derive {
        name: Name,
        field_type: FieldType,
        rule: DeriveRule,
    },
    Unpivot {
        columns: Vec<usize>,
        labels: Vec<Literal>,
        label_type: FieldType,
        value_type: FieldType,
        keeps_empty: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum DeriveRule {
    Date([PlannedOperand; 3]),
    Sum(Vec<PlannedOperand>),
    Difference(Vec<PlannedOperand>),
    Product(Vec<PlannedOperand>),
    Cases {
        of: usize,
        when: Vec<(Literal, Option<Literal>)>,
        otherwise: Option<Literal>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PlannedOperand {
    Column(usize),
    Constant(Decimal),
}

impl PlannedOperand {
    fn value(&self, block: &Block, row: usize) -> Option<Decimal> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Column(at) => block.columns.get(*at)?.literal_at(row)?.as_decimal(),
        }
    }
}

impl StepPlan {
    /// Finds the columns of the steps; answers the schema behind them too.
    pub(crate) fn new(steps: &[Step], schema: &PartSchema) -> Result<(Self, PartSchema), PlanError> {
        let mut schema = schema.clone();
        let mut planned = Vec::with_capacity(steps.len());
        for step in steps {
            planned.push(plan_step(step, &mut schema)?);
        }
        Ok((Self { steps: planned }, schema))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Positions of the columns that are looked at.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        for step in &self.steps {
            match step {
                Planned::Filter(filter) => columns.extend(filter.columns()),
                Planned::Unpivot { columns: of, .. } => columns.extend(of),
                Planned::Derive { rule, .. } => columns.extend(rule.columns()),
            }
        }
        columns
    }

    /// Runs the steps over a block; of its columns only the wanted ones are kept.
    pub(crate) fn run(&self, block: &Block, wanted: &[usize]) -> Result<Block, PartialError> {
        let keep = |(at, column): (usize, &ColumnData)| match wanted.contains(&at) {
            true => column.clone(),
            false => absent(),
        };
        let mut block = Block {
            records: block.records.clone(),
            lines: block.lines.clone(),
            columns: block.columns.iter().enumerate().map(keep).collect(),
        };
        for step in &self.steps {
            block = step.run(block)?;
        }
        Ok(block)
    }
}

fn absent() -> ColumnData {
    ColumnData {
        validity: Validity::All,
        values: Column::Absent,
    }
}

fn plan_step(step: &Step, schema: &mut PartSchema) -> Result<Planned, PlanError> {
    match step {
        Step::Filter(conditions) => Ok(Planned::Filter(RowFilter::new(conditions, schema)?)),
        Step::Derive {
            name,
            field_type,
            derivation,
        } => {
            let rule = plan_derivation(name, *field_type, derivation, schema)?;
            schema.fields.push((name.clone(), *field_type));
            Ok(Planned::Derive {
                name: name.clone(),
                field_type: *field_type,
                rule,
            })
        }
        Step::Unpivot {
            columns,
            label,
            label_type,
            value,
            value_type,
            keeps_empty,
        } => {
            let position = |(column, _): &(Name, String)| find(schema, column, *value_type);
            let positions = columns.iter().map(position).collect::<Result<_, _>>()?;
            let literal = |(_, text): &(Name, String)| {
                Literal::parse(*label_type, text).ok_or_else(|| PlanError::BadStep(label.clone()))
            };
            let labels = columns.iter().map(literal).collect::<Result<_, _>>()?;
            schema.fields.push((label.clone(), *label_type));
            schema.fields.push((value.clone(), *value_type));
            Ok(Planned::Unpivot {
                columns: positions,
                labels,
                label_type: *label_type,
                value_type: *value_type,
                keeps_empty: *keeps_empty,
            })
        }
    }
}

fn plan_derivation(
    name: &Name,
    field_type: FieldType,
    derivation: &Derivation,
    schema: &PartSchema,
) -> Result<DeriveRule, PlanError> {
    let bad = || PlanError::BadStep(name.clone());
    let operand = |operand: &Operand| match operand {
        Operand::Constant(text) => {
            let value = value::decimal(text.as_bytes()).ok_or_else(bad)?;
            Ok(PlannedOperand::Constant(value))
        }
        Operand::Column(column) => {
            let at = schema
                .position(column)
                .ok_or_else(|| PlanError::MissingColumn(column.clone()))?;
            match schema.fields[at].1.is_numeric() {
                true => Ok(PlannedOperand::Column(at)),
                false => Err(bad()),
            }
        }
    };
    let all = |operands: &[Operand]| operands.iter().map(operand).collect::<Result<Vec<_>, _>>();
    Ok(match derivation {
        Derivation::Date { year, month, day } => {
            DeriveRule::Date([operand(year)?, operand(month)?, operand(day)?])
        }
        Derivation::Sum(operands) => DeriveRule::Sum(all(operands)?),
        Derivation::Difference(operands) => DeriveRule::Difference(all(operands)?),
        Derivation::Product(operands) => DeriveRule::Product(all(operands)?),
        Derivation::Cases { of, when, otherwise } => {
            let at = schema
                .position(of)
                .ok_or_else(|| PlanError::MissingColumn(of.clone()))?;
            let of_type = schema.fields[at].1;
            let result = |text: &Option<String>| match text {
                None => Ok(None),
                Some(text) => Literal::parse(field_type, text).map(Some).ok_or_else(bad),
            };
            let case = |(from, to): &(String, Option<String>)| {
                let from = Literal::parse(of_type, from).ok_or_else(bad)?;
                Ok((from, result(to)?))
            };
            DeriveRule::Cases {
                of: at,
                when: when.iter().map(case).collect::<Result<_, _>>()?,
                otherwise: result(otherwise)?,
            }
        }
    })
}

impl Planned {
    fn run(&self, mut block: Block) -> Result<Block, PartialError> {
        match self {
            Self::Filter(filter) => {
                let meets = filter.rows(&block);
                let rows: Vec<usize> = (0..block.rows()).filter(|row| meets.is_valid(*row)).collect();
                Ok(picked(&block, &rows))
            }
            Self::Derive {
                name,
                field_type,
                rule,
            } => {
                let mut values = Vec::with_capacity(block.rows());
                for row in 0..block.rows() {
                    let line = block.lines.get(row).copied();
                    let value = rule.value(&block, row, *field_type);
                    values.push(value.map_err(|message| refused(name, line, &message))?);
                }
                block.columns.push(ColumnData::of_literals(*field_type, &values));
                Ok(block)
            }
            Self::Unpivot {
                columns,
                labels,
                label_type,
                value_type,
                keeps_empty,
            } => {
                let (mut rows, mut label, mut value) = (Vec::new(), Vec::new(), Vec::new());
                for row in 0..block.rows() {
                    for (column, text) in columns.iter().zip(labels) {
                        let found = block
                            .columns
                            .get(*column)
                            .and_then(|column| column.literal_at(row));
                        if found.is_some() || *keeps_empty {
                            rows.push(row);
                            label.push(Some(text.clone()));
                            value.push(found);
                        }
                    }
                }
                // Nothing behind asks for the wide columns: a plan may not name them again.
                for column in columns {
                    block.columns[*column] = absent();
                }
                let mut block = picked(&block, &rows);
                block.columns.push(ColumnData::of_literals(*label_type, &label));
                block.columns.push(ColumnData::of_literals(*value_type, &value));
                Ok(block)
            }
        }
    }
}

fn picked(block: &Block, rows: &[usize]) -> Block {
    Block {
        records: rows.iter().map(|row| block.records[*row]).collect(),
        lines: rows.iter().map(|row| block.lines[*row]).collect(),
        columns: block.columns.iter().map(|column| column.gather(rows)).collect(),
    }
}

impl DeriveRule {
    fn columns(&self) -> Vec<usize> {
        let of = |operands: &[PlannedOperand]| {
            let columns = operands.iter().filter_map(|operand| match operand {
                PlannedOperand::Column(at) => Some(*at),
                PlannedOperand::Constant(_) => None,
            });
            columns.collect()
        };
        match self {
            Self::Date(operands) => of(operands),
            Self::Sum(operands) | Self::Difference(operands) | Self::Product(operands) => of(operands),
            Self::Cases { of, .. } => vec![*of],
        }
    }

    /// The value of a row; a text says why the file has to be refused.
    fn value(&self, block: &Block, row: usize, field_type: FieldType) -> Result<Option<Literal>, String> {
        match self {
            Self::Date(operands) => {
                let values = operands.each_ref().map(|operand| operand.value(block, row));
                match values {
                    [Some(year), Some(month), Some(day)] => date(year, month, day).map(Some),
                    _ => Ok(None),
                }
            }
            Self::Sum(operands) => folded(block, row, field_type, operands, Decimal::checked_add),
            Self::Difference(operands) => folded(block, row, field_type, operands, Decimal::checked_sub),
            Self::Product(operands) => folded(block, row, field_type, operands, Decimal::checked_mul),
            Self::Cases { of, when, otherwise } => {
                let found = block.columns.get(*of).and_then(|column| column.literal_at(row));
                let Some(found) = found else {
                    return Ok(None);
                };
                let case = when.iter().find(|(from, _)| *from == found);
                Ok(case.map_or(otherwise, |(_, to)| to).clone())
            }
        }
    }
}

fn date(year: Decimal, month: Decimal, day: Decimal) -> Result<Literal, String> {
    let [y, m, d] = [year, month, day].map(|number| number.to_string());
    let written = format!("{y:0>4}-{m:0>2}-{d:0>2}");
    Literal::parse(FieldType::Date, &written).ok_or_else(|| format!("{year}, {month}, {day} is no date"))
}

fn folded(
    block: &Block,
    row: usize,
    field_type: FieldType,
    operands: &[PlannedOperand],
    add: impl Fn(Decimal, Decimal) -> Result<Decimal, DecimalError>,
) -> Result<Option<Literal>, String> {
    let mut total: Option<Decimal> = None;
    for operand in operands {
        let Some(value) = operand.value(block, row) else {
            return Ok(None);
        };
        let next = match total {
            None => Ok(value),
            Some(total) => add(total, value),
        };
        total = Some(next.map_err(|_| "the number does not fit 38 digits".to_owned())?);
    }
    let Some(total) = total else {
        return Ok(None);
    };
    let literal = Literal::parse(field_type, &total.to_string());
    literal
        .map(Some)
        .ok_or_else(|| format!("{total} is not of the column's type"))
}

fn refused(column: &Name, line: Option<u64>, message: &str) -> PartialError {
    PartialError::File(FileError {
        rule: Rule::OutOfRange,
        line,
        column: Some(column.to_string()),
        message: format!("{column} cannot be derived: {message}"),
        rows: None,
    })
}

#[cfg(test)]
mod tests;
