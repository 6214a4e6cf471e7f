//! What a selection reads: cells, another dataset's view, or cells beside a borrowed column.

use std::fmt::Write as _;

use millrace_core::condition::Condition;
use millrace_core::definition::Feed;
use millrace_sql::constant::constant;

use super::{Selection, SelectionError, identifier};

impl Selection<'_> {
    /// The expression of a key.
    pub(super) fn key(&self, alias: &str, at: usize) -> Result<String, SelectionError> {
        if self.definition().rows().is_some() {
            return Ok(format!("{alias}.c{}", at + 1));
        }
        match (self.cells.cells(), self.definition().keys.get(at)) {
            (None, Some(key)) => Ok(format!("{alias}.{}", identifier(&key.field)?)),
            _ => Ok(format!("{alias}.k{}", at + 1)),
        }
    }

    /// What is read: the cells with what is borrowed beside them.
    pub(super) fn feed(&self) -> Result<String, SelectionError> {
        let own = self.own_feed()?;
        let definition = self.definition();
        let Some(borrowed) = &definition.borrowed else {
            return Ok(own);
        };
        let (mut of_cells, mut of_other) = (String::new(), String::new());
        for (at, key) in definition.keys.iter().enumerate() {
            let _ = write!(of_cells, ", k{}", at + 1);
            let _ = write!(of_other, ", {}", identifier(&key.field)?);
        }
        for (at, measure) in definition.measures.iter().enumerate() {
            let m = at + 1;
            let _ = write!(of_cells, ", m{m}_count, m{m}_sum");
            of_other.push_str(", 0, 0");
            if measure.extremes {
                let _ = write!(of_cells, ", m{m}_min, m{m}_max");
                of_other.push_str(", null, null");
            }
        }
        Ok(format!(
            "(select row_count, null::numeric as borrowed{of_cells} from {own} \
             union all select 0, {}::numeric{of_other} from ingestion.{})",
            identifier(&borrowed.column)?,
            identifier(&borrowed.dataset)?,
        ))
    }

    /// The cells, or the other dataset's groups as far as they count.
    pub(super) fn own_feed(&self) -> Result<String, SelectionError> {
        let definition = self.definition();
        if let Some(cells) = self.cells.cells() {
            let name = constant(definition.name.as_str(), "text");
            return Ok(format!(
                "(select * from {cells} where not exists (select from ingestion.dataset b where b.name = {name} \
                 and b.building))"
            ));
        }
        if let Some(rows) = self.cells.rows() {
            return Ok(format!("(select * from {} where is_visible)", rows.table()));
        }
        let (Feed::Dataset(name) | Feed::Event(name)) = &definition.feed else {
            return Err(SelectionError::UnknownColumn(definition.name.to_string()));
        };
        let view = format!("ingestion.{}", identifier(name)?);
        Ok(match conditions("s", &definition.filter)? {
            None => view,
            Some(conditions) => format!("(select * from {view} s where {conditions})"),
        })
    }

    /// A page of the keys of the cells that a question is answered from, in their order; none without cells.
    ///
    /// # Errors
    /// [`SelectionError::BadIdentifier`].
    pub(crate) fn cell_keys(&self, conditions: &[String]) -> Result<Option<String>, SelectionError> {
        let Some(cells) = self.cells.cells() else {
            return Ok(None);
        };
        let join = match (self.dimension, self.join_condition("c")?) {
            (Some(dimension), Some(condition)) => {
                format!("join {} d on d.is_visible and {condition}", dimension.table())
            }
            _ => String::new(),
        };
        let mut all = vec!["(cast(:after as text) is null or c.cell_key > cast(:after as text))"];
        all.extend(conditions.iter().map(String::as_str));
        Ok(Some(format!(
            "select c.cell_key from {cells} c {join} where {} order by c.cell_key limit cast(:limit as integer)",
            all.join(" and ")
        )))
    }

    /// Which groups are shown: those with something in them, and more than what is borrowed.
    pub(super) fn group_condition(&self) -> &'static str {
        match self.definition().borrowed {
            Some(_) => "sum(c.row_count) > 0",
            None => "count(*) > 0",
        }
    }
}

/// Conditions on the columns of a view, joined; none where there are none.
pub(super) fn conditions(alias: &str, conditions: &[Condition]) -> Result<Option<String>, SelectionError> {
    let mut texts = Vec::with_capacity(conditions.len());
    for condition in conditions {
        texts.push(format!(
            "{alias}.{} {} {}",
            identifier(&condition.field)?,
            condition.operator.as_str(),
            constant(&condition.value, condition.field_type.sql_type())
        ));
    }
    Ok((!texts.is_empty()).then(|| texts.join(" and ")))
}
