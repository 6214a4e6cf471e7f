//! The program behind the local `aws_s3` functions, as a library: one object in, or out, over plain HTTP.
//!
//! `[--endpoint URL] [--access-key KEY] (get|put|size-TOKEN) BUCKET KEY`. It blocks and needs nothing but `std`, because
//! the database starts it once for every import and waits for it.

mod http;

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::PathBuf;

use http::Endpoint;

/// Why an object was not copied.
#[derive(Debug, thiserror::Error)]
pub enum S3CopyError {
    /// The arguments are not what the program takes.
    #[error("usage: --endpoint URL [--access-key KEY] (get|put|size-TOKEN) BUCKET KEY")]
    Usage,
    /// The endpoint is no `http://host:port`.
    #[error("the endpoint is not of the form http://host:port: {0}")]
    Endpoint(String),
    /// S3 refused.
    #[error("HTTP {0}")]
    Status(u16),
    /// The answer is no HTTP.
    #[error("the answer is not understood: {0}")]
    Answer(&'static str),
    /// Reading or writing failed, or the object ended early.
    #[error("copying failed: {0}")]
    Io(#[from] io::Error),
}

/// What to do, with which object.
#[derive(Debug, PartialEq, Eq)]
struct Task {
    endpoint: Endpoint,
    access_key: Option<String>,
    action: Action,
    bucket: String,
    key: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Get,
    Put,
    /// Writes the token, the status and the size, as a line of COPY's text format.
    Size(String),
}

/// Runs the program with its arguments (without its name), on standard input and output.
///
/// # Errors
/// [`S3CopyError`]; the program must then end with a failure, so that the database drops what it has read.
pub fn run(arguments: impl IntoIterator<Item = String>) -> Result<(), S3CopyError> {
    let task = read_arguments(arguments.into_iter())?;
    match &task.action {
        Action::Get => get(&task, &mut io::stdout().lock()),
        Action::Put => put(&task, &mut io::stdin().lock()),
        Action::Size(token) => size(&task, token, &mut io::stdout().lock()),
    }
}

fn read_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Task, S3CopyError> {
    let (mut endpoint, mut access_key) = (None, None);
    let action = loop {
        match arguments.next().ok_or(S3CopyError::Usage)?.as_str() {
            "--endpoint" => endpoint = arguments.next(),
            "--access-key" => access_key = arguments.next(),
            "get" => break Action::Get,
            "put" => break Action::Put,
            other => match other.strip_prefix("size-") {
                Some(token) => break Action::Size(token.to_owned()),
                None => return Err(S3CopyError::Usage),
            },
        }
    };
    let (Some(bucket), Some(key), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err(S3CopyError::Usage);
    };
    let endpoint = Endpoint::parse(&endpoint.ok_or(S3CopyError::Usage)?)?;
    Ok(Task {
        endpoint,
        access_key,
        action,
        bucket,
        key,
    })
}

impl Task {
    fn send(&self, method: &str, body: Option<(&mut dyn Read, u64)>) -> Result<http::Answer, S3CopyError> {
        let path = format!("/{}/{}", http::encode(&self.bucket), http::encode(&self.key));
        self.endpoint
            .send(method, &path, self.access_key.as_deref(), body)
    }
}

fn get(task: &Task, out: &mut impl Write) -> Result<(), S3CopyError> {
    let answer = task.send("GET", None)?;
    if answer.status != 200 {
        return Err(S3CopyError::Status(answer.status));
    }
    answer.copy_body(out)?;
    Ok(out.flush()?)
}

fn size(task: &Task, token: &str, out: &mut impl Write) -> Result<(), S3CopyError> {
    let answer = task.send("HEAD", None)?;
    let size = answer
        .length
        .map_or_else(|| "\\N".to_owned(), |length| length.to_string());
    writeln!(out, "{token}\t{}\t{size}", answer.status)?;
    Ok(out.flush()?)
}

/// S3 wants the length first, which is only known when the database has written everything.
fn put(task: &Task, input: &mut impl Read) -> Result<(), S3CopyError> {
    let spool = Spool::new()?;
    let mut file = &spool.file;
    let length = io::copy(input, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    let answer = task.send("PUT", Some((&mut file, length)))?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(S3CopyError::Status(answer.status))
    }
}

/// A temporary file that goes away.
struct Spool {
    path: PathBuf,
    file: File,
}

impl Spool {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("millrace-s3-copy-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        Ok(Self { path, file })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
