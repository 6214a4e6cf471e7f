use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use millrace_app::ports::{ObjectReader as _, ObjectStream as _};
use millrace_core::failure::FailureKind;
use millrace_core::object_key::ObjectAt;

use super::{MOST_BREAKS, ObjectRead, parse_range};
use crate::s3::Bucket;
use crate::s3::fake::{Answer, Call, bucket};

const RANGE_BYTES: u64 = 100;
const OBJECT_BYTES: usize = 1_050;

fn object() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(OBJECT_BYTES).collect()
}

/// Answers a range of an object as S3 does.
fn range_of(object: &[u8], call: &Call) -> Answer {
    let range = call
        .header("range")
        .and_then(|range| range.strip_prefix("bytes="));
    let (start, last) = range.and_then(|range| range.split_once('-')).unwrap();
    let (start, last): (usize, usize) = (start.parse().unwrap(), last.parse().unwrap());
    if start >= object.len() {
        return Answer::new(
            "416 Range Not Satisfiable",
            b"<Error><Code>InvalidRange</Code></Error>",
        );
    }
    let end = object.len().min(last + 1);
    let mut answer = Answer::new("206 Partial Content", &object[start..end]);
    let content_range = format!("content-range: bytes {start}-{}/{}\r\n", end - 1, object.len());
    answer.headers.push_str(&content_range);
    answer
}

async fn read(bucket: &Bucket, start: u64, end: Option<u64>) -> Result<Vec<u8>, FailureKind> {
    let object = ObjectAt::from("key".to_owned());
    let opened = ObjectRead::open_in(RANGE_BYTES, bucket, &object, (start, end)).await;
    let mut opened = opened.map_err(|failure| failure.kind)?;
    let mut bytes = Vec::new();
    while let Some(piece) = opened.next().await.map_err(|failure| failure.kind)? {
        bytes.extend(piece);
    }
    Ok(bytes)
}

#[tokio::test]
async fn an_object_comes_in_ranges_all_of_one_write() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let bucket = {
        let calls = Arc::clone(&calls);
        bucket(move |call| {
            calls.lock().unwrap().push(call.clone());
            range_of(&object(), call)
        })
        .await
    };
    for (start, end, expected_calls) in [
        (0, None, 11),
        (0, Some(100), 1),
        (7, Some(108), 2),
        (1_000, None, 1),
        (950, Some(5_000), 1),
        (50, Some(50), 0),
        (1_050, None, 1),
        (5_000, None, 1),
        (0, Some(0), 0),
    ] {
        calls.lock().unwrap().clear();
        let until = end.map_or(OBJECT_BYTES, |end| {
            OBJECT_BYTES.min(usize::try_from(end).unwrap())
        });
        let expected = object()
            .get(usize::try_from(start).unwrap()..until)
            .map(<[u8]>::to_vec);
        let bytes = read(&bucket, start, end).await;
        assert_eq!(bytes, Ok(expected.unwrap_or_default()), "{start} {end:?}");
        let calls = calls.lock().unwrap();
        assert_eq!(calls.len(), expected_calls, "{start} {end:?}");
        for (number, call) in calls.iter().enumerate() {
            let expected = (number > 0).then_some("\"x\"");
            assert_eq!(call.header("if-match"), expected, "{start} {end:?}: {number}");
        }
    }
    assert!(
        bucket
            .open_at(&ObjectAt::from("key".to_owned()), 3, Some(3))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_empty_object_has_no_bytes() {
    let bucket = bucket(|call| range_of(b"", call)).await;
    assert_eq!(read(&bucket, 0, None).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_body_that_breaks_off_goes_on_where_it_was() {
    let calls = Arc::new(AtomicUsize::new(0));
    let bucket = {
        let calls = Arc::clone(&calls);
        bucket(move |call| {
            let number = calls.fetch_add(1, Ordering::Relaxed);
            let mut answer = range_of(&object(), call);
            answer.breaks_after = (number % 3 < 2).then_some(answer.body.len() * (number % 3) / 2);
            answer
        })
        .await
    };
    assert_eq!(read(&bucket, 0, None).await, Ok(object()));
    assert!(calls.load(Ordering::Relaxed) > 20, "{calls:?}");
}

#[tokio::test]
async fn a_body_that_gives_nothing_any_more_is_given_up() {
    let calls = Arc::new(AtomicUsize::new(0));
    let bucket = {
        let calls = Arc::clone(&calls);
        bucket(move |call| {
            calls.fetch_add(1, Ordering::Relaxed);
            let mut answer = range_of(&object(), call);
            answer.breaks_after = Some(0);
            answer
        })
        .await
    };
    assert_eq!(read(&bucket, 0, None).await, Err(FailureKind::Transient));
    assert_eq!(calls.load(Ordering::Relaxed), 1 + MOST_BREAKS as usize);
}

#[tokio::test]
async fn bytes_of_another_write_or_place_are_not_taken() {
    // The key is written again between the first range and the second.
    let changed = bucket(|call| match call.header("if-match") {
        None => range_of(&object(), call),
        Some(_) => Answer::new(
            "412 Precondition Failed",
            b"<Error><Code>PreconditionFailed</Code></Error>",
        ),
    })
    .await;
    assert_eq!(read(&changed, 0, None).await, Err(FailureKind::Transient));
    // A storage that does not know ranges is right only where all was asked for.
    let whole = bucket(|_| Answer::new("200 OK", &object())).await;
    assert_eq!(read(&whole, 0, None).await, Ok(object()));
    assert_eq!(read(&whole, 0, Some(10)).await, Ok(object()[..10].to_vec()));
    assert_eq!(read(&whole, 10, None).await, Err(FailureKind::Transient));
    let short = bucket(|call| range_of(&object()[..100], call)).await;
    assert_eq!(read(&short, 200, Some(300)).await, Err(FailureKind::Invalid));
    let nothing = bucket(|call| Answer {
        body: Vec::new(),
        ..range_of(&object(), call)
    })
    .await;
    assert_eq!(read(&nothing, 0, None).await, Err(FailureKind::Transient));
}

#[test]
fn content_ranges_are_read() {
    assert_eq!(parse_range("bytes 5-9/20"), Some((5, 20)));
    for wrong in ["", "bytes */20", "bytes 5-9/*", "5-9/20", "bytes x-9/20"] {
        assert_eq!(parse_range(wrong), None, "{wrong}");
    }
}
