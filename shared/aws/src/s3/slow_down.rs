//! Storage that asks to slow down: the adapter waits and tries again, and calls little more often for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use futures_util::future::join_all;
use millrace_app::ports::{ObjectStore as _, read_all};
use millrace_core::failure::Failure;

use super::Bucket;
use crate::Connection;

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

/// A storage that answers one call after the other on each connection.
fn serve(seen: &Arc<Seen>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::clone(seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || while answer(&stream, &seen).is_some() {});
        }
    });
    address
}

/// Reads a call and answers it; nothing once the other side has gone.
fn answer(mut stream: &TcpStream, seen: &Seen) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut method, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if method.is_empty() {
            method = line.split(' ').next()?.to_owned();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let number = seen.calls.fetch_add(1, Ordering::Relaxed);
    // Spread over the calls, and the same in every run.
    let is_slowed =
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 0xffff_ffff < SLOW_PERCENT * (1 << 32) / 100;
    seen.slowed.fetch_add(u64::from(is_slowed), Ordering::Relaxed);
    let (status, body) = match (is_slowed, method.as_str()) {
        (true, _) => ("503 Slow Down", SLOW_DOWN.as_bytes()),
        (false, "PUT") => ("200 OK", &b""[..]),
        (false, _) => ("200 OK", BYTES),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\netag: \"x\"\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if method != "HEAD" {
        stream.write_all(body).ok()?;
    }
    Some(())
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
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
        .endpoint_url(serve(&seen));
    let bucket = Bucket::new(&Connection::of(config.load().await), "collections");
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
