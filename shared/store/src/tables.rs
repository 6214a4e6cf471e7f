//! The tables behind datasets and dimensions: their neutral names, columns and the statements that create them.

use std::fmt::Write as _;

use millrace_core::Name;
use millrace_core::definition::{DatasetDefinition, DimensionDefinition};
use millrace_sql::identifier::quote;

/// A dataset as it is read: its table of cells or of ready rows, or none where it is computed from another dataset.
#[derive(Debug, Clone)]
pub struct DatasetTable {
    table_no: Option<i64>,
    /// The version of its spec.
    pub spec_version: u32,
    /// Whether it, or one that it is computed from, is still being filled from files that were there before it.
    pub is_building: bool,
    /// The dataset.
    pub definition: DatasetDefinition,
}

/// A dimension's table, or that of a dataset whose rows come ready.
#[derive(Debug, Clone)]
pub struct DimensionTable {
    table_no: i64,
    /// The dimension.
    pub definition: DimensionDefinition,
}

impl DatasetTable {
    /// The table of cells or rows with a number, for a dataset; without one, a dataset that is computed from another.
    #[must_use]
    pub fn new(table_no: Option<i64>, spec_version: u32, definition: &DatasetDefinition) -> Self {
        Self {
            table_no,
            spec_version,
            is_building: false,
            definition: definition.clone(),
        }
    }

    /// The table of its cells.
    pub(crate) fn cells(&self) -> Option<String> {
        let number = self.table_no.filter(|_| self.definition.rows().is_none());
        number.map(|number| format!("stored.cells_{number}"))
    }

    /// The table of its rows, where they come ready.
    pub(crate) fn rows(&self) -> Option<DimensionTable> {
        let (number, rows) = (self.table_no?, self.definition.as_dimension()?);
        Some(DimensionTable::new(number, &rows))
    }

    /// The statements that create the table of cells, if it has one.
    #[must_use]
    pub fn create_statements(&self) -> Vec<String> {
        let Some(table) = self.cells() else {
            return Vec::new();
        };
        let mut columns =
            "cell_key text collate \"C\" primary key, row_count bigint not null check (row_count > 0)"
                .to_owned();
        for (at, key) in self.definition.keys.iter().enumerate() {
            let _ = write!(columns, ", k{} {}", at + 1, key.field_type.sql_type());
        }
        for (at, measure) in self.definition.measures.iter().enumerate() {
            let m = at + 1;
            let _ = write!(
                columns,
                ", m{m}_count bigint not null check (m{m}_count >= 0), m{m}_sum numeric not null"
            );
            if measure.extremes {
                let _ = write!(columns, ", m{m}_min numeric, m{m}_max numeric");
            }
        }
        vec![format!("create table {table} ({columns})")]
    }
}

impl DimensionTable {
    /// The table with a number, for a dimension.
    #[must_use]
    pub fn new(table_no: i64, definition: &DimensionDefinition) -> Self {
        Self {
            table_no,
            definition: definition.clone(),
        }
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> String {
        format!("stored.dimension_{}", self.table_no)
    }

    /// The number of a field's column, from 1.
    #[must_use]
    pub fn column_no(&self, name: &Name) -> Option<usize> {
        self.definition
            .fields
            .iter()
            .position(|field| &field.name == name)
            .map(|at| at + 1)
    }

    /// The statements that create the table and its view.
    #[must_use]
    pub fn create_statements(&self) -> Vec<String> {
        let table = self.table();
        let mut columns = String::new();
        for (at, field) in self.definition.fields.iter().enumerate() {
            let _ = write!(columns, ", c{} {}", at + 1, field.field_type.sql_type());
        }
        let mut statements = vec![
            format!(
                "create table {table} (row_key text collate \"C\" not null, file_id uuid not null, \
                 file_version integer not null, file_sequence bigint not null, \
                 valid_from timestamptz not null, valid_to timestamptz not null default 'infinity', \
                 is_visible boolean not null default false{columns})"
            ),
            format!("create unique index on {table} (row_key, file_id) where valid_to = 'infinity'"),
            format!("create unique index on {table} (row_key) where is_visible"),
        ];
        let key: Vec<String> = self
            .definition
            .key
            .iter()
            .filter_map(|name| self.column_no(name).map(|number| format!("c{number}")))
            .collect();
        if !key.is_empty() {
            let key = key.join(", ");
            statements.push(format!("create index on {table} ({key}) where is_visible"));
        }
        statements.extend(self.view().map(|view| format!("create {view}")));
        statements
    }

    /// The statements that add the columns behind the first ones, and to the view.
    #[must_use]
    pub(crate) fn widen_statements(&self, first: usize) -> Vec<String> {
        let table = self.table();
        let new = self.definition.fields.iter().enumerate().skip(first);
        let mut statements: Vec<String> = new
            .map(|(at, field)| {
                let sql_type = field.field_type.sql_type();
                format!("alter table {table} add column c{} {sql_type}", at + 1)
            })
            .collect();
        if !statements.is_empty() {
            statements.extend(self.view().map(|view| format!("create or replace {view}")));
        }
        statements
    }

    /// The view behind its `create`. A name is letters, digits and underscores, so quoting it cannot fail.
    fn view(&self) -> Option<String> {
        let fields = self.definition.fields.iter().enumerate();
        let shown = fields.map(|(at, field)| {
            let quoted = quote(field.name.as_str()).ok()?;
            Some(format!("c{} as {quoted}", at + 1))
        });
        let shown: Vec<String> = shown.collect::<Option<_>>()?;
        let view = quote(self.definition.name.as_str()).ok()?;
        let (columns, table) = (shown.join(", "), self.table());
        Some(format!(
            "view ingestion.{view} as select {columns} from {table} where is_visible"
        ))
    }
}
