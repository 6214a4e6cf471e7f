//! Look-ups in the database's catalogue, in the statement's own transaction: types that are not built in, and the
//! table columns that a result's columns come from.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::types::{JDBC_OTHER, JDBC_VARCHAR, Kind, PgType};
use crate::wire::{Column, RowLimits, Rows, Session, WireError};

/// The table columns that a result's columns come from, by table and attribute.
pub(crate) type Origins = HashMap<(u32, i16), Origin>;

/// A table's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) table: String,
    pub(crate) is_required: bool,
    pub(crate) is_generated: bool,
}

const LIMITS: RowLimits = RowLimits {
    row_bytes: usize::MAX,
    result_bytes: usize::MAX,
};

/// Types made by users and extensions, remembered by database and number (PostgreSQL does not reuse them soon).
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    types: Mutex<HashMap<(String, u32), PgType>>,
}

impl Catalog {
    /// The types of `columns`, asking the database for those that are not known yet.
    pub(crate) async fn types(
        &self,
        session: &mut Session,
        database: &str,
        columns: &[Column],
    ) -> Result<Vec<PgType>, WireError> {
        let mut types = Vec::with_capacity(columns.len());
        for column in columns {
            let oid = column.type_oid;
            let known = PgType::built_in(oid).or_else(|| self.recall(database, oid));
            types.push(match known {
                Some(known) => known,
                None => self.ask(session, database, oid).await?,
            });
        }
        Ok(types)
    }

    fn recall(&self, database: &str, oid: u32) -> Option<PgType> {
        let types = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        types.get(&(database.to_owned(), oid)).cloned()
    }

    async fn ask(&self, session: &mut Session, database: &str, oid: u32) -> Result<PgType, WireError> {
        let sql = format!(
            "select t.typname, t.typtype, coalesce(e.typname, ''), coalesce(e.typtype, ''), \
                    coalesce(e.oid, 0), t.typcategory \
               from pg_catalog.pg_type t \
               left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A' \
              where t.oid = {oid}"
        );
        let rows = session.execute(&sql, &[], &[], LIMITS).await?;
        let pg_type = match texts(&rows).first().map(Vec::as_slice) {
            Some([name, class, element, element_class, element_oid, category]) if category == "A" => {
                let element_oid = element_oid.parse().unwrap_or_default();
                let element =
                    PgType::built_in(element_oid).unwrap_or_else(|| by_class(element, element_class));
                PgType::array(name, element.kind, element.jdbc).or_unsupported(class)
            }
            Some([name, class, ..]) => by_class(name, class),
            _ => PgType::unsupported(&oid.to_string()),
        };
        let mut types = self.types.lock().unwrap_or_else(PoisonError::into_inner);
        types.insert((database.to_owned(), oid), pg_type.clone());
        Ok(pg_type)
    }

    /// Where the columns come from.
    pub(crate) async fn origins(session: &mut Session, columns: &[Column]) -> Result<Origins, WireError> {
        let wanted: BTreeSet<(u32, i16)> = columns
            .iter()
            .filter(|column| column.table_oid != 0)
            .map(|column| (column.table_oid, column.attribute))
            .collect();
        if wanted.is_empty() {
            return Ok(Origins::new());
        }
        let pairs: Vec<String> = wanted
            .iter()
            .map(|(table, attribute)| format!("({table},{attribute})"))
            .collect();
        let sql = format!(
            "select a.attrelid, a.attnum, c.relname, a.attnotnull, \
                    a.attidentity <> '' or coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid) like '%nextval(%', false) \
               from pg_catalog.pg_attribute a \
               join pg_catalog.pg_class c on c.oid = a.attrelid \
               left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
              where (a.attrelid::bigint, a.attnum::int) in (values {})",
            pairs.join(",")
        );
        let rows = session.execute(&sql, &[], &[], LIMITS).await?;
        Ok(texts(&rows).into_iter().filter_map(origin).collect())
    }
}

impl PgType {
    /// A domain over an array and the like are no arrays to the service.
    fn or_unsupported(self, class: &str) -> Self {
        if class == "b" {
            self
        } else {
            Self::unsupported(&self.name)
        }
    }
}

fn by_class(name: &str, class: &str) -> PgType {
    match (class, name) {
        ("e", _) => PgType::scalar(name, Kind::Text, JDBC_VARCHAR),
        (_, "vector") => PgType::scalar(name, Kind::Text, JDBC_OTHER),
        _ => PgType::unsupported(name),
    }
}

fn origin(row: Vec<String>) -> Option<((u32, i16), Origin)> {
    let [table_oid, attribute, table, is_required, is_generated] = <[String; 5]>::try_from(row).ok()?;
    let origin = Origin {
        table,
        is_required: is_required == "t",
        is_generated: is_generated == "t",
    };
    Some(((table_oid.parse().ok()?, attribute.parse().ok()?), origin))
}

fn texts(rows: &Rows) -> Vec<Vec<String>> {
    let text = |value: &crate::wire::Value| {
        value
            .as_ref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    };
    rows.rows
        .iter()
        .map(|row| row.iter().map(text).collect())
        .collect()
}
