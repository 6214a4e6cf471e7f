//! A storage that answers as a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;

use super::Bucket;
use crate::Connection;

/// A call that has come.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case, with their values.
    headers: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(header, _)| header == name);
        header.map(|(_, value)| value.as_str())
    }
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    /// Header lines besides that of the length, each with its end.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    /// After how many bytes of the body the connection breaks.
    pub(crate) breaks_after: Option<usize>,
}

impl Answer {
    pub(crate) fn new(status: &'static str, body: &[u8]) -> Self {
        Self {
            status,
            headers: "etag: \"x\"\r\n".to_owned(),
            body: body.to_vec(),
            breaks_after: None,
        }
    }
}

/// A bucket of a storage that gives these answers.
pub(crate) async fn bucket(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Bucket {
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
        .endpoint_url(serve(Arc::new(answer)));
    Bucket::new(&Connection::of(config.load().await), "bucket")
}

/// Answers one call after the other on each connection.
fn serve(answer: Arc<impl Fn(&Call) -> Answer + Send + Sync + 'static>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                while let Some(call) = receive(&stream)
                    && send(&stream, &call, &answer(&call)).is_some()
                {}
            });
        }
    });
    address
}

/// Reads a call; nothing once the other side has gone.
fn receive(stream: &TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line);
    }
    let mut words = lines.first()?.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.iter().skip(1).filter_map(header).collect();
    let call = Call {
        method,
        target,
        headers,
    };
    let length = call.header("content-length").unwrap_or("0").parse().ok()?;
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(call)
}

fn send(mut stream: &TcpStream, call: &Call, answer: &Answer) -> Option<()> {
    let Answer {
        status,
        headers,
        body,
        ..
    } = answer;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    if call.method == "HEAD" {
        return Some(());
    }
    let sent = answer.breaks_after.unwrap_or(body.len());
    stream.write_all(&body[..sent]).ok()?;
    answer.breaks_after.is_none().then_some(())
}
