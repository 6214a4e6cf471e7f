//! Cuts SQL into tokens as PostgreSQL's scanner does. Invariant: the tokens cover the text without gap or overlap, and
//! every cut lies on a character boundary.

/// What a token is, as far as splitting and rewriting care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space or a comment.
    Blank,
    /// A string, a quoted identifier or a dollar quote, complete or cut off by the end of the text.
    Quoted,
    /// An identifier or key word.
    Word,
    /// A number.
    Number,
    /// `:name` or `:1`; the token includes the colon.
    Parameter,
    /// A top-level or nested `;`.
    Semicolon,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// Anything else: operators, commas, `::`, `:=`, the colon of a slice.
    Other,
}

/// A token: its kind and its bytes, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The scanner: an iterator over the tokens of one text.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Open `[`; a colon right after an operand inside one separates the bounds of a slice.
    brackets: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self {
            bytes: sql.as_bytes(),
            at: 0,
            brackets: 0,
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn skip_while(&self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        from + self.rest(from).iter().take_while(|byte| wanted(**byte)).count()
    }

    fn rest(&self, from: usize) -> &'a [u8] {
        self.bytes.get(from..).unwrap_or_default()
    }

    /// The kind and the end of the token that begins at `self.at`.
    fn token_at(&self, first: u8) -> (Kind, usize) {
        let next = self.byte(self.at + 1);
        match first {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c' => {
                (Kind::Blank, self.skip_while(self.at, is_space))
            }
            b'-' if next == Some(b'-') => (Kind::Blank, self.line_comment_end(self.at)),
            b'/' if next == Some(b'*') => (Kind::Blank, self.block_comment_end()),
            b'\'' | b'"' => (Kind::Quoted, self.quote_end(self.at + 1, first)),
            b'$' => self.dollar(),
            b'0'..=b'9' => (
                Kind::Number,
                self.skip_while(self.at, |byte| is_name(byte) || byte == b'.'),
            ),
            b'e' | b'E' if next == Some(b'\'') => (Kind::Quoted, self.escape_string_end()),
            byte if is_word_start(byte) => (Kind::Word, self.skip_while(self.at, is_word)),
            b':' => self.colon(next),
            b';' => (Kind::Semicolon, self.at + 1),
            b'(' | b'[' => (Kind::Open, self.at + 1),
            b')' | b']' => (Kind::Close, self.at + 1),
            _ => (Kind::Other, self.at + 1),
        }
    }

    /// Ends before the line break: PostgreSQL ends a `--` comment at CR as well as at LF.
    fn line_comment_end(&self, from: usize) -> usize {
        self.skip_while(from, |byte| byte != b'\n' && byte != b'\r')
    }

    fn block_comment_end(&self) -> usize {
        let mut depth = 1_usize;
        let mut at = self.at + 2;
        while depth > 0 {
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b'/'), Some(b'*')) => (depth, at) = (depth + 1, at + 2),
                (Some(b'*'), Some(b'/')) => (depth, at) = (depth - 1, at + 2),
                (Some(_), _) => at += 1,
                (None, _) => return self.bytes.len(),
            }
        }
        at
    }

    /// Where a quote with doubling ends; `from` is after the opening quote.
    fn quote_end(&self, from: usize, quote: u8) -> usize {
        let mut at = from;
        while let Some(byte) = self.byte(at) {
            at += 1;
            if byte == quote {
                if self.byte(at) != Some(quote) {
                    return at;
                }
                at += 1;
            }
        }
        self.bytes.len()
    }

    /// `E'…'`: backslash escapes, and segments joined over a line break stay in the same mode.
    fn escape_string_end(&self) -> usize {
        let mut at = self.at + 2;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\\' => at += 2,
                b'\'' if self.byte(at + 1) == Some(b'\'') => at += 2,
                b'\'' => match self.continuation(at + 1) {
                    Some(resumed) => at = resumed,
                    None => return at + 1,
                },
                _ => at += 1,
            }
        }
        self.bytes.len()
    }

    /// After a string's closing quote: blanks with at least one line break, then another quote, go on with the string.
    fn continuation(&self, from: usize) -> Option<usize> {
        let mut at = from;
        let mut broken = false;
        loop {
            match self.byte(at)? {
                b'\n' | b'\r' => (broken, at) = (true, at + 1),
                byte if is_space(byte) => at += 1,
                b'-' if self.byte(at + 1) == Some(b'-') => at = self.line_comment_end(at),
                b'\'' if broken => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// `$tag$…$tag$`, or `$1`, or a lone `$`.
    fn dollar(&self) -> (Kind, usize) {
        let start = self.at + 1;
        let digits = self.skip_while(start, |byte| byte.is_ascii_digit());
        if digits > start {
            return (Kind::Other, digits);
        }
        let tag_end = self.skip_while(start, |byte| is_name(byte) || !byte.is_ascii());
        if self.byte(tag_end) != Some(b'$') {
            return (Kind::Other, self.at + 1);
        }
        let fence = &self.bytes[self.at..=tag_end];
        let body = tag_end + 1;
        let end = find(self.rest(body), fence).map_or(self.bytes.len(), |found| body + found + fence.len());
        (Kind::Quoted, end)
    }

    fn colon(&self, next: Option<u8>) -> (Kind, usize) {
        let name = self.at + 1;
        match next {
            // a whole run of colons: what follows `::` is a type or a slice's bound, never a parameter
            Some(b':') => {
                let end = self.skip_while(self.at, |byte| byte == b':');
                (Kind::Other, end)
            }
            Some(b'=') => (Kind::Other, name + 1),
            Some(_) if self.previous() == Some(b':') || self.separates_slice() => (Kind::Other, name),
            Some(byte) if byte.is_ascii_digit() => (
                Kind::Parameter,
                self.skip_while(name, |digit| digit.is_ascii_digit()),
            ),
            Some(byte) if is_name(byte) => (Kind::Parameter, self.skip_while(name, is_name)),
            _ => (Kind::Other, name),
        }
    }

    fn previous(&self) -> Option<u8> {
        self.at.checked_sub(1).and_then(|at| self.byte(at))
    }

    fn separates_slice(&self) -> bool {
        self.brackets > 0
            && self
                .previous()
                .is_some_and(|byte| is_word(byte) || matches!(byte, b']' | b')' | b'"' | b'\''))
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let first = self.byte(self.at)?;
        let (kind, end) = self.token_at(first);
        match first {
            b'[' => self.brackets += 1,
            b']' => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        // an escape as the very last byte would point past the end
        let token = Token {
            kind,
            start: self.at,
            end: end.min(self.bytes.len()),
        };
        self.at = token.end;
        Some(token)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

/// The characters of a parameter's name and, with non-ASCII ones, of a dollar quote's tag.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

/// The characters of an unquoted identifier after its first.
pub(crate) fn is_word(byte: u8) -> bool {
    is_name(byte) || byte == b'$' || !byte.is_ascii()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
