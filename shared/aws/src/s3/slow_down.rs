//! Storage that asks to slow down: the adapter waits and tries again, and calls little more often for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use millrace_app::ports::{ObjectStore as _, read_all};
use millrace_core::failure::Failure;

use super::Bucket;
use super::fake::{Answer, Call, bucket};

/// Calls that are wanted of each kind.
const CALLS: u64 = 100;
/// Calls of a hundred that are told to slow down.
const SLOW_PERCENT: u64 = 20;
const BYTES: &[u8] = b"the object";
const SLOW_DOWN: &str = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

/// What the storage has seen.
#[derive(Default)]
struct Seen {
    calls: AtomicU64,
    slowed: AtomicU64,
}

fn answer(call: &Call, seen: &Seen) -> Answer {
    let number = seen.calls.fetch_add(1, Ordering::Relaxed);
    // Spread over the calls, and the same in every run.
    let is_slowed =
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xffff_ffff < SLOW_PERCENT * (1 << 32) / 100;
    seen.slowed.fetch_add(u64::from(is_slowed), Ordering::Relaxed);
    match (is_slowed, call.method.as_str()) {
        (true, _) => Answer::new("503 Slow Down", SLOW_DOWN.as_bytes()),
        (false, "PUT") => Answer::new("200 OK", b""),
        (false, _) => Answer::new("200 OK", BYTES),
    }
}

async fn call(bucket: &Bucket, number: u64) -> Result<(), Failure> {
    let key = format!("parts/{number}");
    match number % 3 {
        0 => assert_eq!(bucket.size(&key).await?, Some(BYTES.len() as u64)),
        1 => assert_eq!(read_all(bucket, &key).await?, BYTES),
        _ => {
            let mut sink = bucket.create(&key).await?;
            sink.write(BYTES.to_vec()).await?;
            assert_eq!(sink.finish().await?, BYTES.len() as u64);
        }
    }
    Ok(())
}

/// A call as its message makes it: again where it was given up. How often it was.
async fn insist(bucket: &Bucket, number: u64) -> u64 {
    let mut given_up = 0;
    while let Err(failure) = call(bucket, number).await {
        assert!(failure.is_transient(), "{failure:?}");
        given_up += 1;
    }
    given_up
}

#[tokio::test]
async fn a_fifth_of_calls_slowed_down_costs_at_most_half_as_many_again_and_loses_none() {
    let seen = Arc::new(Seen::default());
    let bucket = {
        let seen = Arc::clone(&seen);
        bucket(move |call| answer(call, &seen)).await
    };
    let given_up: u64 = join_all((0..3 * CALLS).map(|number| insist(&bucket, number)))
        .await
        .into_iter()
        .sum();
    let (calls, slowed) = (
        seen.calls.load(Ordering::Relaxed),
        seen.slowed.load(Ordering::Relaxed),
    );
    println!(
        "{calls} calls for {}, {slowed} slowed down, {given_up} given up once",
        3 * CALLS
    );
    assert!(
        slowed * 100 >= calls * SLOW_PERCENT * 3 / 4,
        "{slowed} of {calls} were slowed down"
    );
    assert_eq!(calls - slowed, 3 * CALLS, "each call was answered once");
    assert!(calls * 2 <= 3 * CALLS * 3, "{calls} calls for {}", 3 * CALLS);
}
