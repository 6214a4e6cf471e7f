//! What handlers take out of a request. Each extractor refuses what breaks a limit, as a problem.

pub mod idempotency;
pub mod import_files;
pub mod json_body;
pub mod limits;
pub mod multipart;
pub mod path;
pub mod query;
pub mod strict_json;

pub use idempotency::IdempotencyKey;
pub use import_files::ImportRequest;
pub use json_body::JsonBody;
pub use multipart::CsvForm;
pub use path::{DocumentIdInPath, FileIdInPath, FileVersionInPath, KindInPath, NameInPath, RunIdInPath};
pub use query::{NoParameters, Query, QueryMembers, ReadQuery};
