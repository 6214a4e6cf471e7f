//! Reads in ranges: a connection that breaks costs the rest of its range, not the way to it.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use millrace_app::ports::ObjectStream;
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;

use super::{Bucket, only_these_bytes};
use crate::failure::map;

const OPERATION: &str = "s3.get_object";
/// Bytes that one call asks for: seconds of a connection, and few calls for a large object.
const RANGE_BYTES: u64 = 64 * 1024 * 1024;
/// How often in a row a body may break off before it has given a byte.
const MOST_BREAKS: u32 = 3;
const RANGE_NOT_SATISFIABLE: u16 = 416;

/// An object on its way, all of it from one write.
pub(super) struct ObjectRead {
    client: Client,
    bucket: String,
    object: ObjectAt,
    /// What the first answer called the bytes, where the object does not say which are meant.
    first_etag: Option<String>,
    range_bytes: u64,
    /// The next byte that is to come.
    at: u64,
    /// Where the answer at hand ends, and where the read does: at first as it was asked for, then not behind the object's end.
    answer_end: u64,
    end: u64,
    body: ByteStream,
    breaks: u32,
}

impl ObjectRead {
    /// Opens an object, from an offset to an end (exclusive) or to its own.
    pub(super) async fn open(
        bucket: &Bucket,
        object: &ObjectAt,
        start: u64,
        end: Option<u64>,
    ) -> Result<Self, Failure> {
        Self::open_in(RANGE_BYTES, bucket, object, (start, end)).await
    }

    pub(super) async fn open_in(
        range_bytes: u64,
        bucket: &Bucket,
        object: &ObjectAt,
        (start, end): (u64, Option<u64>),
    ) -> Result<Self, Failure> {
        let mut read = Self {
            client: bucket.client().await.clone(),
            bucket: bucket.name.clone(),
            object: object.clone(),
            first_etag: None,
            range_bytes,
            at: start,
            answer_end: start,
            end: end.unwrap_or(u64::MAX),
            body: ByteStream::default(),
            breaks: 0,
        };
        if read.at < read.end {
            read.ask().await?;
        }
        Ok(read)
    }

    /// Asks for the next range.
    async fn ask(&mut self) -> Result<(), Failure> {
        self.answer_end = self.end.min(self.at.saturating_add(self.range_bytes));
        let call = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.object.key)
            .set_version_id(self.object.version.clone())
            .set_if_match(only_these_bytes(&self.object).or_else(|| self.first_etag.clone()))
            .range(format!("bytes={}-{}", self.at, self.answer_end - 1));
        let error = match call.send().await {
            Ok(answer) => return self.take(answer),
            Err(error) => error,
        };
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let may_lie_behind = self.at == 0 || self.end == u64::MAX;
        if status == Some(RANGE_NOT_SATISFIABLE) && may_lie_behind {
            // Nothing lies there: the object is empty, or ends before.
            (self.end, self.answer_end) = (self.at, self.at);
            self.body = ByteStream::default();
            return Ok(());
        }
        let mut failure = map(OPERATION, error);
        if failure.kind == FailureKind::Conflict && self.first_etag.is_some() {
            // Nobody asked for those bytes: whoever reads again reads what is there by then.
            failure.kind = FailureKind::Transient;
        }
        Err(failure)
    }

    fn take(&mut self, answer: GetObjectOutput) -> Result<(), Failure> {
        let size_bytes = answer.content_length.and_then(|size| u64::try_from(size).ok());
        let size_bytes = size_bytes.ok_or_else(|| self.unexpected("bytes without their number"))?;
        let (start, object_end) = match &answer.content_range {
            Some(range) => {
                parse_range(range).ok_or_else(|| self.unexpected("a range that cannot be read"))?
            }
            None => (0, size_bytes),
        };
        if start != self.at || size_bytes == 0 && start < object_end {
            return Err(self.unexpected("other bytes"));
        }
        self.end = self.end.min(object_end);
        self.answer_end = self.end.min(start.saturating_add(size_bytes));
        if self.object.version.is_none() && self.object.etag.is_none() {
            self.first_etag = answer.e_tag;
        }
        self.body = answer.body;
        Ok(())
    }

    fn unexpected(&self, what: &str) -> Failure {
        let (key, at, end) = (&self.object.key, self.at, self.answer_end);
        let why = format!("S3 was asked for the bytes {at} to {end} of {key} and answered {what}");
        Failure::explained(FailureKind::Transient, OPERATION, why)
    }
}

#[async_trait]
impl ObjectStream for ObjectRead {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        while self.at < self.end {
            match self.body.next().await {
                Some(Ok(bytes)) if !bytes.is_empty() => {
                    let mut bytes = bytes.to_vec();
                    bytes.truncate(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
                    self.at += bytes.len() as u64;
                    self.breaks = 0;
                    return Ok(Some(bytes));
                }
                Some(Ok(_)) => {}
                None if self.at >= self.answer_end => self.ask().await?,
                broken => {
                    self.breaks += 1;
                    if self.breaks > MOST_BREAKS {
                        return Err(match broken {
                            Some(Err(error)) => Failure::new(FailureKind::Transient, "s3.read_body", error),
                            _ => self.unexpected("a body that ends too early"),
                        });
                    }
                    self.ask().await?;
                }
            }
        }
        Ok(None)
    }
}

/// Where a `Content-Range` begins, and how many bytes the object has: RFC 9110, 14.4.
fn parse_range(range: &str) -> Option<(u64, u64)> {
    let (range, size_bytes) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, size_bytes.parse().ok()?))
}

#[cfg(test)]
mod tests;
