//! A bucket in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::{DownloadSigner, ObjectReader, ObjectSink, ObjectStore, ObjectStream};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;

/// The writes of each key; none where one was taken away.
type Writes = BTreeMap<String, Vec<Option<Vec<u8>>>>;
type Objects = Arc<Mutex<Writes>>;

/// A bucket whose objects are seen when they are finished, and read in small pieces. Every write of a key is kept, under
/// its number as its version.
#[derive(Clone)]
pub struct MemoryObjects {
    objects: Objects,
    piece_bytes: usize,
    taken_bytes: Arc<AtomicU64>,
}

impl MemoryObjects {
    /// An empty bucket that hands objects out in pieces of some bytes.
    #[must_use]
    pub fn new(piece_bytes: usize) -> Self {
        Self {
            objects: Objects::default(),
            piece_bytes,
            taken_bytes: Arc::default(),
        }
    }

    /// How many bytes were read, of whatever object.
    #[must_use]
    pub fn taken_bytes(&self) -> u64 {
        self.taken_bytes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Writes> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object; the write that did it.
    pub fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) -> ObjectAt {
        let bytes = bytes.into();
        let etag = Some(etag(&bytes));
        let mut objects = self.lock();
        let writes = objects.entry(key.to_owned()).or_default();
        writes.push(Some(bytes));
        ObjectAt {
            key: key.to_owned(),
            version: Some(writes.len().to_string()),
            etag,
        }
    }

    /// The bytes of a write: of a version, else of the last write if it is the one that is asked for.
    pub(crate) fn bytes_at(&self, object: &ObjectAt) -> Option<Vec<u8>> {
        let objects = self.lock();
        let writes = objects.get(&object.key)?;
        if let Some(version) = &object.version {
            let number: usize = version.parse().ok()?;
            return writes.get(number.checked_sub(1)?).cloned().flatten();
        }
        let last = writes.iter().rev().flatten().next()?;
        let is_it = object.etag.as_ref().is_none_or(|wanted| *wanted == etag(last));
        is_it.then(|| last.clone())
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let objects = self.lock();
        let there = objects
            .iter()
            .filter(|(_, writes)| writes.iter().any(Option::is_some));
        there.map(|(key, _)| key.clone()).collect()
    }

    /// Takes an object away, as a bucket's lifecycle does.
    pub fn remove(&self, key: &str) {
        self.lock().remove(key);
    }

    /// The number of a key's last write that is there.
    pub(crate) fn last_version(&self, key: &str) -> Option<String> {
        let objects = self.lock();
        let at = objects.get(key)?.iter().rposition(Option::is_some)?;
        Some((at + 1).to_string())
    }

    /// Takes a write away; without a version all of them.
    pub(crate) fn remove_write(&self, object: &ObjectAt) {
        let Some(version) = &object.version else {
            return self.remove(&object.key);
        };
        let number: usize = version.parse().unwrap();
        if let Some(writes) = self.lock().get_mut(&object.key) {
            writes[number - 1] = None;
        }
    }

    /// An object.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.bytes_at(&key.to_owned().into())
    }
}

fn etag(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

#[async_trait]
impl ObjectReader for MemoryObjects {
    async fn size_at(&self, object: &ObjectAt) -> Result<Option<u64>, Failure> {
        Ok(self.bytes_at(object).map(|bytes| bytes.len() as u64))
    }

    async fn open_at(
        &self,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure> {
        let missing = || {
            Failure::new(
                FailureKind::NotFound,
                "memory.open",
                format!("no object {}", object.key),
            )
        };
        let bytes = self.bytes_at(object).ok_or_else(missing)?;
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let range = &bytes[at(start)..at(end.unwrap_or(u64::MAX))];
        let pieces: Vec<Vec<u8>> = range.chunks(self.piece_bytes).map(<[u8]>::to_vec).collect();
        Ok(Box::new(Pieces {
            pieces: pieces.into_iter(),
            taken_bytes: Arc::clone(&self.taken_bytes),
        }))
    }
}

#[async_trait]
impl ObjectStore for MemoryObjects {
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        self.size_at(&key.to_owned().into()).await
    }

    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        self.open_at(&key.to_owned().into(), start, end).await
    }

    async fn create(&self, key: &str) -> Result<Box<dyn ObjectSink>, Failure> {
        Ok(Box::new(Growing {
            objects: Arc::clone(&self.objects),
            key: key.to_owned(),
            bytes: Vec::new(),
        }))
    }
}

#[async_trait]
impl DownloadSigner for MemoryObjects {
    async fn sign_download(&self, key: &str, file_name: &str, _: &str, _: u32) -> Result<String, Failure> {
        Ok(format!("memory:{key} as {file_name}"))
    }
}

struct Pieces {
    pieces: std::vec::IntoIter<Vec<u8>>,
    taken_bytes: Arc<AtomicU64>,
}

#[async_trait]
impl ObjectStream for Pieces {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let piece = self.pieces.next();
        let length = piece.as_ref().map_or(0, Vec::len);
        self.taken_bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(piece)
    }
}

struct Growing {
    objects: Objects,
    key: String,
    bytes: Vec<u8>,
}

#[async_trait]
impl ObjectSink for Growing {
    async fn write(&mut self, mut bytes: Vec<u8>) -> Result<(), Failure> {
        self.bytes.append(&mut bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64, Failure> {
        let size_bytes = self.bytes.len() as u64;
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.entry(self.key).or_default().push(Some(self.bytes));
        Ok(size_bytes)
    }

    async fn abort(self: Box<Self>) {}
}
