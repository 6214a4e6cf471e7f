//! What a transformer does to the rows of an event before they are grouped.

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::field::FieldType;
use crate::name::Name;

/// One step of a transformer's plan: rows in, rows out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Keeps the rows that meet all conditions.
    Filter(Vec<Condition>),
    /// Adds a column.
    Derive {
        /// The column.
        name: Name,
        /// Its type.
        field_type: FieldType,
        /// What it holds.
        derivation: Derivation,
    },
    /// Makes a row of every value of several columns: a wide row becomes a long one.
    Unpivot {
        /// The columns, all of one type, each with its label.
        columns: Vec<(Name, String)>,
        /// The column that gets the label.
        label: Name,
        /// The label's type: text or integer.
        label_type: FieldType,
        /// The column that gets the value.
        value: Name,
        /// The value's type.
        value_type: FieldType,
        /// Whether an empty cell makes a row too.
        keeps_empty: bool,
    },
}

/// What a derived column holds; null where one of its operands is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Derivation {
    /// The calendar day of three whole numbers.
    Date {
        /// Its year, of four digits.
        year: Operand,
        /// Its month, 1 to 12.
        month: Operand,
        /// Its day, from 1.
        day: Operand,
    },
    /// All operands added up.
    Sum(Vec<Operand>),
    /// The first operand less the others.
    Difference(Vec<Operand>),
    /// All operands multiplied.
    Product(Vec<Operand>),
    /// Another value for each of some values of a column.
    Cases {
        /// The column.
        of: Name,
        /// Its values as files write them, and what stands for each.
        when: Vec<(String, Option<String>)>,
        /// What stands for any other value.
        otherwise: Option<String>,
    },
}

/// A column or a constant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// The column's value.
    Column(Name),
    /// A number.
    Constant(String),
}

/// A plan over an event's rows, which datasets are computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformerDefinition {
    /// The transformer's name.
    pub name: Name,
    /// The event whose rows it takes.
    pub event: Name,
    /// What it does to them, in order.
    pub steps: Vec<Step>,
    /// The columns that its rows have, with their types.
    pub columns: Vec<(Name, FieldType)>,
}
