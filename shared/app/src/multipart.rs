//! Uploads in parts: files above what one PUT takes, and lines that break.
//!
//! The parts lie with S3, and S3 alone says which are there: nothing of them is written down here but the upload's id. So
//! whoever sends them needs no memory either, and goes on where another has died.

use millrace_core::failure::Failure;
use millrace_core::ids::FileVersion;
use millrace_core::object_key;
use millrace_core::row_error::{FileError, Rule};
use millrace_store::Store;
use millrace_store::files::FileRecord;

use crate::outbox::{send_outbox, send_reminder};
use crate::ports::{MessageSender, MultipartUploads, ObjectStore, PresignedUpload, UploadedPart};
use crate::upload::UPLOAD_VALID_SECONDS;

/// The size of every part but the last, which may be smaller: above the 5 MiB that S3 wants, and 10 GiB are 1,280.
pub const PART_BYTES: u64 = 8 * 1024 * 1024;

/// How long an upload in parts is waited for. The landing bucket's lifecycle takes the parts of one away that nobody has
/// completed by then.
pub const PARTS_AWAITED_SECONDS: u32 = 24 * 60 * 60;

/// The most parts that S3 lists at once.
const LISTED_PARTS: u32 = 1_000;

/// What uploads in parts need.
pub struct MultipartPorts<'a> {
    /// The database.
    pub store: &'a Store,
    /// The landing bucket's multipart uploads.
    pub uploads: &'a dyn MultipartUploads,
    /// The landing bucket.
    pub landing: &'a dyn ObjectStore,
    /// The queues.
    pub sender: &'a dyn MessageSender,
    /// When a reminder looks at the outbox.
    pub reminder_delay_seconds: u16,
}

/// A part that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSlice {
    /// Its number, from 1.
    pub number: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its size.
    pub size_bytes: u64,
}

/// The parts of a file of a size, behind a number.
pub fn parts_of(size_bytes: u64, after: u32) -> impl Iterator<Item = PartSlice> {
    (after..part_count(size_bytes)).map(move |index| {
        let offset = u64::from(index) * PART_BYTES;
        PartSlice {
            number: index + 1,
            offset,
            size_bytes: PART_BYTES.min(size_bytes - offset),
        }
    })
}

/// How many parts a file of a size has.
#[must_use]
pub fn part_count(size_bytes: u64) -> u32 {
    u32::try_from(size_bytes.div_ceil(PART_BYTES)).unwrap_or(u32::MAX)
}

/// Why an upload in parts does not go on.
#[derive(Debug, thiserror::Error)]
pub enum MultipartError {
    /// The version does not come in parts.
    #[error("there is no upload in parts for that file version")]
    None,
    /// The object is there.
    #[error("the upload is complete: to take the file back, delete it")]
    Completed,
    /// The upload was broken off, or its time is up.
    #[error("the upload was broken off, or its time is up: register the file again to send it")]
    Ended,
    /// Not all parts are there, or not in their sizes.
    #[error("{} of {of} parts are missing, or have another size", .missing.len())]
    PartsMissing {
        /// Those that are missing.
        missing: Vec<u32>,
        /// How many there are in all.
        of: u32,
    },
    /// Something could not be done.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A version whose bytes come in parts.
pub struct Multipart {
    /// The version as it is shown.
    pub record: FileRecord,
    /// How many bytes will come.
    pub size_bytes: u64,
    key: String,
    upload_id: String,
}

/// A part, whether it is there, and if not, the address to send it to.
pub struct ListedPart {
    /// The part.
    pub part: PartSlice,
    /// Where it is to be sent; none once it is there.
    pub address: Option<PresignedUpload>,
}

/// Begins the upload of a version that was registered with its size; once more, it is the one that it has.
///
/// # Errors
/// [`MultipartError`]; a [`Failure`] leaves at most an upload without parts, which the bucket's lifecycle takes away.
pub async fn begin_multipart(
    ports: &MultipartPorts<'_>,
    file: FileVersion,
) -> Result<Multipart, MultipartError> {
    let record = ports.store.load_file(file).await?.ok_or(MultipartError::None)?;
    if record.upload_id.is_some() {
        return multipart(record);
    }
    let key = object_key::upload(file);
    let begun = ports.uploads.begin(&key).await?;
    let noted = ports.store.note_upload_id(file, &begun).await?;
    if noted.as_ref() != Some(&begun) {
        ports.uploads.abort(&key, &begun).await?;
    }
    multipart(FileRecord {
        upload_id: noted,
        ..record
    })
}

/// The upload of a version.
///
/// # Errors
/// [`MultipartError::None`] where its bytes do not come in parts.
pub async fn load_multipart(store: &Store, file: FileVersion) -> Result<Multipart, MultipartError> {
    multipart(store.load_file(file).await?.ok_or(MultipartError::None)?)
}

fn multipart(record: FileRecord) -> Result<Multipart, MultipartError> {
    let (Some(upload_id), Some(size_bytes)) = (record.upload_id.clone(), record.declared_bytes) else {
        return Err(MultipartError::None);
    };
    Ok(Multipart {
        size_bytes,
        key: object_key::upload(record.file),
        upload_id,
        record,
    })
}

impl Multipart {
    /// A page of its parts behind a number, with addresses for those that are not there.
    ///
    /// # Errors
    /// [`MultipartError`] where there is nothing to be sent any more.
    pub async fn list_parts(
        &self,
        ports: &MultipartPorts<'_>,
        after: u32,
        limit: u32,
    ) -> Result<Vec<ListedPart>, MultipartError> {
        let listed = ports
            .uploads
            .list(&self.key, &self.upload_id, after, limit)
            .await?;
        let Some(there) = listed else {
            return Err(self.why_it_ended(ports).await?);
        };
        let mut page = Vec::new();
        for part in parts_of(self.size_bytes, after).take(limit as usize) {
            let address = match has_come(part, &there) {
                true => None,
                false => {
                    let of_part = (part.number, part.size_bytes);
                    let signed =
                        ports
                            .uploads
                            .sign_part(&self.key, &self.upload_id, of_part, UPLOAD_VALID_SECONDS);
                    Some(signed.await?)
                }
            };
            page.push(ListedPart { part, address });
        }
        Ok(page)
    }

