//! Addresses at which one object can be written or read for a while.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use millrace_app::ports::{DownloadSigner, PresignedUpload, UploadSigner};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::file_name::attachment;

use super::Bucket;
use crate::failure::map;

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
        Ok(presigned_upload(&request, valid_seconds))
    }
}

/// What whoever sends the bytes has to know.
pub(super) fn presigned_upload(request: &PresignedRequest, valid_seconds: u32) -> PresignedUpload {
    let headers = request
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    PresignedUpload {
        url: request.uri().to_owned(),
        headers,
        expires_at: now_seconds() + i64::from(valid_seconds),
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
