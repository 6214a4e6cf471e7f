//! As much of HTTP/1.1 as one request to the local S3 needs.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;

use super::S3CopyError;

const BUFFER_BYTES: usize = 256 * 1024;

/// Where S3 listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    authority: String,
}

/// The head of an answer, and what follows it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) length: Option<u64>,
    is_chunked: bool,
    body: BufReader<TcpStream>,
}

impl Endpoint {
    pub(super) fn parse(url: &str) -> Result<Self, S3CopyError> {
        let wrong = || S3CopyError::Endpoint(url.to_owned());
        let authority = url
            .strip_prefix("http://")
            .ok_or_else(wrong)?
            .trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        Ok(Self {
            authority: authority.to_owned(),
        })
    }

    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        access_key: Option<&str>,
        body: Option<(&mut dyn Read, u64)>,
    ) -> Result<Answer, S3CopyError> {
        let mut stream = TcpStream::connect(&self.authority)?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.authority
        );
        if let Some(key) = access_key {
            // names the account; a local S3 takes any signature
            let credential = format!("Credential={key}/20000101/us-east-1/s3/aws4_request");
            head.push_str(&format!(
                "Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00\r\n"
            ));
        }
        if let Some((_, length)) = &body {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        if let Some((content, length)) = body {
            copy(&mut content.take(length), &mut stream)?;
        }
        Answer::read(stream)
    }
}

impl Answer {
    fn read(stream: TcpStream) -> Result<Self, S3CopyError> {
        let mut body = BufReader::with_capacity(BUFFER_BYTES, stream);
        let first = line(&mut body)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(S3CopyError::Answer("the status line"))?;
        let mut answer = Self {
            status,
            length: None,
            is_chunked: false,
            body,
        };
        loop {
            let header = line(&mut answer.body)?;
            if header.is_empty() {
                return Ok(answer);
            }
            let (name, value) = header.split_once(':').ok_or(S3CopyError::Answer("a header"))?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => answer.length = value.trim().parse().ok(),
                "transfer-encoding" => answer.is_chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
    }

    /// Copies the body; one that ends early is an error.
    pub(super) fn copy_body(mut self, out: &mut impl Write) -> Result<(), S3CopyError> {
        if self.is_chunked {
            return self.copy_chunks(out);
        }
        match self.length {
            Some(length) => copy_exactly(&mut self.body, length, out),
            None => Ok(copy(&mut self.body, out).map(|_| ())?),
        }
    }

    fn copy_chunks(&mut self, out: &mut impl Write) -> Result<(), S3CopyError> {
        loop {
            let head = line(&mut self.body)?;
            let digits = head.split(';').next().unwrap_or_default().trim();
            let length = u64::from_str_radix(digits, 16).map_err(|_| S3CopyError::Answer("a chunk"))?;
            if length == 0 {
                return Ok(());
            }
            copy_exactly(&mut self.body, length, out)?;
            line(&mut self.body)?;
        }
    }
}

fn copy_exactly(
    body: &mut BufReader<TcpStream>,
    length: u64,
    out: &mut impl Write,
) -> Result<(), S3CopyError> {
    if copy(&mut body.take(length), out)? == length {
        return Ok(());
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

/// Large pieces: the standard copy's are small.
fn copy(input: &mut dyn Read, out: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                out.write_all(&buffer[..count])?;
                total += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A line without its end.
fn line(input: &mut BufReader<TcpStream>) -> Result<String, S3CopyError> {
    let mut text = String::new();
    if input.read_line(&mut text)? == 0 {
        return Err(S3CopyError::Answer("it ends early"));
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Percent-encodes a path, but for its slashes.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
