//! Transformer bodies: a plan over an event's rows.

mod date;

use millrace_core::Name;
use millrace_core::condition::{Condition, Literal, Operator};
use millrace_core::definition::{EventDefinition, SpecKind};
use millrace_core::field::FieldType;
use millrace_core::step::{Derivation, Operand, Step, TransformerDefinition};
use serde_json::{Map, Value};

use crate::pointer::Pointer;
use crate::problem::{Problems, SpecErrors, quoted};
use crate::schema;

/// The most rows that a plan may make of one: as many as a row can have columns.
const MAX_ROWS_OF_ONE: usize = 2_000;

/// The event whose rows a transformer's body names; none when the body breaks its schema.
#[must_use]
pub fn transformed_event(body: &Value) -> Option<&str> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Transformer, body, &mut problems);
    match problems.is_empty() {
        true => event_name(body),
        false => None,
    }
}

fn event_name(body: &Value) -> Option<&str> {
    body.get("event_name")?.as_str()
}

/// Checks a transformer's body against its event and compiles it; without the event it is told that there is none.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_transformer(
    body: &Value,
    event: Option<&EventDefinition>,
) -> Result<TransformerDefinition, SpecErrors> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Transformer, body, &mut problems);
    if !problems.is_empty() {
        return problems.refuse(None);
    }
    let definition = compile(body, event, &mut problems);
    problems.refuse(definition)
}

fn compile(
    body: &Value,
    event: Option<&EventDefinition>,
    problems: &mut Problems,
) -> Option<TransformerDefinition> {
    let name = Name::parse(body.get("transformer_name")?.as_str()?).ok()?;
    let event_name = event_name(body)?;
    let Some(event) = event else {
        let message = format!("there is no event {}", quoted(event_name));
        problems.add(&Pointer::of(&["event_name"]), "unknown_event", message);
        return None;
    };
    let fields = event.fields.iter();
    let mut plan = PlanReader {
        columns: fields
            .map(|field| (field.name.clone(), field.field_type))
            .collect(),
        names: fields_of(event),
        steps: Vec::new(),
        rows: 1,
    };
    let steps = body.get("steps")?.as_array()?;
    for (index, step) in steps.iter().enumerate() {
        let at = Pointer::of(&["steps"]).item(index);
        let (member, value) = step.as_object()?.iter().next()?;
        let at = at.member(member);
        match member.as_str() {
            "filter" => plan.filter(value, &at, problems),
            "derive" => plan.derive(value, &at, problems),
            _ => plan.unpivot(value, &at, problems),
        };
    }
    Some(TransformerDefinition {
        name,
        event: event.name.clone(),
        steps: plan.steps,
        columns: plan.columns,
    })
}

fn fields_of(event: &EventDefinition) -> Vec<Name> {
    event.fields.iter().map(|field| field.name.clone()).collect()
}

/// A plan that is being read, and the columns that its rows have so far.
struct PlanReader {
    columns: Vec<(Name, FieldType)>,
    /// The names of those that were ever there: none is used twice.
    names: Vec<Name>,
    steps: Vec<Step>,
    /// How many rows one becomes, at most.
    rows: usize,
}

impl PlanReader {
    fn column(&self, name: &str, at: &Pointer, problems: &mut Problems) -> Option<(Name, FieldType)> {
        let found = self.columns.iter().find(|(column, _)| column.as_str() == name);
        if found.is_none() {
            let message = format!("the rows have no column {} at this step", quoted(name));
            problems.add(at, "unknown_column", message);
        }
        found.cloned()
    }

    /// A name that no column has yet.
    fn new_column(&mut self, value: &Value, at: &Pointer, problems: &mut Problems) -> Option<Name> {
        let name = Name::parse(value.as_str()?).ok()?;
        let is_there = |column: &Name| column.as_str().eq_ignore_ascii_case(name.as_str());
        if self.names.iter().any(is_there) {
            problems.add(
                at,
                "duplicate_name",
                format!("{name} is the name of another column"),
            );
            return None;
        }
        self.names.push(name.clone());
        Some(name)
    }

