//! As much of HTTP/1.1 (RFC 9112) as a client on loopback needs: whole requests with a length or in chunks.

/// A request, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The value of `x-amz-target`, by which DynamoDB, SQS and Secrets Manager tell operations apart.
    pub target: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Bytes that are no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP request: {0}")]
pub struct Malformed(&'static str);

/// Takes the first request off the bytes that a connection has sent; none while it is incomplete.
///
/// # Errors
/// [`Malformed`] when what is there can never become one.
pub fn take_request(received: &mut Vec<u8>) -> Result<Option<Request>, Malformed> {
    let Some(head_bytes) = find(received, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..head_bytes]).map_err(|_| Malformed("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(Malformed("the first line has no method and path"));
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        target: None,
        body: Vec::new(),
    };
    let (mut length, mut is_chunked) = (0, false);
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or(Malformed("a header without a colon"))?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| Malformed("the length is no number"))?,
            "transfer-encoding" => is_chunked = value.eq_ignore_ascii_case("chunked"),
            "x-amz-target" => request.target = Some(value.to_owned()),
            _ => {}
        }
    }
    let begin = head_bytes + 4;
    let end = if is_chunked {
        match read_chunks(&received[begin..])? {
            Some((body, used)) => {
                request.body = body;
                begin + used
            }
            None => return Ok(None),
        }
    } else {
        let end: usize = begin + length;
        let Some(body) = received.get(begin..end) else {
            return Ok(None);
        };
        request.body = body.to_vec();
        end
    };
    received.drain(..end);
    Ok(Some(request))
}

/// The body that chunks make up and the bytes that they take; none while they are incomplete.
fn read_chunks(mut rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let all = rest.len();
    let mut body = Vec::new();
    loop {
        let Some(line_bytes) = find(rest, b"\r\n") else {
            return Ok(None);
        };
        let line = std::str::from_utf8(&rest[..line_bytes]).map_err(|_| Malformed("a chunk's length"))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| Malformed("a chunk's length"))?;
        rest = &rest[line_bytes + 2..];
        if size == 0 {
            // Trailers, which nobody sends, end with a blank line; without any, that is the next one.
            let end = if rest.starts_with(b"\r\n") {
                Some(2)
            } else {
                find(rest, b"\r\n\r\n").map(|at| at + 4)
            };
            return Ok(end.map(|end| (body, all - rest.len() + end)));
        }
        let Some(chunk) = rest.get(..size + 2) else {
            return Ok(None);
        };
        if !chunk.ends_with(b"\r\n") {
            return Err(Malformed("a chunk is longer than it says"));
        }
        body.extend_from_slice(&chunk[..size]);
        rest = &rest[size + 2..];
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::{Malformed, take_request};

    #[test]
    fn a_request_is_taken_when_its_last_byte_is_there_and_not_before() {
        let texts = [
            "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n",
            "POST /a?b HTTP/1.1\r\nContent-Length: 5\r\nX-Amz-Target: Service.Do\r\n\r\nhello",
            "POST /c HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
            "POST /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\ntrailer: 1\r\n\r\n",
        ];
        let bodies = ["", "hello", "hello", ""];
        for (text, body) in texts.into_iter().zip(bodies) {
            for cut in 0..text.len() {
                let mut part = text.as_bytes()[..cut].to_vec();
                assert_eq!(take_request(&mut part), Ok(None), "{text:?} cut at {cut}");
                assert_eq!(part.len(), cut);
            }
            let mut two = format!("{text}{}", texts[1]).into_bytes();
            let first = take_request(&mut two).unwrap().unwrap();
            assert_eq!(first.body, body.as_bytes());
            let second = take_request(&mut two).unwrap().unwrap();
            assert_eq!((second.method.as_str(), second.path.as_str()), ("POST", "/a?b"));
            assert_eq!(second.target.as_deref(), Some("Service.Do"));
            assert!(two.is_empty());
        }
    }

    #[test]
    fn what_is_no_request_is_told() {
        for (text, why) in [
            ("nonsense\r\n\r\n", "the first line has no method and path"),
            ("GET / HTTP/1.1\r\nnonsense\r\n\r\n", "a header without a colon"),
            (
                "GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
                "the length is no number",
            ),
            (
                "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nz\r\n",
                "a chunk's length",
            ),
            (
                "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabcd",
                "a chunk is longer than it says",
            ),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            assert_eq!(take_request(&mut bytes), Err(Malformed(why)));
        }
    }
}
