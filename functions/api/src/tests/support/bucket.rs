//! A bucket in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millrace_app::ports::{
    DownloadSigner, MultipartUploads, ObjectReader, ObjectSink, ObjectStore, ObjectStream, PresignedUpload,
    UploadSigner, UploadedPart,
};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;

use super::failure;

pub(in crate::tests) type Parts = Arc<Mutex<Option<Vec<(u32, u64)>>>>;

#[derive(Default)]
pub(super) struct Bucket {
    pub(super) objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// The parts of its multipart upload, and their sizes; none when there is no such upload.
    pub(super) parts: Parts,
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
impl MultipartUploads for Bucket {
    async fn begin(&self, _: &str) -> Result<String, Failure> {
        *self.parts.lock().unwrap() = Some(Vec::new());
        Ok("upload-1".to_owned())
    }

    async fn sign_part(
        &self,
        key: &str,
        upload_id: &str,
        (number, size_bytes): (u32, u64),
        valid_seconds: u32,
    ) -> Result<PresignedUpload, Failure> {
        Ok(PresignedUpload {
            url: format!("https://landing.example/{key}?partNumber={number}&uploadId={upload_id}"),
            headers: vec![("content-length".to_owned(), size_bytes.to_string())],
            expires_at: 1_700_000_000 + i64::from(valid_seconds),
        })
    }

    async fn list(
        &self,
        _: &str,
        _: &str,
        after: u32,
        limit: u32,
    ) -> Result<Option<Vec<UploadedPart>>, Failure> {
        let there = self.parts.lock().unwrap().clone();
        let listed = there.map(|parts| {
            let behind = parts.into_iter().filter(|(number, _)| *number > after);
            let part = |(number, size_bytes)| UploadedPart {
                number,
                size_bytes,
                etag: number.to_string(),
            };
            behind.take(limit as usize).map(part).collect()
        });
        Ok(listed)
    }

    async fn complete(&self, key: &str, _: &str, parts: &[UploadedPart]) -> Result<bool, Failure> {
        let is_there = self.parts.lock().unwrap().take().is_some();
        if is_there {
            let size: u64 = parts.iter().map(|part| part.size_bytes).sum();
            let bytes = vec![0; usize::try_from(size).unwrap()];
            self.objects.lock().unwrap().insert(key.to_owned(), bytes);
        }
        Ok(is_there)
    }

    async fn abort(&self, _: &str, _: &str) -> Result<(), Failure> {
        *self.parts.lock().unwrap() = None;
        Ok(())
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
