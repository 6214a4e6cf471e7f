//! Multipart uploads in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use millrace_app::ports::{MultipartUploads, PresignedUpload, UploadedPart};
use millrace_core::failure::{Failure, FailureKind};

use crate::{Faults, MemoryObjects};

/// Multipart uploads of a bucket in memory, with faults.
pub struct MemoryUploads {
    objects: MemoryObjects,
    faults: Arc<Faults>,
    uploads: Mutex<Uploads>,
}

#[derive(Default)]
struct Uploads {
    begun: usize,
    open: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
}

impl MemoryUploads {
    /// The uploads of a bucket.
    #[must_use]
    pub fn new(objects: &MemoryObjects, faults: &Arc<Faults>) -> Self {
        Self {
            objects: objects.clone(),
            faults: Arc::clone(faults),
            uploads: Mutex::default(),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Uploads) -> T) -> T {
        act(&mut self.uploads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a part to an address, as a client does. False where S3 refuses it: the upload is gone, or the part has
    /// another size than was signed.
    pub fn put(&self, address: &PresignedUpload, bytes: &[u8]) -> bool {
        let mut members = address.url.split('/').rev();
        let mut number = || members.next().unwrap().parse::<u32>().unwrap();
        let (size, number) = (number(), number());
        let upload_id = members.next().unwrap();
        self.with(|uploads| match uploads.open.get_mut(upload_id) {
            Some(parts) if bytes.len() == size as usize => {
                parts.insert(number, bytes.to_vec());
                true
            }
            _ => false,
        })
    }

    /// How many uploads are neither completed nor given up.
    pub fn open(&self) -> usize {
        self.with(|uploads| uploads.open.len())
    }

    /// Takes all of them away, as a bucket's lifecycle does.
    pub fn expire(&self) {
        self.with(|uploads| uploads.open.clear());
    }
}

#[async_trait]
impl MultipartUploads for MemoryUploads {
    async fn begin(&self, _: &str) -> Result<String, Failure> {
        let begin = async {
            Ok(self.with(|uploads| {
                uploads.begun += 1;
                let id = format!("upload-{}", uploads.begun);
                uploads.open.insert(id.clone(), BTreeMap::new());
                id
            }))
        };
        self.faults.around("s3.create_multipart_upload", begin).await
    }

    async fn sign_part(
        &self,
        key: &str,
        upload_id: &str,
        (number, size_bytes): (u32, u64),
        valid_seconds: u32,
    ) -> Result<PresignedUpload, Failure> {
        Ok(PresignedUpload {
            url: format!("memory:{key}/{upload_id}/{number}/{size_bytes}"),
            headers: vec![("content-length".to_owned(), size_bytes.to_string())],
            expires_at: i64::from(valid_seconds),
        })
    }

    async fn list(
        &self,
        _: &str,
        upload_id: &str,
        after: u32,
        limit: u32,
    ) -> Result<Option<Vec<UploadedPart>>, Failure> {
        Ok(self.with(|uploads| {
            let parts = uploads.open.get(upload_id)?;
            let behind = parts.range(after + 1..).take(limit as usize);
            let listed = behind.map(|(number, bytes)| UploadedPart {
                number: *number,
                size_bytes: bytes.len() as u64,
                etag: format!("{:08x}", crc32fast::hash(bytes)),
            });
            Some(listed.collect())
        }))
    }

    async fn complete(&self, key: &str, upload_id: &str, parts: &[UploadedPart]) -> Result<bool, Failure> {
        let complete = async {
            self.with(|uploads| {
                let Some(there) = uploads.open.get(upload_id) else {
                    return Ok(false);
                };
                let mut object = Vec::new();
                for part in parts {
                    let bytes = there.get(&part.number);
                    let bytes = bytes.filter(|bytes| format!("{:08x}", crc32fast::hash(bytes)) == part.etag);
                    let changed =
                        || Failure::explained(FailureKind::Transient, "memory.complete", "InvalidPart");
                    object.extend_from_slice(bytes.ok_or_else(changed)?);
                }
                self.objects.put(key, object);
                uploads.open.remove(upload_id);
                Ok(true)
            })
        };
        self.faults.around("s3.complete_multipart_upload", complete).await
    }

    async fn abort(&self, _: &str, upload_id: &str) -> Result<(), Failure> {
        let abort = async {
            self.with(|uploads| uploads.open.remove(upload_id));
            Ok(())
        };
        self.faults.around("s3.abort_multipart_upload", abort).await
    }
}
