//! Splits a script into single statements, as psql does: at semicolons outside quotes, comments, parentheses and
//! SQL-standard routine bodies (`BEGIN ATOMIC … END`).

use crate::lexer::{Kind, Lexer};

#[cfg(test)]
mod tests;

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The statement from its first token to its last, without blanks and comments around it, without the semicolon.
    pub text: String,
    /// The line of the script on which it begins, counted from 1.
    pub line: usize,
}

/// Splits `script`; statements that are empty or only comments are left out. An unclosed quote runs to the end: the
/// server will name it.
#[must_use]
pub fn split(script: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut nesting = Nesting::default();
    let mut span: Option<(usize, usize)> = None;
    let mut lines = Lines {
        text: script,
        at: 0,
        line: 1,
    };
    for token in Lexer::new(script) {
        nesting.follow(token.kind, &script[token.start..token.end]);
        match token.kind {
            Kind::Blank => {}
            Kind::Semicolon if nesting.is_top_level() => {
                statements.extend(span.take().map(|span| lines.statement(span)));
                nesting = Nesting::default();
            }
            _ => span = Some((span.map_or(token.start, |(start, _)| start), token.end)),
        }
    }
    statements.extend(span.map(|span| lines.statement(span)));
    statements
}

/// Counts lines forwards only, so that a long script stays linear.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn statement(&mut self, (start, end): (usize, usize)) -> Statement {
        self.line += self.text[self.at..start]
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count();
        self.at = start;
        Statement {
            text: self.text[start..end].to_owned(),
            line: self.line,
        }
    }
}

/// How deep a token stands: inside parentheses, or inside the body of `CREATE FUNCTION … BEGIN ATOMIC … END`.
#[derive(Debug, Default)]
pub(crate) struct Nesting {
    parentheses: usize,
    blocks: usize,
    words: usize,
    creates: bool,
    creates_routine: bool,
}

impl Nesting {
    pub(crate) fn follow(&mut self, kind: Kind, text: &str) {
        match kind {
            Kind::Open => self.parentheses += 1,
            Kind::Close => self.parentheses = self.parentheses.saturating_sub(1),
            Kind::Word if self.parentheses == 0 => self.word(text),
            _ => {}
        }
    }

    pub(crate) fn is_top_level(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn word(&mut self, text: &str) {
        let is = |wanted: &str| text.eq_ignore_ascii_case(wanted);
        match self.words {
            0 => self.creates = is("create"),
            // `create [or replace] function|procedure`
            1..=3 => self.creates_routine |= self.creates && (is("function") || is("procedure")),
            _ => {}
        }
        self.words += 1;
        if !self.creates_routine {
            return;
        }
        if is("begin") || (is("case") && self.blocks > 0) {
            self.blocks += 1;
        } else if is("end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}
