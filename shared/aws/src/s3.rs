//! Buckets: streaming reads, writes in bounded memory, addresses for uploads and downloads.

#[cfg(test)]
pub(crate) mod fake;
mod multipart;
mod read;
mod sign;
#[cfg(test)]
mod slow_down;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use millrace_app::ports::{ObjectReader, ObjectSink, ObjectStore, ObjectStream};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;
use tokio::sync::OnceCell;

use self::read::ObjectRead;
use crate::Connection;
use crate::failure::map;

/// Bytes that are collected before they are sent: S3 takes no smaller parts but for the last one.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// A bucket.
pub struct Bucket {
    connection: Connection,
    client: OnceCell<Client>,
    name: String,
}

impl Bucket {
    /// The bucket by its name.
    #[must_use]
    pub fn new(connection: &Connection, name: &str) -> Self {
        Self {
            connection: connection.clone(),
            client: OnceCell::new(),
            name: name.to_owned(),
        }
    }

    /// The bucket's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn client(&self) -> &Client {
        let make = || async {
            // A presigned PUT must not ask its user for a checksum that was not agreed on.
            let config = aws_sdk_s3::config::Builder::from(self.connection.config().await)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                .build();
            Client::from_conf(config)
        };
        self.client.get_or_init(make).await
    }

    /// Whether the bucket answers, for health.
    ///
    /// # Errors
    /// [`Failure`] when it does not.
    pub async fn answers(&self) -> Result<(), Failure> {
        let answer = self.client().await.head_bucket().bucket(&self.name).send().await;
        answer.map(|_| ()).map_err(|error| map("s3.head_bucket", error))
    }
}

#[async_trait]
impl ObjectReader for Bucket {
    async fn size_at(&self, object: &ObjectAt) -> Result<Option<u64>, Failure> {
        let answer = self
            .client()
            .await
            .head_object()
            .bucket(&self.name)
            .key(&object.key)
            .set_version_id(object.version.clone())
            .set_if_match(only_these_bytes(object))
            .send()
            .await;
        match answer.map_err(|error| map("s3.head_object", error)) {
            Ok(head) => Ok(Some(u64::try_from(head.content_length.unwrap_or(0)).unwrap_or(0))),
            // Not there, or another write's.
            Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Conflict) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn open_at(
        &self,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Box<dyn ObjectStream>, Failure> {
        Ok(Box::new(ObjectRead::open(self, object, start, end).await?))
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        self.size_at(&key.to_owned().into()).await
    }

    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        self.open_at(&key.to_owned().into(), start, end).await
    }

    async fn create(&self, key: &str) -> Result<Box<dyn ObjectSink>, Failure> {
        Ok(Box::new(Upload {
            client: self.client().await.clone(),
            bucket: self.name.clone(),
            key: key.to_owned(),
            buffer: Vec::new(),
            multipart: None,
            size_bytes: 0,
        }))
    }
}

/// What a read asks of the bytes, where no version says which they are.
pub(crate) fn only_these_bytes(object: &ObjectAt) -> Option<String> {
    let etag = object.etag.as_deref().filter(|_| object.version.is_none())?;
    Some(format!("\"{}\"", etag.trim_matches('"')))
}

/// An object that is being written: small ones in one call, larger ones in parts.
struct Upload {
    client: Client,
    bucket: String,
    key: String,
    buffer: Vec<u8>,
    multipart: Option<Multipart>,
    size_bytes: u64,
}

struct Multipart {
    upload_id: String,
    parts: Vec<CompletedPart>,
}

impl Upload {
    async fn send_part(&mut self) -> Result<(), Failure> {
        if self.multipart.is_none() {
            let call = self
                .client
                .create_multipart_upload()
                .bucket(&self.bucket)
                .key(&self.key);
            let answer = call
                .send()
                .await
                .map_err(|error| map("s3.create_multipart_upload", error))?;
            let upload_id = answer.upload_id.unwrap_or_default();
            self.multipart = Some(Multipart {
                upload_id,
                parts: Vec::new(),
            });
        }
        let Some(multipart) = &mut self.multipart else {
            return Ok(());
        };
        let number = i32::try_from(multipart.parts.len() + 1).unwrap_or(i32::MAX);
        let body = std::mem::take(&mut self.buffer);
        let answer = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(&multipart.upload_id)
            .part_number(number)
            .body(body.into())
            .send()
            .await
            .map_err(|error| map("s3.upload_part", error))?;
        multipart.parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag)
                .build(),
        );
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), Failure> {
        if self.multipart.is_none() {
            let body = std::mem::take(&mut self.buffer);
            let call = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(&self.key)
                .body(body.into());
            return call
                .send()
                .await
                .map(|_| ())
                .map_err(|error| map("s3.put_object", error));
        }
        if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        let Some(multipart) = &mut self.multipart else {
            return Ok(());
        };
        let parts = std::mem::take(&mut multipart.parts);
        let completed = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let call = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&self.key);
        call.upload_id(&multipart.upload_id)
            .multipart_upload(completed)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("s3.complete_multipart_upload", error))
    }
}

#[async_trait]
impl ObjectSink for Upload {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.size_bytes += bytes.len() as u64;
        if self.buffer.is_empty() {
            self.buffer = bytes;
        } else {
            // At once, so that no half of it is there twice while it grows; what is not written takes no memory.
            let missing = (PART_BYTES + bytes.len()).saturating_sub(self.buffer.len());
            self.buffer.reserve_exact(missing);
            self.buffer.extend_from_slice(&bytes);
        }
        if self.buffer.len() >= PART_BYTES {
            self.send_part().await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, Failure> {
        let finished = self.complete().await;
        match finished {
            Ok(()) => Ok(self.size_bytes),
            Err(failure) => {
                self.abort().await;
                Err(failure)
            }
        }
    }

    async fn abort(self: Box<Self>) {
        if let Some(multipart) = &self.multipart {
            let call = self
                .client
                .abort_multipart_upload()
                .bucket(&self.bucket)
                .key(&self.key);
            // What cannot be taken back now is removed by the bucket's lifecycle after a day.
            let _ = call.upload_id(&multipart.upload_id).send().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_core::object_key::ObjectAt;

    use super::only_these_bytes;

    #[test]
    fn bytes_are_asked_for_by_their_tag_where_no_version_says_which() {
        let mut object = ObjectAt::from("k".to_owned());
        assert_eq!(only_these_bytes(&object), None);
        for etag in ["e1", "\"e1\""] {
            object.etag = Some(etag.to_owned());
            assert_eq!(only_these_bytes(&object).as_deref(), Some("\"e1\""));
        }
        object.version = Some("v".to_owned());
        assert_eq!(only_these_bytes(&object), None);
    }
}
