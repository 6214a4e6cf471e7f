//! Between the service's fields and PostgreSQL's text: types, parameters in, records and column metadata out.

mod array;
mod bind;
mod catalog;
mod metadata;
mod record;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use bind::{Binding, bind};
pub(crate) use catalog::Catalog;
pub(crate) use metadata::describe;
pub(crate) use record::{json_text, records};
pub(crate) use types::PgType;
