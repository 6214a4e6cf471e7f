//! What waits for rows of a dimension.

use super::{Selection, SelectionError};
use crate::tables::DimensionTable;

impl Selection<'_> {
    /// The cells or groups without a row in the dimension; none where no dimension is declared.
    ///
    /// # Errors
    /// [`SelectionError::BadIdentifier`].
    pub fn waiting(&self) -> Result<Option<String>, SelectionError> {
        let Some(parts) = self.waiting_parts()? else {
            return Ok(None);
        };
        let Some(inner) = self.join_condition("w")? else {
            return Ok(None);
        };
        let WaitingParts {
            key,
            rows,
            feed,
            condition,
            dimension,
        } = parts;
        let waiting_key = self.key("w", self.joined_key().unwrap_or_default())?;
        Ok(Some(format!(
            "select jsonb_build_object('keys', count(distinct {key}), 'cells', count(*), \
             'rows', {rows}, \
             'examples', coalesce((select jsonb_agg(x.k) from (select distinct {waiting_key}::text as k from {feed} w \
             where {waiting_key} is not null and not exists (select from {table} d where d.is_visible and {inner}) \
             order by 1 limit 10) x), '[]'))::text \
             from {feed} c where not exists (select from {table} d where d.is_visible and {condition})",
            table = dimension.table(),
        )))
    }

    /// A page of the keys that have no row in the dimension, in their order, after one: first the cells without a key,
    /// then the keys. None where no dimension is declared.
    ///
    /// # Errors
    /// [`SelectionError::BadIdentifier`].
    pub fn waiting_keys(&self) -> Result<Option<String>, SelectionError> {
        let Some(parts) = self.waiting_parts()? else {
            return Ok(None);
        };
        let WaitingParts {
            key,
            rows,
            feed,
            condition,
            dimension,
        } = parts;
        Ok(Some(format!(
            "select jsonb_build_object('key', g.k, 'cells', g.cells, 'rows', g.counted)::text from ( \
             select ({key})::text collate \"C\" as k, count(*) as cells, {rows} as counted from {feed} c \
             where not exists (select from {table} d where d.is_visible and {condition}) \
             and (cast(:after as text) is null or ({key})::text collate \"C\" > cast(:after as text)) \
             group by 1) g order by g.k nulls first limit cast(:limit as integer)",
            table = dimension.table(),
        )))
    }

    fn waiting_parts(&self) -> Result<Option<WaitingParts<'_>>, SelectionError> {
        let (Some(dimension), Some(key), Some(condition)) =
            (self.dimension, self.joined_key(), self.join_condition("c")?)
        else {
            return Ok(None);
        };
        Ok(Some(WaitingParts {
            key: self.key("c", key)?,
            rows: match self.cells.cells() {
                Some(_) => "coalesce(sum(c.row_count), 0)",
                None => "count(*)",
            },
            feed: self.own_feed()?,
            condition,
            dimension,
        }))
    }
}

/// What the statements are put together from.
struct WaitingParts<'a> {
    /// The key that rows are looked up by.
    key: String,
    rows: &'static str,
    feed: String,
    condition: String,
    dimension: &'a DimensionTable,
}
