//! Reads objects where they lie: in the landing bucket, or where they were moved.

use async_trait::async_trait;
use millrace_core::failure::Failure;
use millrace_core::object_key::{ObjectAt, is_moved};

use crate::ports::{ObjectReader, ObjectStream};

/// The landing bucket, and behind it the collections bucket for what was moved there: keys tell which.
pub struct MovedReader<L, C> {
    landing: L,
    collections: C,
}

impl<L: ObjectReader, C: ObjectReader> MovedReader<L, C> {
    /// A reader of both.
    #[must_use]
    pub fn new(landing: L, collections: C) -> Self {
        Self { landing, collections }
    }

    fn of(&self, object: &ObjectAt) -> &dyn ObjectReader {
        match is_moved(&object.key) {
            true => &self.collections,
            false => &self.landing,
        }
    }
}

#[async_trait]
impl<L: ObjectReader, C: ObjectReader> ObjectReader for MovedReader<L, C> {
    async fn size_at(&self, object: &ObjectAt) -> Result<Option<u64>, Failure> {
        self.of(object).size_at(object).await
    }

    async fn open_at(
        &self,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure> {
        self.of(object).open_at(object, start, end).await
    }
}