    fn filter(&mut self, conditions: &Value, at: &Pointer, problems: &mut Problems) -> Option<()> {
        let mut read = Vec::new();
        for (index, condition) in conditions.as_array()?.iter().enumerate() {
            let at = at.item(index);
            let text = |member: &str| condition.get(member).and_then(Value::as_str);
            let (field, field_type) = self.column(text("column")?, &at.member("column"), problems)?;
            let operator = Operator::parse(text("operator")?)?;
            let value = text("value")?.to_owned();
            if !operator.is_equality() && matches!(field_type, FieldType::Text | FieldType::Boolean) {
                let message =
                    format!("{field} is neither a number nor a date: only = and != are defined for it");
                problems.add(&at.member("operator"), "unknown_operator", message);
            }
            if Literal::parse(field_type, &value).is_none() || value.contains('\0') {
                let message = format!("{} cannot be compared with {field}", quoted(&value));
                problems.add(&at.member("value"), "wrong_type", message);
            }
            read.push(Condition {
                field,
                field_type,
                operator,
                value,
            });
        }
        self.steps.push(Step::Filter(read));
        Some(())
    }

    fn derive(&mut self, derive: &Value, at: &Pointer, problems: &mut Problems) -> Option<()> {
        let rules = ["date", "sum", "difference", "product", "cases"];
        let rule = rules.into_iter().find(|rule| derive.get(*rule).is_some())?;
        let field_type = match (rule, derive.get("type").and_then(Value::as_str)) {
            ("date", None | Some("date")) => FieldType::Date,
            ("date", Some(_)) => {
                problems.add(&at.member("type"), "wrong_type", "a date is a date");
                return None;
            }
            ("cases", declared) => type_of(declared.unwrap_or("string")),
            (_, declared) => type_of(declared.unwrap_or("number")),
        };
        if matches!(rule, "sum" | "difference" | "product") && !field_type.is_numeric() {
            problems.add(&at.member("type"), "wrong_type", "must be integer or number");
            return None;
        }
        let derivation = self.derivation(rule, derive.get(rule)?, field_type, &at.member(rule), problems)?;
        let name = self.new_column(derive.get("column")?, &at.member("column"), problems)?;
        self.columns.push((name.clone(), field_type));
        self.steps.push(Step::Derive {
            name,
            field_type,
            derivation,
        });
        Some(())
    }

    fn derivation(
        &self,
        rule: &str,
        value: &Value,
        field_type: FieldType,
        at: &Pointer,
        problems: &mut Problems,
    ) -> Option<Derivation> {
        if rule == "date" {
            let mut part = |member: &str| self.operand(value.get(member)?, &at.member(member), problems);
            let (year, month, day) = (part("year"), part("month"), part("day"));
            let (year, month, day) = (year?, month?, day?);
            date::check([&year, &month, &day], at, problems);
            return Some(Derivation::Date { year, month, day });
        }
        if rule == "cases" {
            return self.cases(value, field_type, at, problems);
        }
        let operands = value.as_array()?.iter().enumerate();
        let operands: Vec<Option<Operand>> = operands
            .map(|(index, operand)| self.operand(operand, &at.item(index), problems))
            .collect();
        let operands: Vec<Operand> = operands.into_iter().collect::<Option<_>>()?;
        Some(match rule {
            "sum" => Derivation::Sum(operands),
            "difference" => Derivation::Difference(operands),
            _ => Derivation::Product(operands),
        })
    }

