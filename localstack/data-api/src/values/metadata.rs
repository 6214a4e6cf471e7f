//! Column metadata as pgjdbc gives it, member by member.

use super::catalog::{Origin, Origins};
use super::types::PgType;
use crate::api::ColumnMetadata;
use crate::wire::Column;

/// What pgjdbc says where it knows no size.
const UNBOUNDED: i32 = i32::MAX;

/// Describes the columns; `origins` are the table columns they come from.
pub(crate) fn describe(columns: &[Column], types: &[PgType], origins: &Origins) -> Vec<ColumnMetadata> {
    columns
        .iter()
        .zip(types)
        .map(|(column, pg_type)| one(column, pg_type, origins))
        .collect()
}

fn one(column: &Column, pg_type: &PgType, origins: &Origins) -> ColumnMetadata {
    let origin = origins.get(&(column.table_oid, column.attribute));
    let name = pg_type.name.as_str();
    ColumnMetadata {
        name: column.label.clone(),
        label: column.label.clone(),
        jdbc_type: pg_type.jdbc,
        type_name: pg_type.name.clone(),
        schema_name: String::new(),
        table_name: origin.map(|origin| origin.table.clone()).unwrap_or_default(),
        is_auto_increment: origin.is_some_and(|origin| origin.is_generated),
        is_signed: matches!(name, "int2" | "int4" | "int8" | "float4" | "float8" | "numeric"),
        is_currency: name == "money",
        is_case_sensitive: is_case_sensitive(name),
        nullable: origin.map_or(2, nullable),
        precision: precision(name, column.type_modifier),
        scale: scale(name, column.type_modifier),
        array_base_column_type: pg_type.element_jdbc.unwrap_or(0),
    }
}

fn nullable(origin: &Origin) -> i32 {
    i32::from(!origin.is_required)
}

fn is_case_sensitive(name: &str) -> bool {
    !matches!(
        name,
        "int2"
            | "int4"
            | "int8"
            | "float4"
            | "float8"
            | "numeric"
            | "bool"
            | "date"
            | "time"
            | "timestamp"
            | "timestamptz"
    )
}

fn precision(name: &str, modifier: i32) -> i32 {
    match name {
        "int2" => 5,
        "int4" => 10,
        "int8" => 19,
        "float4" => 8,
        "float8" => 17,
        "numeric" if modifier == -1 => 0,
        "numeric" => ((modifier - 4) >> 16) & 0xffff,
        "bool" => 1,
        "bpchar" | "varchar" if modifier == -1 => UNBOUNDED,
        "bpchar" | "varchar" => modifier - 4,
        "date" => 13,
        "time" => 8 + fraction(modifier),
        "timestamp" => 22 + fraction(modifier),
        "timestamptz" => 28 + fraction(modifier),
        _ => UNBOUNDED,
    }
}

/// How many characters the fraction of a second takes, with its point.
fn fraction(modifier: i32) -> i32 {
    match modifier {
        -1 => 7,
        0 => 0,
        // PostgreSQL never shows a single digit, says pgjdbc
        1 => 3,
        digits => digits + 1,
    }
}

fn scale(name: &str, modifier: i32) -> i32 {
    match name {
        "float4" => 8,
        "float8" => 17,
        "numeric" if modifier == -1 => 0,
        "numeric" => (modifier - 4) & 0xffff,
        "time" | "timestamp" | "timestamptz" if modifier == -1 => 6,
        "time" | "timestamp" | "timestamptz" => modifier,
        _ => 0,
    }
}
