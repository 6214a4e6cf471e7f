//! Buckets: streaming reads, writes in bounded memory, addresses for uploads and downloads.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use millrace_app::ports::{
    DownloadSigner, ObjectSink, ObjectStore, ObjectStream, PresignedUpload, UploadSigner,
};
use millrace_core::failure::{Failure, FailureKind};
use tokio::sync::OnceCell;

use crate::Connection;
use crate::failure::map;

/// Bytes that are collected before they are sent; S3 takes parts of 5 MiB and more.
const PART_BYTES: usize = 8 * 1024 * 1024;

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

    async fn client(&self) -> &Client {
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
impl ObjectStore for Bucket {
    async fn size(&self, key: &str) -> Result<Option<u64>, Failure> {
        let answer = self
            .client()
            .await
            .head_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await;
        match answer.map_err(|error| map("s3.head_object", error)) {
            Ok(head) => Ok(Some(u64::try_from(head.content_length.unwrap_or(0)).unwrap_or(0))),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn open(&self, key: &str, start: u64, end: Option<u64>) -> Result<Box<dyn ObjectStream>, Failure> {
        if end.is_some_and(|end| end <= start) {
            return Ok(Box::new(Body(ByteStream::default())));
        }
        let range = match (start, end) {
            (0, None) => None,
            (_, None) => Some(format!("bytes={start}-")),
            (_, Some(end)) => Some(format!("bytes={start}-{}", end - 1)),
        };
        let call = self
            .client()
            .await
            .get_object()
            .bucket(&self.name)
            .key(key)
            .set_range(range);
        let answer = call.send().await.map_err(|error| map("s3.get_object", error))?;
        Ok(Box::new(Body(answer.body)))
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

#[async_trait]
impl UploadSigner for Bucket {
    async fn sign_upload(&self, key: &str, valid_seconds: u32) -> Result<PresignedUpload, Failure> {
        const OPERATION: &str = "s3.presign_put_object";
        let valid = Duration::from_secs(u64::from(valid_seconds));
        let config = PresigningConfig::expires_in(valid)
            .map_err(|error| Failure::new(FailureKind::Invalid, OPERATION, error))?;
        // One object, once: whoever has the address cannot replace what was sent.
        let call = self
            .client()
            .await
            .put_object()
            .bucket(&self.name)
            .key(key)
            .if_none_match("*");
        let request = call
            .presigned(config)
            .await
            .map_err(|error| map(OPERATION, error))?;
        let headers = request
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(PresignedUpload {
            url: request.uri().to_owned(),
            headers,
            expires_at: now_seconds() + i64::from(valid_seconds),
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
        const OPERATION: &str = "s3.presign_get_object";
        let valid = Duration::from_secs(u64::from(valid_seconds));
        let config = PresigningConfig::expires_in(valid)
            .map_err(|error| Failure::new(FailureKind::Invalid, OPERATION, error))?;
        let call = self
            .client()
            .await
            .get_object()
            .bucket(&self.name)
            .key(key)
            .response_content_disposition(attachment(file_name))
            .response_content_type(media_type);
        let request = call
            .presigned(config)
            .await
            .map_err(|error| map(OPERATION, error))?;
        Ok(request.uri().to_owned())
    }
}

/// A `Content-Disposition` (RFC 6266): the name in ASCII for old readers, and as it is.
fn attachment(file_name: &str) -> String {
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || " .-_".contains(*character);
    let ascii: String = file_name
        .chars()
        .map(|character| if is_plain(&character) { character } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in file_name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature is made of the clock's time, inside the SDK as well"
)]
fn now_seconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

struct Body(ByteStream);

#[async_trait]
impl ObjectStream for Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.0.next().await {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes.to_vec())),
            Some(Err(error)) => Err(Failure::new(FailureKind::Transient, "s3.read_body", error)),
        }
    }
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
    use super::attachment;

    #[test]
    fn a_file_name_stays_one_whatever_it_holds() {
        assert_eq!(
            attachment("Präsenz \"2023\"\r\n.pdf"),
            "attachment; filename=\"Pr_senz _2023___.pdf\"; filename*=UTF-8''Pr%C3%A4senz%20%222023%22%0D%0A.pdf"
        );
    }
}
