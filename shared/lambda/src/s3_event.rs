//! Objects that S3 says were created.
//!
//! Of a notification only what is needed is read, so that members that are missing or new are no reason to give it up.

use millrace_core::object_key::{ArrivedObject, ObjectAt};
use serde::Deserialize;

/// A notification that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotANotification {
    /// Not JSON.
    #[error("not JSON: {:?} error at line {} column {}", .0.classify(), .0.line(), .0.column())]
    NotJson(#[source] serde_json::Error),
    /// Neither records nor a test event.
    #[error("neither records of S3 nor its test event")]
    NoRecords,
    /// A record that lacks what is needed; its number, from 1.
    #[error("record {0} is none of S3: {1} is missing")]
    Incomplete(usize, &'static str),
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event_name: Option<String>,
    s3: Option<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    key: Option<String>,
    size: Option<u64>,
    #[serde(rename = "eTag")]
    etag: Option<String>,
    #[serde(rename = "versionId")]
    version: Option<String>,
    sequencer: Option<String>,
}

/// Objects that a notification says were created; none for `s3:TestEvent` and other events.
///
/// # Errors
/// [`NotANotification`] when the text is not one.
pub fn created_objects(body: &str) -> Result<Vec<ArrivedObject>, NotANotification> {
    let notification: Notification = serde_json::from_str(body).map_err(NotANotification::NotJson)?;
    let Some(records) = notification.records else {
        return match notification.event.as_deref() {
            Some("s3:TestEvent") => Ok(Vec::new()),
            _ => Err(NotANotification::NoRecords),
        };
    };
    let read = records
        .into_iter()
        .enumerate()
        .map(|(at, record)| record.read(at + 1));
    let read: Result<Vec<_>, _> = read.collect();
    Ok(read?.into_iter().flatten().collect())
}

impl Record {
    fn read(self, number: usize) -> Result<Option<ArrivedObject>, NotANotification> {
        let missing = |what| NotANotification::Incomplete(number, what);
        let event = self.event_name.ok_or_else(|| missing("eventName"))?;
        if !event.trim_start_matches("s3:").starts_with("ObjectCreated:") {
            return Ok(None);
        }
        let object = self.s3.and_then(|entity| entity.object);
        let object = object.ok_or_else(|| missing("s3.object"))?;
        let key = object.key.ok_or_else(|| missing("s3.object.key"))?;
        // A bucket that does not keep versions calls them all the same.
        let said = |text: Option<String>| text.filter(|text| !text.is_empty() && text != "null");
        Ok(Some(ArrivedObject {
            object: ObjectAt {
                key: decode_key(&key),
                version: said(object.version),
                etag: said(object.etag),
            },
            sequencer: said(object.sequencer),
            size_bytes: object.size,
        }))
    }
}

/// Undoes S3's form encoding of keys: `+` is a blank, `%XX` a byte.
fn decode_key(encoded: &str) -> String {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hexadecimal = |at: usize| tail.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, hexadecimal(0), hexadecimal(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = &tail[2..];
            }
            (b'+', _, _) => {
                decoded.push(b' ');
                rest = tail;
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{ArrivedObject, NotANotification, ObjectAt, created_objects, decode_key};

    #[test]
    fn keys_are_decoded() {
        assert_eq!(decode_key("uploads/a+b%2B%C3%BC.csv"), "uploads/a b+ü.csv");
        assert_eq!(decode_key("100%"), "100%");
        assert_eq!(decode_key("%zz"), "%zz");
    }

    #[test]
    fn only_what_is_needed_has_to_be_there() {
        let body = r#"{"Records":[{"eventName":"ObjectCreated:Put","later":[1],"s3":{"object":{"key":"a%20b","size":7,
                "eTag":"e","versionId":"v","sequencer":"0A"}}},
            {"eventName":"s3:ObjectCreated:CompleteMultipartUpload","s3":{"object":{"key":"c","versionId":"null"}}},
            {"eventName":"ObjectRemoved:Delete"}]}"#;
        let some = |text: &str| Some(text.to_owned());
        let first = ArrivedObject {
            object: ObjectAt {
                key: "a b".to_owned(),
                version: some("v"),
                etag: some("e"),
            },
            sequencer: some("0A"),
            size_bytes: Some(7),
        };
        let second = ArrivedObject {
            object: ObjectAt::from("c".to_owned()),
            ..ArrivedObject::default()
        };
        assert_eq!(created_objects(body).unwrap(), [first, second]);
        assert_eq!(created_objects(r#"{"Records":[]}"#).unwrap(), []);
    }

    #[test]
    fn the_test_event_holds_nothing() {
        let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-03-10T05:16:23.987Z","Bucket":"b"}"#;
        assert_eq!(created_objects(body).unwrap(), []);
    }

    #[test]
    fn what_is_none_is_told_with_its_reason() {
        let reason = |body| created_objects(body).unwrap_err().to_string();
        assert_eq!(reason("{"), "not JSON: Eof error at line 1 column 1");
        // The text itself may be anything, and stays out of the reason.
        assert_eq!(
            reason(r#"{"Records":"secret"}"#),
            "not JSON: Data error at line 1 column 19"
        );
        assert_eq!(reason("{}"), "neither records of S3 nor its test event");
        assert_eq!(
            reason(r#"{"Event":"s3:Other"}"#),
            "neither records of S3 nor its test event"
        );
        assert_eq!(
            reason(r#"{"Records":[{}]}"#),
            "record 1 is none of S3: eventName is missing"
        );
        let two =
            r#"{"Records":[{"eventName":"ObjectRemoved:Delete"},{"eventName":"ObjectCreated:Put","s3":{}}]}"#;
        assert_eq!(reason(two), "record 2 is none of S3: s3.object is missing");
        let keyless =
            created_objects(r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"size":1}}}]}"#);
        assert!(matches!(
            keyless,
            Err(NotANotification::Incomplete(1, "s3.object.key"))
        ));
    }
}
