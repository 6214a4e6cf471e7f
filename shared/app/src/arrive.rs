//! Objects that S3 tells of: uploads that were registered before, and drops that are registered now.

use millrace_core::object_key::{ArrivedObject, DROPS, parse_drop, parse_upload};
use millrace_store::drops::{BeginDrop, DroppedWrite};

use crate::ingest::{IngestPorts, ingest_file};
use crate::upload::new_file_id;
use crate::{Disposition, Handled};

/// Handles "this object was written".
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn take_object(ports: &IngestPorts<'_>, arrived: &ArrivedObject) -> Handled {
    let key = arrived.object.key.as_str();
    if key.starts_with(DROPS) {
        // What consoles make for a folder.
        if key.ends_with('/') && arrived.size_bytes.is_none_or(|bytes| bytes == 0) {
            return Ok(Disposition::Done);
        }
        return take_write(ports, &arrived.into()).await;
    }
    match parse_upload(key) {
        Some(file) => ingest_file(ports, file).await,
        None => {
            let why = format!("{key} is not a key that an upload was given");
            Ok(Disposition::Reject(why))
        }
    }
}

/// Handles "look at this dropped object again": as if its event came again.
///
/// # Errors
/// A failure of a bucket, a queue or the database.
pub async fn take_drop(ports: &IngestPorts<'_>, drop_id: i64) -> Handled {
    match ports.store.load_drop(drop_id).await? {
        Some(write) => take_write(ports, &write).await,
        None => Ok(Disposition::Reject(format!(
            "there is no dropped object {drop_id}"
        ))),
    }
}

/// Registers a dropped object and validates it. What cannot be registered is stored with its reason, where operators look.
async fn take_write(ports: &IngestPorts<'_>, write: &DroppedWrite) -> Handled {
    let key = parse_drop(&write.object_key);
    let new_file_id = new_file_id(ports.surroundings);
    let begun = ports.store.begin_drop(write, key.as_ref(), new_file_id).await?;
    let BeginDrop::Taken { files } = begun else {
        return Ok(Disposition::Done);
    };
    // The newest first: an older one that comes late finds it there, and never shows.
    for file in files {
        if let Disposition::Reject(why) = ingest_file(ports, file).await? {
            return Ok(Disposition::Reject(why));
        }
    }
    Ok(Disposition::Done)
}
