//! What waits for rows of a dimension.

use super::{Selection, SelectionError};

impl Selection<'_> {
    /// The cells or groups without a row in the dimension; none where no dimension is declared.
    ///
    /// # Errors
    /// [`SelectionError::BadIdentifier`].
    pub fn waiting(&self) -> Result<Option<String>, SelectionError> {
        Ok(self.unmatched()?.map(|unmatched| {
            format!(
                "with waiting as ({unmatched}) select jsonb_build_object('keys', count(distinct k), \
                 'cells', count(*), 'rows', coalesce(sum(counted), 0), \
                 'examples', coalesce((select jsonb_agg(x.k) from (select distinct k::text as k from waiting \
                 where k is not null order by 1 limit 10) x), '[]'))::text from waiting"
            )
        }))
    }

    /// A page of the keys that have no row in the dimension, in their order, after one: first the cells without a key,
    /// then the keys. None where no dimension is declared.
    ///
    /// # Errors
    /// [`SelectionError::BadIdentifier`].
    pub fn waiting_keys(&self) -> Result<Option<String>, SelectionError> {
        Ok(self.unmatched()?.map(|unmatched| {
            format!(
                "with waiting as (select k::text collate \"C\" as k, counted from ({unmatched}) u) \
                 select jsonb_build_object('key', g.k, 'cells', g.cells, 'rows', g.counted)::text from ( \
                 select k, count(*) as cells, coalesce(sum(counted), 0) as counted from waiting \
                 where cast(:after as text) is null or k > cast(:after as text) \
                 group by 1) g order by g.k nulls first limit cast(:limit as integer)"
            )
        }))
    }

    /// The key and the number of rows of each cell or row that has none in the dimension.
    fn unmatched(&self) -> Result<Option<String>, SelectionError> {
        let (Some(dimension), Some(key), Some(condition)) =
            (self.dimension, self.joined_key(), self.join_condition("c")?)
        else {
            return Ok(None);
        };
        let counted = match self.cells.cells() {
            Some(_) => "c.row_count",
            None => "1",
        };
        Ok(Some(format!(
            "select {key} as k, {counted} as counted from {feed} c \
             where not exists (select from {table} d where d.is_visible and {condition})",
            key = self.key("c", key)?,
            feed = self.own_feed()?,
            table = dimension.table(),
        )))
    }
}
