//! Multipart uploads whose parts others send.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Part};
use millrace_app::ports::{MultipartUploads, PresignedUpload, UploadedPart};
use millrace_core::failure::{Failure, FailureKind};

use super::Bucket;
use super::sign::presigned_upload;
use crate::failure::map;

#[async_trait]
impl MultipartUploads for Bucket {
    async fn begin(&self, key: &str) -> Result<String, Failure> {
        const OPERATION: &str = "s3.create_multipart_upload";
        let client = self.client().await;
        let call = client.create_multipart_upload().bucket(&self.name).key(key);
        let answer = call.send().await.map_err(|error| map(OPERATION, error))?;
        let no_id = || Failure::explained(FailureKind::Transient, OPERATION, "S3 answered no upload id");
        answer.upload_id.ok_or_else(no_id)
    }

    async fn sign_part(
        &self,
        key: &str,
        upload_id: &str,
        (number, size_bytes): (u32, u64),
        valid_seconds: u32,
    ) -> Result<PresignedUpload, Failure> {
        const OPERATION: &str = "s3.presign_upload_part";
        let valid = Duration::from_secs(u64::from(valid_seconds));
        let config = PresigningConfig::expires_in(valid)
            .map_err(|error| Failure::new(FailureKind::Invalid, OPERATION, error))?;
        // The length is signed along: a part of another size is refused by S3.
        let call = self
            .client()
            .await
            .upload_part()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload_id)
            .part_number(part_number(number))
            .content_length(i64::try_from(size_bytes).unwrap_or(i64::MAX));
        let request = call
            .presigned(config)
            .await
            .map_err(|error| map(OPERATION, error))?;
        Ok(presigned_upload(&request, valid_seconds))
    }

    async fn list(
        &self,
        key: &str,
        upload_id: &str,
        after: u32,
        limit: u32,
    ) -> Result<Option<Vec<UploadedPart>>, Failure> {
        let call = self
            .client()
            .await
            .list_parts()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload_id)
            .part_number_marker(after.to_string())
            .max_parts(part_number(limit));
        match gone_is_none(call.send().await.map_err(|error| map("s3.list_parts", error)))? {
            Some(answer) => Ok(Some(answer.parts().iter().map(uploaded).collect())),
            None => Ok(None),
        }
    }

    async fn complete(&self, key: &str, upload_id: &str, parts: &[UploadedPart]) -> Result<bool, Failure> {
        let completed = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part_number(part.number))
                .e_tag(&part.etag)
                .build()
        });
        let completed = CompletedMultipartUpload::builder()
            .set_parts(Some(completed.collect()))
            .build();
        let call = self
            .client()
            .await
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload_id)
            .multipart_upload(completed);
        let answer = call.send().await.map_err(|error| {
            let is_changed = error.code() == Some("InvalidPart");
            let mut failure = map("s3.complete_multipart_upload", error);
            // A part was sent once more after the parts were listed: whoever asks again gets it right.
            if is_changed {
                failure.kind = FailureKind::Transient;
            }
            failure
        });
        Ok(gone_is_none(answer)?.is_some())
    }

    async fn abort(&self, key: &str, upload_id: &str) -> Result<(), Failure> {
        let client = self.client().await;
        let call = client.abort_multipart_upload().bucket(&self.name).key(key);
        let answer = call.upload_id(upload_id).send().await;
        let answer = answer.map_err(|error| map("s3.abort_multipart_upload", error));
        gone_is_none(answer).map(|_| ())
    }
}

fn gone_is_none<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn uploaded(part: &Part) -> UploadedPart {
    UploadedPart {
        number: part
            .part_number()
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or_default(),
        size_bytes: part
            .size()
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or_default(),
        etag: part.e_tag().unwrap_or_default().to_owned(),
    }
}

/// S3 counts to 10,000.
fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
