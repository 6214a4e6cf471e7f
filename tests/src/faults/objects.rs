//! Buckets whose calls fail.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_app::ports::{ObjectReader, ObjectSink, ObjectStore, ObjectStream};
use millrace_core::failure::Failure;
use millrace_core::object_key::ObjectAt;

use super::Faults;

/// A bucket as a whole.
pub trait ReadAndWrite: ObjectReader + ObjectStore {}

impl<T: ObjectReader + ObjectStore> ReadAndWrite for T {}

/// A bucket whose calls fail.
pub struct FaultyObjects {
    inner: Arc<dyn ReadAndWrite>,
    faults: Arc<Faults>,
}

impl FaultyObjects {
    /// Faults in front of a bucket.
    #[must_use]
    pub fn new(inner: Arc<dyn ReadAndWrite>, faults: &Arc<Faults>) -> Self {
        Self {
            inner,
            faults: Arc::clone(faults),
        }
    }
}

#[async_trait]
impl ObjectReader for FaultyObjects {
    async fn size_at(&self, object: &ObjectAt) -> Result<Option<u64>, Failure> {
        self.faults.around(&object.key, self.inner.size_at(object)).await
    }

    async fn open_at(
        &self,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure> {
        let work = self.inner.open_at(object, start, end);
        self.faults.around(&object.key, work).await
    }
}

#[async_trait]
impl ObjectStore for FaultyObjects {
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        self.faults.around(key, self.inner.size(key)).await
    }

    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        self.faults.around(key, self.inner.open(key, start, end)).await
    }

    async fn create(&self, key: &str) -> Result<Box<dyn ObjectSink>, Failure> {
        let inner = self.faults.around(key, self.inner.create(key)).await?;
        Ok(Box::new(FaultySink {
            inner,
            key: key.to_owned(),
            faults: Arc::clone(&self.faults),
        }))
    }
}

struct FaultySink {
    inner: Box<dyn ObjectSink>,
    key: String,
    faults: Arc<Faults>,
}

#[async_trait]
impl ObjectSink for FaultySink {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.inner.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<u64, Failure> {
        self.faults.around(&self.key, self.inner.finish()).await
    }

    async fn abort(self: Box<Self>) {
        self.inner.abort().await;
    }
}
