//! Moves between the landing and the collections bucket: copied by S3 itself, large objects in parts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, MultipartUpload};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use millrace_app::ports::{DescribedObject, MultipartUploads as _, ObjectMover, UploadedPart};
use millrace_core::failure::{Failure, FailureKind};
use millrace_core::object_key::ObjectAt;

use crate::failure::map;
use crate::s3::only_these_bytes;
use crate::{Bucket, Connection};

/// Above this size an object is copied in parts; S3 copies at most 5 GiB at once.
const WHOLE_BYTES: u64 = 256 * 1024 * 1024;
/// The size of a part; 10,000 of them are more than the largest object.
const PART_BYTES: u64 = 128 * 1024 * 1024;
/// Parts that are copied at once.
const PARTS_AT_ONCE: usize = 8;

/// The two buckets.
pub struct BucketMover {
    landing: Bucket,
    collections: Bucket,
}

impl BucketMover {
    /// A mover between two buckets by their names.
    #[must_use]
    pub fn new(connection: &Connection, landing: &str, collections: &str) -> Self {
        Self {
            landing: Bucket::new(connection, landing),
            collections: Bucket::new(connection, collections),
        }
    }

    async fn head(bucket: &Bucket, object: &ObjectAt) -> Result<Option<DescribedObject>, Failure> {
        let call = bucket
            .client()
            .await
            .head_object()
            .bucket(bucket.name())
            .key(&object.key)
            .set_version_id(object.version.clone())
            .set_if_match(only_these_bytes(object))
            .checksum_mode(ChecksumMode::Enabled);
        match call.send().await.map_err(|error| map("s3.head_object", error)) {
            Ok(head) => Ok(Some(described(&head))),
            Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Conflict) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Fails where the bucket itself is not there: to a HEAD that is the answer for every object.
    async fn assert_landing_is_there(&self) -> Result<(), Failure> {
        let call = self.landing.client().await.head_bucket();
        let answer = call.bucket(self.landing.name()).send().await;
        match answer.map_err(|error| map("s3.head_bucket", error)) {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == FailureKind::NotFound => {
                let why = format!("there is no bucket {}", self.landing.name());
                Err(Failure::explained(
                    FailureKind::Configuration,
                    "s3.head_bucket",
                    why,
                ))
            }
            Err(failure) => Err(failure),
        }
    }

    /// How S3 is told of an object that is to be copied.
    fn source(&self, object: &ObjectAt) -> String {
        let mut source = format!("{}/{}", self.landing.name(), percent_encoded(&object.key));
        if let Some(version) = &object.version {
            source.push_str("?versionId=");
            source.push_str(&percent_encoded(version));
        }
        source
    }

    /// Goes on with a copy that somebody has begun and not ended: the parts that are there are not copied again.
    async fn copy_parts(&self, object: &ObjectAt, size_bytes: u64, key: &str) -> Result<(), Failure> {
        let upload_id = match self.begun_copy(object, key).await? {
            Some(upload_id) => upload_id,
            None => self.collections.begin(key).await?,
        };
        let copied = self.copy_missing_parts(object, size_bytes, key, &upload_id).await;
        let completed = match copied {
            Ok(parts) => self.collections.complete(key, &upload_id, &parts).await,
            Err(failure) => Err(failure),
        };
        match completed {
            // Not here any more: somebody else has ended it. What lies there is compared anyway.
            Ok(true | false) => Ok(()),
            Err(failure) => {
                if !failure.kind.is_transient() {
                    // What cannot be taken back now is removed by the bucket's lifecycle after a day.
                    let _ = self.collections.abort(key, &upload_id).await;
                }
                Err(failure)
            }
        }
    }

    /// The multipart upload under a key that has been begun last and not been ended, since the object was written.
    async fn begun_copy(&self, object: &ObjectAt, key: &str) -> Result<Option<String>, Failure> {
        let head = self
            .landing
            .client()
            .await
            .head_object()
            .bucket(self.landing.name());
        let head = head
            .key(&object.key)
            .set_version_id(object.version.clone())
            .send()
            .await;
        let head = head.map_err(|error| map("s3.head_object", error))?;
        let written = head.last_modified().map(|at| at.secs());
        let client = self.collections.client().await;
        let call = client.list_multipart_uploads().bucket(self.collections.name());
        let answer = call.prefix(key).send().await;
        let answer = answer.map_err(|error| map("s3.list_multipart_uploads", error))?;
        let is_of_it = |upload: &&MultipartUpload| {
            upload.key() == Some(key) && upload.initiated().map(|at| at.secs()) > written
        };
        let of_key = answer.uploads().iter().filter(is_of_it);
        let last = of_key.max_by_key(|upload| upload.initiated().map(|at| (at.secs(), at.subsec_nanos())));
        Ok(last.and_then(|upload| upload.upload_id().map(str::to_owned)))
    }

    /// The parts that have been copied, by number.
    async fn copied_parts(&self, key: &str, upload_id: &str) -> Result<BTreeMap<u32, UploadedPart>, Failure> {
        const PAGE: u32 = 1_000;
        let (mut copied, mut after) = (BTreeMap::new(), 0);
        loop {
            let page = self
                .collections
                .list(key, upload_id, after, PAGE)
                .await?
                .unwrap_or_default();
            let is_last = page.len() < PAGE as usize;
            copied.extend(page.into_iter().map(|part| (part.number, part)));
            match copied.last_key_value() {
                Some((number, _)) if !is_last => after = *number,
                _ => return Ok(copied),
            }
        }
    }

    async fn copy_missing_parts(
        &self,
        object: &ObjectAt,
        size_bytes: u64,
        key: &str,
        upload_id: &str,
    ) -> Result<Vec<UploadedPart>, Failure> {
        let client = self.collections.client().await;
        let source = self.source(object);
        let mut copied = self.copied_parts(key, upload_id).await?;
        let copy = |(number, start, end): (u32, u64, u64)| {
            let there = copied
                .remove(&number)
                .filter(|part| part.size_bytes == end - start);
            let call = client
                .upload_part_copy()
                .bucket(self.collections.name())
                .key(key)
                .upload_id(upload_id)
                .part_number(i32::try_from(number).unwrap_or(i32::MAX))
                .copy_source(&source)
                .copy_source_range(format!("bytes={start}-{}", end - 1));
            async move {
                if let Some(part) = there {
                    return Ok(part);
                }
                let answer = call.send().await;
                let answer = answer.map_err(|error| map("s3.upload_part_copy", error))?;
                let etag = answer.copy_part_result.and_then(|result| result.e_tag);
                Ok(UploadedPart {
                    number,
                    size_bytes: end - start,
                    etag: etag.unwrap_or_default(),
                })
            }
        };
        let copies = stream::iter(ranges(size_bytes)).map(copy);
        copies.buffered(PARTS_AT_ONCE).try_collect().await
    }
}

/// The parts of an object: number from 1, first byte, the byte behind the last.
fn ranges(size_bytes: u64) -> Vec<(u32, u64, u64)> {
    let parts = size_bytes.div_ceil(PART_BYTES);
    let range = |part: u64| {
        let number = u32::try_from(part + 1).unwrap_or(u32::MAX);
        let start = part * PART_BYTES;
        (number, start, (start + PART_BYTES).min(size_bytes))
    };
    (0..parts).map(range).collect()
}

/// A checksum that is one of the parts' checksums says nothing about the whole.
fn described(head: &HeadObjectOutput) -> DescribedObject {
    let known = [
        ("CRC64NVME", head.checksum_crc64_nvme()),
        ("SHA256", head.checksum_sha256()),
        ("CRC32C", head.checksum_crc32_c()),
        ("CRC32", head.checksum_crc32()),
    ];
    let whole = known.into_iter().find_map(|(algorithm, checksum)| {
        let checksum = checksum.filter(|checksum| !checksum.contains('-'))?;
        Some((algorithm, checksum.to_owned()))
    });
    DescribedObject {
        size_bytes: u64::try_from(head.content_length.unwrap_or(0)).unwrap_or(0),
        version: head.version_id.clone().filter(|version| version != "null"),
        checksum: whole,
    }
}

/// Percent-encodes a key but for its slashes.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => {
                use std::fmt::Write as _;
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[async_trait]
impl ObjectMover for BucketMover {
    async fn describe(&self, object: &ObjectAt) -> Result<Option<DescribedObject>, Failure> {
        let found = Self::head(&self.landing, object).await?;
        if found.is_none() {
            self.assert_landing_is_there().await?;
        }
        Ok(found)
    }

