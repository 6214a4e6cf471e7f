//! AWS calls at the emulator, through boto3 in one Python process a test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::Stack;
use crate::{repository, test_variable};

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The service's code.
    pub code: String,
    /// What it says.
    pub message: String,
}

/// Who calls.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The emulator's administrator.
    Administrator,
    /// A key of a role's session.
    Session(Value),
    /// Nobody: the call is not signed.
    Unsigned,
}

impl Credentials {
    fn to_json(&self) -> Value {
        match self {
            Self::Administrator => Value::Null,
            Self::Session(value) => value.clone(),
            Self::Unsigned => json!("unsigned"),
        }
    }
}

struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The emulator.
pub struct Emulator {
    program: Mutex<Program>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Emulator {
    pub(super) fn start(stack: &Stack) -> Self {
        let mut command = Command::new(python(stack));
        command
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .arg(repository().join("tests/src/stack/emulator.py"))
            .arg(&stack.endpoint_url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let output = BufReader::new(output);
        Self {
            program: Mutex::new(Program { child, input, output }),
        }
    }

    /// Makes a call as the administrator.
    pub fn call(&self, service: &str, operation: &str, arguments: Value) -> Value {
        self.call_as(&Credentials::Administrator, service, operation, arguments)
            .unwrap_or_else(|error| panic!("{service}.{operation}: {error:?}"))
    }

    /// Makes a call as somebody.
    ///
    /// # Errors
    /// When the service refuses it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write their arguments in place"
    )]
    pub fn call_as(
        &self,
        credentials: &Credentials,
        service: &str,
        operation: &str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        let request = json!({"service": service, "operation": operation, "arguments": arguments,
            "credentials": credentials.to_json()});
        let mut program = self.program.lock().unwrap();
        writeln!(program.input, "{request}").unwrap();
        let mut line = String::new();
        program.output.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        match answer["error"].as_str() {
            None => Ok(answer["ok"].take()),
            Some(code) => Err(CallError {
                code: code.to_owned(),
                message: answer["message"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }

    /// Sends a message to a queue.
    pub fn send(&self, queue_url: &str, body: &str) {
        self.call(
            "sqs",
            "send_message",
            json!({"QueueUrl": queue_url, "MessageBody": body}),
        );
    }

    /// Sends many messages to a queue, ten at a time.
    pub fn send_all(&self, queue_url: &str, bodies: &[String]) {
        for ten in bodies.chunks(10) {
            let entries: Vec<Value> = ten
                .iter()
                .enumerate()
                .map(|(at, body)| json!({"Id": at.to_string(), "MessageBody": body}))
                .collect();
            let sent = self.call(
                "sqs",
                "send_message_batch",
                json!({"QueueUrl": queue_url, "Entries": entries}),
            );
            assert!(sent["Failed"].as_array().is_none_or(Vec::is_empty), "{sent}");
        }
    }

    /// How many messages lie in a queue: to be seen, being worked on, delayed.
    pub fn depth(&self, queue_url: &str) -> u64 {
        let answer = self.call(
            "sqs",
            "get_queue_attributes",
            json!({"QueueUrl": queue_url, "AttributeNames": ["All"]}),
        );
        ["", "NotVisible", "Delayed"]
            .iter()
            .filter_map(|kind| answer["Attributes"][format!("ApproximateNumberOfMessages{kind}")].as_str())
            .filter_map(|count| count.parse::<u64>().ok())
            .sum()
    }

    /// Takes every message out of a queue that holds what was given up.
    pub fn drain(&self, queue_url: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let asked = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0});
            let answer = self.call("sqs", "receive_message", asked);
            let Some(messages) = answer["Messages"]
                .as_array()
                .filter(|messages| !messages.is_empty())
            else {
                return bodies;
            };
            for message in messages {
                bodies.push(message["Body"].as_str().unwrap_or_default().to_owned());
                let receipt = &message["ReceiptHandle"];
                self.call(
                    "sqs",
                    "delete_message",
                    json!({"QueueUrl": queue_url, "ReceiptHandle": receipt}),
                );
            }
        }
    }

    /// The keys of a bucket's objects below a prefix.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let mut keys = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut asked = json!({"Bucket": bucket, "Prefix": prefix});
            if !token.is_null() {
                asked["ContinuationToken"] = token;
            }
            let answer = self.call("s3", "list_objects_v2", asked);
            let found = answer["Contents"].as_array().into_iter().flatten();
            keys.extend(found.filter_map(|object| object["Key"].as_str().map(str::to_owned)));
            token = answer["NextContinuationToken"].clone();
            if token.is_null() {
                return keys;
            }
        }
    }

    /// A function's environment variable.
    pub fn function_variable(&self, function: &str, name: &str) -> Option<String> {
        let answer = self.call(
            "lambda",
            "get_function_configuration",
            json!({"FunctionName": function}),
        );
        answer["Environment"]["Variables"][name]
            .as_str()
            .map(str::to_owned)
    }
}

/// The Python that holds boto3: as the variable says, else that of the instance's own virtual environment.
fn python(stack: &Stack) -> PathBuf {
    if let Some(path) = test_variable("MILLRACE_TEST_PYTHON") {
        return path.into();
    }
    let folder = stack.folder.parent().unwrap().join("venv");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let found = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("run-"))
        .map(|entry| entry.path().join("bin/python"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no Python with boto3: set MILLRACE_TEST_PYTHON"))
}
