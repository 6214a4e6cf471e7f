//! A stand-in for AWS that knows nothing and says so at once: what a call costs the function, without the service.
//!
//! Every call is counted, so that an event said to make no call is held to it.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::{Request, take_request};

/// The stand-in; it ends with this process.
pub struct Stub {
    /// What `AWS_ENDPOINT_URL` has to be.
    pub url: String,
    calls: Arc<AtomicU64>,
}

impl Stub {
    /// Starts answering.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                // A connection that breaks is the function's end.
                std::thread::spawn(move || drop(serve(stream, &counted)));
            }
        });
        Ok(Self { url, calls })
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, calls: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut received, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let size = stream.read(&mut piece)?;
        if size == 0 {
            return Ok(());
        }
        received.extend_from_slice(&piece[..size]);
        while let Some(request) = take_request(&mut received).map_err(io::Error::other)? {
            calls.fetch_add(1, Ordering::SeqCst);
            let (status, body) = answer(&request);
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        }
    }
}

/// No rows, no item; anything else is refused, which a function that calls more than it should shows in its answer.
fn answer(request: &Request) -> (&'static str, &'static str) {
    let operation = request
        .target
        .as_deref()
        .and_then(|target| target.split_once('.'));
    match (request.path.as_str(), operation) {
        ("/Execute", _) => ("200 OK", r#"{"numberOfRecordsUpdated":0,"records":[]}"#),
        (_, Some((_, "GetItem"))) => ("200 OK", "{}"),
        _ => (
            "400 Bad Request",
            r#"{"__type":"AccessDeniedException","message":"a stub"}"#,
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::Stub;

    #[test]
    fn calls_are_answered_and_counted() {
        let stub = Stub::start().unwrap();
        let mut stream = TcpStream::connect(stub.url.trim_start_matches("http://")).unwrap();
        let calls = [
            (
                "POST /Execute HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
                "\"records\":[]}",
            ),
            (
                "POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.GetItem\r\n\r\n",
                "length: 2\r\n\r\n{}",
            ),
            ("PUT /object HTTP/1.1\r\n\r\n", "\"a stub\"}"),
        ];
        for (at, (call, end)) in calls.into_iter().enumerate() {
            assert_eq!(stub.calls(), at as u64);
            stream.write_all(call.as_bytes()).unwrap();
            let mut text = String::new();
            while !text.ends_with(end) {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                text.push(char::from(byte[0]));
            }
        }
        assert_eq!(stub.calls(), 3);
    }
}
