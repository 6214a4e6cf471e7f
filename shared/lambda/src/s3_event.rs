//! Objects that S3 says were created.

use aws_lambda_events::event::s3::S3Event;

/// A notification that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not an S3 notification")]
pub struct NotANotification(#[source] serde_json::Error);

/// Keys of the objects that a notification says were created, decoded; none for `s3:TestEvent` and other events.
///
/// # Errors
/// [`NotANotification`] when the text is not one.
pub fn created_keys(body: &str) -> Result<Vec<String>, NotANotification> {
    let value: serde_json::Value = serde_json::from_str(body).map_err(NotANotification)?;
    if value.get("Event").and_then(|event| event.as_str()) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    let event: S3Event = serde_json::from_value(value).map_err(NotANotification)?;
    let created = event.records.into_iter().filter(|record| {
        record
            .event_name
            .as_deref()
            .is_some_and(|name| name.trim_start_matches("s3:").starts_with("ObjectCreated"))
    });
    Ok(created
        .filter_map(|record| record.s3.object.key.map(|key| decode_key(&key)))
        .collect())
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
    use super::{created_keys, decode_key};

    #[test]
    fn keys_are_decoded() {
        assert_eq!(decode_key("uploads/a+b%2B%C3%BC.csv"), "uploads/a b+ü.csv");
        assert_eq!(decode_key("100%"), "100%");
        assert_eq!(decode_key("%zz"), "%zz");
    }

    #[test]
    fn the_test_event_holds_nothing_and_garbage_is_told() {
        assert!(
            created_keys(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#)
                .unwrap()
                .is_empty()
        );
        assert!(created_keys("{").is_err());
        assert!(
            created_keys(r#"{"Records":[{"eventName":"ObjectRemoved:Delete"}]}"#)
                .map_or(true, |keys| keys.is_empty())
        );
    }
}