    /// Makes the object of the parts; S3 tells of it, as of any other. Once more, nothing happens.
    ///
    /// # Errors
    /// [`MultipartError`]: nothing has happened, and what is missing can still be sent where that is said.
    pub async fn complete(&self, ports: &MultipartPorts<'_>) -> Result<(), MultipartError> {
        let Some(there) = self.all_parts(ports).await? else {
            return self.is_completed(ports).await;
        };
        let wanted = parts_of(self.size_bytes, 0).filter(|part| !has_come(*part, &there));
        let missing: Vec<u32> = wanted.map(|part| part.number).collect();
        if !missing.is_empty() {
            let of = part_count(self.size_bytes);
            return Err(MultipartError::PartsMissing { missing, of });
        }
        match ports.uploads.complete(&self.key, &self.upload_id, &there).await? {
            true => Ok(()),
            // Somebody else was faster, with either.
            false => self.is_completed(ports).await,
        }
    }

    /// Breaks the upload off: its parts go, and the version ends. Once more, nothing happens. Should the object come to be
    /// there after all, by a completion that was under way, it takes the version up again.
    ///
    /// # Errors
    /// [`MultipartError::Completed`] where the object is there: nothing has happened.
    pub async fn abort(&self, ports: &MultipartPorts<'_>) -> Result<(), MultipartError> {
        // Its answer says little: S3 confirms for hours that it has aborted what was completed.
        ports.uploads.abort(&self.key, &self.upload_id).await?;
        if self.is_there(ports).await? {
            return Err(MultipartError::Completed);
        }
        let error = FileError::of_file(
            Rule::UploadAborted,
            "whoever sent the file broke its upload off before all parts had come",
        );
        let file = self.record.file;
        send_reminder(ports.sender, file, ports.reminder_delay_seconds).await?;
        ports.store.end_upload(file, 0, &error).await?;
        send_outbox(ports.store, ports.sender, file).await?;
        Ok(())
    }

    async fn all_parts(&self, ports: &MultipartPorts<'_>) -> Result<Option<Vec<UploadedPart>>, Failure> {
        let mut there: Vec<UploadedPart> = Vec::new();
        loop {
            let after = there.last().map_or(0, |part| part.number);
            let listed = ports
                .uploads
                .list(&self.key, &self.upload_id, after, LISTED_PARTS);
            // A page may be shorter than asked for and not the last one.
            match listed.await? {
                None => return Ok(None),
                Some(page) if page.is_empty() => return Ok(Some(there)),
                Some(page) => there.extend(page),
            }
        }
    }

    async fn is_completed(&self, ports: &MultipartPorts<'_>) -> Result<(), MultipartError> {
        match self.is_there(ports).await? {
            true => Ok(()),
            false => Err(MultipartError::Ended),
        }
    }

    /// Why there is no such upload with S3 any more.
    async fn why_it_ended(&self, ports: &MultipartPorts<'_>) -> Result<MultipartError, Failure> {
        Ok(match self.is_there(ports).await? {
            true => MultipartError::Completed,
            false => MultipartError::Ended,
        })
    }

    /// Whether the object is there, or was: what was read may have been moved since.
    async fn is_there(&self, ports: &MultipartPorts<'_>) -> Result<bool, Failure> {
        Ok(self.record.facts.received || ports.landing.size(&self.key).await?.is_some())
    }
}

fn has_come(part: PartSlice, there: &[UploadedPart]) -> bool {
    let found = there.binary_search_by_key(&part.number, |part| part.number);
    found.is_ok_and(|at| there[at].size_bytes == part.size_bytes)
}

#[cfg(test)]
mod tests {
    use super::{PART_BYTES, PartSlice, part_count, parts_of};

    #[test]
    fn parts_cover_the_file_and_nothing_else() {
        for (size, count, last) in [
            (1, 1, 1),
            (PART_BYTES, 1, PART_BYTES),
            (PART_BYTES + 1, 2, 1),
            (10 << 30, 1_280, PART_BYTES),
        ] {
            let parts: Vec<PartSlice> = parts_of(size, 0).collect();
            assert_eq!((part_count(size), parts.len()), (count, count as usize));
            assert_eq!(parts.iter().map(|part| part.size_bytes).sum::<u64>(), size);
            let end = parts.last().unwrap();
            assert_eq!(
                (end.number, end.size_bytes, end.offset),
                (count, last, size - last)
            );
            assert_eq!(parts_of(size, count - 1).collect::<Vec<_>>(), [*end]);
            assert_eq!(parts_of(size, count).count(), 0);
        }
    }
}