    async fn copy(&self, object: &ObjectAt, size_bytes: u64, key: &str) -> Result<(), Failure> {
        if size_bytes > WHOLE_BYTES {
            return self.copy_parts(object, size_bytes, key).await;
        }
        let call = self.collections.client().await.copy_object();
        call.bucket(self.collections.name())
            .key(key)
            .copy_source(self.source(object))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| map("s3.copy_object", error))
    }

    async fn describe_copy(&self, key: &str) -> Result<Option<DescribedObject>, Failure> {
        Self::head(&self.collections, &key.to_owned().into()).await
    }

    async fn remove(&self, object: &ObjectAt) -> Result<(), Failure> {
        let call = self.landing.client().await.delete_object();
        let call = call.bucket(self.landing.name()).key(&object.key);
        let answer = call.set_version_id(object.version.clone()).send().await;
        match answer.map_err(|error| map("s3.delete_object", error)) {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use millrace_app::ports::ObjectMover as _;

    use super::{BucketMover, PART_BYTES, percent_encoded, ranges};
    use crate::s3::fake::{Answer, bucket};

    /// Uploads under other keys, from before the object was written, and one since, of which the second of three parts is there, and a first one of another size.
    #[tokio::test]
    async fn a_copy_goes_on_where_another_one_died() {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let bucket = bucket(move |call| {
            seen.lock().unwrap().push(format!("{} {}", call.method, call.target));
            let has = |text: &str| call.target.contains(text);
            let body = match call.method.as_str() {
                "GET" if has("uploads") => "<ListMultipartUploadsResult><Upload><Key>archive/a2</Key><UploadId>other</UploadId>\
                    <Initiated>2023-01-09T00:00:00Z</Initiated></Upload><Upload><Key>archive/a</Key><UploadId>older</UploadId>\
                    <Initiated>2023-01-06T00:00:00Z</Initiated></Upload><Upload><Key>archive/a</Key><UploadId>mine</UploadId>\
                    <Initiated>2023-01-08T00:00:01Z</Initiated></Upload></ListMultipartUploadsResult>".to_owned(),
                "GET" => format!("<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>cut</ETag><Size>7</Size></Part>\
                    <Part><PartNumber>2</PartNumber><ETag>two</ETag><Size>{PART_BYTES}</Size></Part></ListPartsResult>"),
                "PUT" => "<CopyPartResult><ETag>new</ETag></CopyPartResult>".to_owned(),
                _ => "<CompleteMultipartUploadResult><Key>archive/a</Key></CompleteMultipartUploadResult>".to_owned(),
            };
            Answer::new("200 OK", body.as_bytes())
        })
        .await;
        let source = crate::s3::fake::bucket(|_| Answer {
            headers: "last-modified: Sat, 07 Jan 2023 00:00:00 GMT\r\n".to_owned(),
            ..Answer::new("200 OK", b"")
        })
        .await;
        let mover = BucketMover {
            landing: source,
            collections: bucket,
        };
        let object = "uploads/a".to_owned().into();
        mover
            .copy(&object, 2 * PART_BYTES + 5, "archive/a")
            .await
            .unwrap();
        let mut calls = calls.lock().unwrap().clone();
        calls[2..4].sort();
        let expected = [
            ("GET", "uploads"),
            ("GET", "uploadId=mine"),
            ("PUT", "partNumber=1&uploadId=mine"),
            ("PUT", "partNumber=3&uploadId=mine"),
            ("POST", "uploadId=mine"),
        ];
        assert_eq!(calls.len(), expected.len(), "{calls:?}");
        for (call, (method, part)) in calls.iter().zip(expected) {
            assert!(call.starts_with(method) && call.contains(part), "{call}: {part}");
        }
    }

    #[test]
    fn parts_cover_an_object_of_any_size_once() {
        for size_bytes in [1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 10 << 30] {
            let ranges = ranges(size_bytes);
            assert_eq!(ranges.first().map(|range| (range.0, range.1)), Some((1, 0)));
            assert_eq!(ranges.last().map(|range| range.2), Some(size_bytes));
            for pair in ranges.windows(2) {
                assert_eq!((pair[0].0 + 1, pair[0].2), (pair[1].0, pair[1].1));
                assert_eq!(
                    pair[0].2 - pair[0].1,
                    PART_BYTES,
                    "all parts but the last are alike"
                );
            }
        }
        assert!(ranges(50 << 30).len() <= 10_000);
    }

    #[test]
    fn keys_of_other_systems_are_encoded() {
        assert_eq!(
            percent_encoded("drops/event/visits/pr\u{e9}sences 08+09%.csv"),
            "drops/event/visits/pr%C3%A9sences%2008%2B09%25.csv"
        );
    }
}
