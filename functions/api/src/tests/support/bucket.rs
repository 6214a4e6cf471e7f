//! A bucket in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_app::ports::{
    DownloadSigner, ObjectReader, ObjectSink, ObjectStore, ObjectStream, PresignedUpload, UploadSigner,
};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;

use super::failure;

#[derive(Default)]
pub(super) struct Bucket {
    pub(super) objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

struct Sink(Arc<Mutex<BTreeMap<String, Vec<u8>>>>, String, Vec<u8>);
struct Stream(Option<Vec<u8>>);

#[async_trait]
impl ObjectReader for Bucket {
    async fn size_at(&self, object: &ObjectAt) -> Result<Option<u64>, Failure> {
        self.size(&object.key).await
    }

    async fn open_at(
        &self,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure> {
        self.open(&object.key, start, end).await
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        Ok(self
            .objects
            .lock()
            .unwrap()
            .get(key)
            .map(|bytes| bytes.len() as u64))
    }

    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        let objects = self.objects.lock().unwrap();
        let bytes = objects
            .get(key)
            .ok_or_else(|| failure(FailureKind::NotFound, "NoSuchKey"))?;
        let end = end.map_or(bytes.len(), |end| usize::try_from(end).unwrap());
        Ok(Box::new(Stream(Some(
            bytes[usize::try_from(start).unwrap()..end].to_vec(),
        ))))
    }

    async fn create(&self, key: &str) -> Result<Box<dyn ObjectSink>, Failure> {
        Ok(Box::new(Sink(
            Arc::clone(&self.objects),
            key.to_owned(),
            Vec::new(),
        )))
    }
}

#[async_trait]
impl ObjectStream for Stream {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.take())
    }
}

#[async_trait]
impl ObjectSink for Sink {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.2.extend(bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64, Failure> {
        let size = self.2.len() as u64;
        self.0.lock().unwrap().insert(self.1, self.2);
        Ok(size)
    }

    async fn abort(self: Box<Self>) {}
}

#[async_trait]
impl UploadSigner for Bucket {
    async fn sign_upload(&self, key: &str, valid_seconds: u32) -> Result<PresignedUpload, Failure> {
        Ok(PresignedUpload {
            url: format!("https://landing.example/{key}"),
            headers: vec![("if-none-match".to_owned(), "*".to_owned())],
            expires_at: 1_700_000_000 + i64::from(valid_seconds),
        })
    }
}

#[async_trait]
impl DownloadSigner for Bucket {
    async fn sign_download(
        &self,
        key: &str,
        file_name: &str,
        media_type: &str,
        valid_seconds: u32,
    ) -> Result<String, Failure> {
        Ok(format!(
            "https://documents.example/{key}#{valid_seconds} {media_type} {file_name}"
        ))
    }
}
