//! The Lambda Runtime API for one function: it hands out an event when the function asks for one, and takes the answer.
//!
//! One thread waits on all connections at once, as the function is the only client: no thread has to be woken between
//! a request's last byte and the clock.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::http::{Request, take_request};

/// How long a function may take to ask or to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether the function still runs.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};
const INVOCATION_TIME: Duration = Duration::from_secs(60);

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What a function answered.
#[derive(Debug)]
pub struct Answer {
    /// When its last byte came.
    pub at: Instant,
    /// Since the event was handed out.
    pub elapsed: Duration,
    /// Whether it is a response; else the invocation failed.
    pub is_response: bool,
    /// The response, or the error.
    pub body: Vec<u8>,
}

/// A Runtime API with one client.
pub struct RuntimeApi {
    listener: TcpListener,
    connections: BTreeMap<u64, Connection>,
    accepted: u64,
    invocations: u64,
    /// The connection that waits for an event.
    waiting: Option<u64>,
}

impl RuntimeApi {
    /// An API on a free port of the loopback.
    ///
    /// # Errors
    /// When there is none.
    pub fn bind() -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind("127.0.0.1:0")?,
            connections: BTreeMap::new(),
            accepted: 0,
            invocations: 0,
            waiting: None,
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` has to be.
    ///
    /// # Errors
    /// Of the system.
    pub fn address(&self) -> io::Result<String> {
        Ok(self.listener.local_addr()?.to_string())
    }

    /// Waits until the function asks for an event, and says when it did.
    ///
    /// # Errors
    /// When it does not, says that it cannot start, or has ended (`has_ended` says how).
    pub fn wait_next(&mut self, has_ended: &mut dyn FnMut() -> Option<String>) -> anyhow::Result<Instant> {
        let (id, request, at) = self.next_request(has_ended)?;
        ensure!(
            request.method == "GET" && request.path.ends_with("/invocation/next"),
            "the function called {} {}: {}",
            request.method,
            request.path,
            String::from_utf8_lossy(&request.body)
        );
        self.waiting = Some(id);
        Ok(at)
    }

    /// Hands the event to the function that asked for it, and waits for the answer.
    ///
    /// # Errors
    /// When the function had not asked, or does not answer.
    pub fn invoke(
        &mut self,
        event: &[u8],
        has_ended: &mut dyn FnMut() -> Option<String>,
    ) -> anyhow::Result<Answer> {
        let waiting = self.waiting.take().context("the function has not asked")?;
        self.invocations += 1;
        let deadline = deadline()?;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{:012x}\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             Content-Length: {}\r\n\r\n",
            self.invocations,
            deadline.as_millis(),
            event.len()
        );
        let message = [head.as_bytes(), event].concat();
        let begin = Instant::now();
        self.send(waiting, &message)?;
        let (id, request, at) = self.next_request(has_ended)?;
        let body = "{\"status\":\"OK\"}\n";
        let accepted = format!(
            "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(id, accepted.as_bytes())?;
        let is_response = request.path.ends_with("/response");
        if !is_response && !request.path.ends_with("/error") {
            bail!("the function called {} {}", request.method, request.path);
        }
        Ok(Answer {
            at,
            elapsed: at - begin,
            is_response,
            body: request.body,
        })
    }

    fn send(&mut self, id: u64, bytes: &[u8]) -> anyhow::Result<()> {
        let connection = self.connections.get_mut(&id);
        let connection = connection.context("the function has closed the connection")?;
        connection
            .stream
            .write_all(bytes)
            .context("answering the function")
    }

    /// The next complete request, the connection that it came on, and when its last byte came.
    fn next_request(
        &mut self,
        has_ended: &mut dyn FnMut() -> Option<String>,
    ) -> anyhow::Result<(u64, Request, Instant)> {
        let begin = Instant::now();
        loop {
            for id in self.wait_readable()? {
                if let Some((request, at)) = self.receive(id)? {
                    return Ok((id, request, at));
                }
            }
            if let Some(how) = has_ended() {
                bail!("the function has ended: {how}");
            }
            ensure!(
                begin.elapsed() < PATIENCE,
                "no request in {} s",
                PATIENCE.as_secs()
            );
        }
    }

    /// Connections with something to read; new ones are taken on the way.
    fn wait_readable(&mut self) -> anyhow::Result<Vec<u64>> {
        let mut waited = vec![PollFd::new(&self.listener, PollFlags::IN)];
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        let streams = self.connections.values().map(|connection| &connection.stream);
        waited.extend(streams.map(|stream| PollFd::new(stream, PollFlags::IN)));
        poll(&mut waited, Some(&LOOK))?;
        let is_ready: Vec<bool> = waited.iter().map(|one| !one.revents().is_empty()).collect();
        if is_ready[0] {
            let (stream, _) = self.listener.accept()?;
            stream.set_nodelay(true)?;
            self.accepted += 1;
            let received = Vec::new();
            self.connections
                .insert(self.accepted, Connection { stream, received });
        }
        let ready = ids.into_iter().zip(&is_ready[1..]);
        Ok(ready
            .filter_map(|(id, is_ready)| is_ready.then_some(id))
            .collect())
    }

    fn receive(&mut self, id: u64) -> anyhow::Result<Option<(Request, Instant)>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(None);
        };
        let mut piece = [0; 64 * 1024];
        let size = match connection.stream.read(&mut piece) {
            Ok(size) => size,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error).context("reading from the function"),
        };
        let at = Instant::now();
        if size == 0 {
            self.connections.remove(&id);
            return Ok(None);
        }
        connection.received.extend_from_slice(&piece[..size]);
        Ok(take_request(&mut connection.received)?.map(|request| (request, at)))
    }
}

#[expect(clippy::disallowed_methods, reason = "the function is told a real deadline")]
fn deadline() -> anyhow::Result<Duration> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)? + INVOCATION_TIME)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::RuntimeApi;

    fn runs() -> Option<String> {
        None
    }

    #[test]
    fn a_function_gets_an_event_and_gives_an_answer() {
        let mut api = RuntimeApi::bind().unwrap();
        let address = api.address().unwrap();
        let function = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .write_all(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
                .unwrap();
            let mut received = Vec::new();
            while !received.ends_with(b"the event") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                received.extend(byte);
            }
            let answer =
                "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\ncontent-length: 4\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            stream.write_all(b"done").unwrap();
            let mut accepted = [0; 12];
            stream.read_exact(&mut accepted).unwrap();
            assert_eq!(&accepted, b"HTTP/1.1 202");
            String::from_utf8(received).unwrap()
        });
        api.wait_next(&mut runs).unwrap();
        let answer = api.invoke(b"the event", &mut runs).unwrap();
        assert_eq!(answer.body, b"done");
        assert!(answer.is_response);
        let received = function.join().unwrap();
        assert!(received.contains("Lambda-Runtime-Deadline-Ms: "), "{received}");
        assert!(received.contains("Content-Length: 9\r\n"), "{received}");
    }

    #[test]
    fn a_function_that_cannot_start_is_told() {
        let mut api = RuntimeApi::bind().unwrap();
        let mut stream = TcpStream::connect(api.address().unwrap()).unwrap();
        let call = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\ncontent-length: 7\r\n\r\nmissing";
        stream.write_all(call.as_bytes()).unwrap();
        let error = api.wait_next(&mut runs).unwrap_err().to_string();
        assert!(error.contains("/init/error: missing"), "{error}");
        let error = api
            .wait_next(&mut || Some("exit status: 1".to_owned()))
            .unwrap_err();
        assert_eq!(error.to_string(), "the function has ended: exit status: 1");
    }
}