    fn operand(&self, operand: &Value, at: &Pointer, problems: &mut Problems) -> Option<Operand> {
        if let Some(constant) = operand.get("value").and_then(Value::as_str) {
            if Literal::parse(FieldType::Decimal, constant).is_none() {
                let message = format!("{} is no number", quoted(constant));
                problems.add(&at.member("value"), "wrong_type", message);
                return None;
            }
            return Some(Operand::Constant(constant.to_owned()));
        }
        let at = at.member("column");
        let (name, field_type) = self.column(operand.get("column")?.as_str()?, &at, problems)?;
        if !field_type.is_numeric() {
            problems.add(&at, "not_numeric", format!("{name} is not a number"));
            return None;
        }
        Some(Operand::Column(name))
    }

    fn cases(
        &self,
        cases: &Value,
        field_type: FieldType,
        at: &Pointer,
        problems: &mut Problems,
    ) -> Option<Derivation> {
        let (of, of_type) = self.column(cases.get("of")?.as_str()?, &at.member("of"), problems)?;
        let mut result = |value: Option<&Value>, at: &Pointer| {
            let text = value.and_then(Value::as_str);
            if text.is_some_and(|text| Literal::parse(field_type, text).is_none() || text.contains('\0')) {
                problems.add(at, "wrong_type", "is not of the column's type");
            }
            text.map(str::to_owned)
        };
        let otherwise = result(cases.get("otherwise"), &at.member("otherwise"));
        let mut when = Vec::new();
        for (from, to) in cases.get("when")?.as_object()? {
            let at = at.member("when").member(from);
            when.push((from.clone(), result(Some(to), &at)));
        }
        for (from, _) in when
            .iter()
            .filter(|(from, _)| Literal::parse(of_type, from).is_none())
        {
            let message = format!("{} is not of the type of {of}", quoted(from));
            problems.add(&at.member("when").member(from), "wrong_type", message);
        }
        Some(Derivation::Cases { of, when, otherwise })
    }

    fn unpivot(&mut self, unpivot: &Value, at: &Pointer, problems: &mut Problems) -> Option<()> {
        let listed: &Map<String, Value> = unpivot.get("columns")?.as_object()?;
        self.rows = self.rows.saturating_mul(listed.len());
        if self.rows > MAX_ROWS_OF_ONE {
            let message = format!("makes up to {} rows of one; at most {MAX_ROWS_OF_ONE}", self.rows);
            problems.add(&at.member("columns"), "out_of_limits", message);
        }
        let label_type = type_of(
            unpivot
                .get("label_type")
                .and_then(Value::as_str)
                .unwrap_or("string"),
        );
        let mut columns = Vec::with_capacity(listed.len());
        let mut value_type = None;
        for (name, label) in listed {
            let at = at.member("columns").member(name);
            let (column, field_type) = self.column(name, &at, problems)?;
            if *value_type.get_or_insert(field_type) != field_type {
                let message = "is of another type than the columns before it";
                problems.add(&at, "wrong_type", message);
            }
            let label = label.as_str()?;
            if Literal::parse(label_type, label).is_none() {
                let message = format!("{} is no whole number", quoted(label));
                problems.add(&at, "wrong_type", message);
            }
            columns.push((column, label.to_owned()));
        }
        let value_type = value_type?;
        self.columns
            .retain(|(column, _)| columns.iter().all(|(wide, _)| wide != column));
        let label = self.new_column(unpivot.get("label")?, &at.member("label"), problems)?;
        self.columns.push((label.clone(), label_type));
        let value = self.new_column(unpivot.get("value")?, &at.member("value"), problems)?;
        self.columns.push((value.clone(), value_type));
        let keeps_empty = unpivot.get("keeps_empty").and_then(Value::as_bool);
        self.steps.push(Step::Unpivot {
            columns,
            label,
            label_type,
            value,
            value_type,
            keeps_empty: keeps_empty.unwrap_or_default(),
        });
        Some(())
    }
}

fn type_of(declared: &str) -> FieldType {
    match declared {
        "integer" => FieldType::Integer,
        "number" => FieldType::Decimal,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        _ => FieldType::Text,
    }
}
