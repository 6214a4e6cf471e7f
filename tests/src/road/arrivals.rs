//! Objects that are written, and what S3 tells of them.

use millrace_app::upload::delete_file;
use millrace_core::ids::{FileId, FileVersion};
use millrace_core::message::Queue;
use millrace_core::object_key::{self, ArrivedObject, ObjectAt};
use millrace_store::files::BeginVersion;

use super::Road;

impl Road {
    /// Puts a registered version's object, and has S3 tell of it.
    pub fn arrive(&self, file: FileVersion, bytes: impl Into<Vec<u8>>) {
        self.write(&object_key::upload(file), bytes);
    }

    /// Takes a file back.
    pub async fn delete(&self, file_id: FileId) -> FileVersion {
        let begun = delete_file(
            &self.store,
            self.sender(),
            &self.surroundings,
            file_id,
            "tests",
            None,
        )
        .await;
        match begun.unwrap() {
            BeginVersion::Created(version) => version.file,
            other => panic!("{file_id}: {other:?}"),
        }
    }

    /// Writes an object and has S3 tell of it; what it tells.
    pub fn write(&self, key: &str, bytes: impl Into<Vec<u8>>) -> ArrivedObject {
        let bytes = bytes.into();
        let size_bytes = Some(bytes.len() as u64);
        let object = self.landing.put(key, bytes);
        let place: u64 = object.version.as_deref().unwrap_or_default().parse().unwrap_or(0);
        let arrived = ArrivedObject {
            object,
            sequencer: Some(format!("0069AF{place:04X}")),
            size_bytes,
        };
        self.tell(&arrived);
        arrived
    }

    /// Has S3 tell of the last write of a key.
    pub fn tell_of(&self, key: &str) {
        let object: ObjectAt = key.to_owned().into();
        self.tell(&ArrivedObject {
            size_bytes: self.landing.bytes(key).map(|bytes| bytes.len() as u64),
            object,
            sequencer: None,
        });
    }

    /// Has S3 tell of a write.
    pub fn tell(&self, arrived: &ArrivedObject) {
        self.queues.push(Queue::Ingest, notification(arrived));
    }
}

/// What S3 says of a created object.
fn notification(arrived: &ArrivedObject) -> String {
    let ArrivedObject {
        object,
        sequencer,
        size_bytes,
    } = arrived;
    serde_json::json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-03-10T05:16:23.987Z", "userIdentity": { "principalId": "AWS:tests" },
        "requestParameters": { "sourceIPAddress": "203.0.113.17" }, "responseElements": {},
        "s3": { "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": { "name": "landing", "ownerIdentity": { "principalId": "A" }, "arn": "arn:aws:s3:::landing" },
            "object": { "key": object.key, "size": size_bytes, "eTag": object.etag, "versionId": object.version,
                "sequencer": sequencer } }
    }] })
    .to_string()
}
