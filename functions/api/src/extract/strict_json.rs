//! A strict JSON reader: what two readers could understand differently is refused.
//!
//! Beyond RFC 8259 it refuses duplicate member names, NUL, lone surrogates, U+FFFD, numbers that our values cannot hold
//! exactly, and everything above the limits below. Errors carry the JSON pointer and the byte where reading stopped.
//! Memory and time are linear in the text, which the caller has limited before.

mod number;

use serde_json::{Map, Number, Value};

/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;
/// The most values in a document.
pub const MAX_NODES: usize = 100_000;
/// The most bytes of a string once its escapes are read; member names too.
pub const MAX_STRING_BYTES: usize = 64 * 1024;
/// The most characters of a number.
pub const MAX_NUMBER_CHARACTERS: usize = 1_000;

/// Why a text is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The rule, stable.
    pub code: &'static str,
    /// JSON pointer of the value being read.
    pub pointer: String,
    /// The byte where reading stopped, from 0.
    pub offset: usize,
    /// What is wrong, in words.
    pub message: &'static str,
}

/// Reads a document.
///
/// # Errors
/// [`JsonError`] for the first rule that the text breaks.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    read(text, MAX_NODES, Numbers::Held)
}

/// Checks a document whose values are read from its text later: it may hold as many values as its size allows, and
/// numbers of as many digits as a number may have characters.
///
/// # Errors
/// As [`parse`].
pub fn check(text: &[u8]) -> Result<(), JsonError> {
    read(text, usize::MAX, Numbers::Read).map(|_| ())
}

/// What is asked of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// They are values that hold them exactly.
    Held,
    /// They keep JSON's grammar; the value says nothing.
    Read,
}

fn read(text: &[u8], most_nodes: usize, numbers: Numbers) -> Result<Value, JsonError> {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            return Err(JsonError {
                code: "invalid_utf8",
                pointer: String::new(),
                offset: error.valid_up_to(),
                message: "the bytes are not UTF-8",
            });
        }
    };
    let mut reader = Reader {
        text,
        at: 0,
        nodes: 0,
        most_nodes,
        numbers,
        path: Vec::new(),
    };
    let value = reader.document();
    value.map_err(|(code, message)| JsonError {
        code,
        pointer: reader.pointer(),
        offset: reader.at,
        message,
    })
}

type Refusal = (&'static str, &'static str);

const SYNTAX: &str = "malformed_json";
/// The gateway puts U+FFFD in the place of bytes that are not UTF-8, before we see them.
const NOT_UTF8: Refusal = (
    "invalid_utf8",
    "a string holds U+FFFD, which stands for bytes that were not UTF-8",
);

enum Step {
    Member(String),
    Item(usize),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
    most_nodes: usize,
    numbers: Numbers,
    path: Vec<Step>,
}

impl Reader<'_> {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            match step {
                Step::Member(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Item(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, message: &'static str) -> Result<(), Refusal> {
        self.skip_blanks();
        if self.peek() != Some(byte) {
            return Err((SYNTAX, message));
        }
        self.at += 1;
        Ok(())
    }

    fn document(&mut self) -> Result<Value, Refusal> {
        let value = self.value()?;
        self.skip_blanks();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err((SYNTAX, "something follows the document")),
        }
    }

    fn value(&mut self) -> Result<Value, Refusal> {
        self.nodes += 1;
        if self.nodes > self.most_nodes {
            return Err(("too_many_values", "the document has more than 100,000 values"));
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err((SYNTAX, "a value was expected")),
            None => Err((SYNTAX, "the document ends too early")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Refusal> {
        if !self.text[self.at..].starts_with(word) {
            return Err((SYNTAX, "a value was expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Refusal> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().take_while(is_part).count();
        if length > MAX_NUMBER_CHARACTERS {
            return Err(("number_too_long", "a number has more than 1,000 characters"));
        }
        let number = match self.numbers {
            Numbers::Held => number::parse(&rest[..length])?,
            Numbers::Read => number::check(&rest[..length]).map(|()| Number::from(0))?,
        };
        self.at += length;
        Ok(Value::Number(number))
    }

    fn enter(&mut self, step: Step) -> Result<(), Refusal> {
        self.path.push(step);
        if self.path.len() > MAX_DEPTH {
            return Err(("too_deep", "the document is nested deeper than 64 levels"));
        }
        Ok(())
    }

    fn array(&mut self) -> Result<Value, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.enter(Step::Item(items.len()))?;
            items.push(self.value()?);
            self.path.pop();
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err((SYNTAX, "a comma or ] was expected")),
            }
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    fn object(&mut self) -> Result<Value, Refusal> {
        self.at += 1;
        let mut members = Map::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err((SYNTAX, "a member name was expected"));
            }
            let name = self.string()?;
            self.enter(Step::Member(name.clone()))?;
            if members.contains_key(&name) {
                return Err(("duplicate_member", "the member is there twice"));
            }
            self.expect(b':', "a colon was expected")?;
            let value = self.value()?;
            self.path.pop();
            members.insert(name, value);
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err((SYNTAX, "a comma or } was expected")),
            }
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn string(&mut self) -> Result<String, Refusal> {
        self.at += 1;
        let mut read = String::new();
        loop {
            let rest = &self.text[self.at..];
            let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1F);
            let plain = rest.bytes().take_while(is_plain).count();
            read.push_str(&rest[..plain]);
            self.at += plain;
            if read.len() > MAX_STRING_BYTES {
                return Err(("string_too_long", "a string has more than 65,536 bytes"));
            }
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => read.push(self.escape()?),
                Some(0) => return Err(("nul_character", "a string holds a NUL character")),
                Some(_) => return Err((SYNTAX, "a control character in a string must be escaped")),
                None => return Err((SYNTAX, "a string does not end")),
            }
        }
        self.at += 1;
        match read.contains(char::REPLACEMENT_CHARACTER) {
            true => Err(NOT_UTF8),
            false => Ok(read),
        }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'u') => return self.unicode_escape(),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err((SYNTAX, "an escape is not known")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, Refusal> {
        let unit = self.hexadecimal()?;
        let code = match unit {
            0xD800..=0xDBFF if self.text[self.at..].starts_with("\\u") => {
                self.at += 1;
                let low = self.hexadecimal()?;
                if !(0xDC00..=0xDFFF).contains(&low) {
                    return Err(("lone_surrogate", "half of a surrogate pair stands alone"));
                }
                0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            }
            other => other,
        };
        match char::from_u32(code) {
            Some('\0') => Err(("nul_character", "a string holds a NUL character")),
            Some(character) => Ok(character),
            None => Err(("lone_surrogate", "half of a surrogate pair stands alone")),
        }
    }

    /// The four digits after the `u` at which the reader stands.
    fn hexadecimal(&mut self) -> Result<u32, Refusal> {
        let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.ok_or((SYNTAX, "an escape is not known"))?;
        let unit = digits
            .iter()
            .filter_map(|digit| char::from(*digit).to_digit(16))
            .fold(0, |unit, digit| unit * 16 + digit);
        self.at += 5;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests;
