//! Query members, read strictly: each is known, is there once unless it may repeat, and is UTF-8 without control
//! characters.

use std::str::FromStr as _;

use axum::extract::FromRequestParts;
use http::request::Parts;
use millrace_core::Name;
use millrace_core::page::{DEFAULT_PAGE_ITEMS, MAX_PAGE_ITEMS};

use crate::problem::Problem;

/// The most bytes of a value.
const MAX_VALUE_BYTES: usize = 1_024;

/// A DTO that is read from a query.
pub trait ReadQuery: Sized {
    /// Takes the members that the DTO has.
    ///
    /// # Errors
    /// A problem that names the member.
    fn read(members: &mut QueryMembers) -> Result<Self, Problem>;
}

/// A query as a DTO.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: ReadQuery> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut members = QueryMembers::parse(parts.uri.query().unwrap_or_default())?;
        let read = T::read(&mut members)?;
        members.finish()?;
        Ok(Self(read))
    }
}

/// The query of an address that has no parameters.
#[derive(Debug, Clone, Copy)]
pub struct NoParameters;

impl ReadQuery for NoParameters {
    fn read(_: &mut QueryMembers) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The members of a query that were not taken yet.
#[derive(Debug, Default)]
pub struct QueryMembers(Vec<(String, String)>);

/// A problem with one member.
pub(crate) fn bad_member(name: &str, message: impl Into<String>) -> Problem {
    let message = message.into();
    Problem::malformed("bad_query", format!("{name}: {message}")).at(
        format!("/query/{name}"),
        "bad_query",
        message,
    )
}

impl QueryMembers {
    /// Decodes a query.
    ///
    /// # Errors
    /// 400 for what is not percent-encoded UTF-8, holds control characters or is too long.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut members = Vec::new();
        for member in query.split('&').filter(|member| !member.is_empty()) {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            members.push((decode(name)?, decode(value)?));
        }
        Ok(Self(members))
    }

    /// A member that may be there once.
    ///
    /// # Errors
    /// 400 when it is there twice.
    pub fn optional(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.repeated(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(bad_member(name, "may be there once")),
        }
    }

    /// A member that has to be there, once.
    ///
    /// # Errors
    /// 400 when it is absent, empty, or there twice.
    pub fn required(&mut self, name: &str) -> Result<String, Problem> {
        let value = self.optional(name)?.filter(|value| !value.is_empty());
        value.ok_or_else(|| bad_member(name, "has to be there"))
    }

    /// A member that may be there many times.
    pub fn repeated(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(member, _)| member == name);
        self.0 = left;
        taken
            .into_iter()
            .map(|(_, value): (String, String)| value)
            .collect()
    }

    /// The size of a page: 1 to 10,000, or 1,000 when not said.
    ///
    /// # Errors
    /// 400 when it is no such number.
    pub fn limit(&mut self) -> Result<u32, Problem> {
        self.limit_of_at_most(MAX_PAGE_ITEMS)
    }

    /// The size of a page whose items are large: 1 to a maximum, or 1,000 or that maximum when not said.
    ///
    /// # Errors
    /// 400 when it is no such number.
    pub fn limit_of_at_most(&mut self, most: u32) -> Result<u32, Problem> {
        let Some(text) = self.optional("limit")? else {
            return Ok(DEFAULT_PAGE_ITEMS.min(most));
        };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = u32::from_str(&text)
            .ok()
            .filter(|limit| is_plain && (1..=most).contains(limit));
        limit.ok_or_else(|| bad_member("limit", format!("has to be a number from 1 to {most}")))
    }

    /// A name, where there is one.
    ///
    /// # Errors
    /// 400 when it is no name.
    pub fn name(&mut self, member: &str) -> Result<Option<Name>, Problem> {
        let Some(text) = self.optional(member)? else {
            return Ok(None);
        };
        Name::parse(&text)
            .map(Some)
            .map_err(|error| bad_member(member, error.to_string()))
    }

    /// A whole number from 1, where there is one.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn number(&mut self, member: &str) -> Result<Option<u32>, Problem> {
        let Some(text) = self.optional(member)? else {
            return Ok(None);
        };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = i32::from_str(&text).ok().filter(|number| is_plain && *number > 0);
        let number = number.and_then(|number| u32::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| bad_member(member, "has to be a whole number from 1"))
    }

    /// `true` or `false`; not said is `false`.
    ///
    /// # Errors
    /// 400 when it is neither.
    pub fn flag(&mut self, member: &str) -> Result<bool, Problem> {
        match self.optional(member)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(bad_member(member, "has to be true or false")),
        }
    }

    /// Makes sure that every member was taken.
    ///
    /// # Errors
    /// 400 that names the first one left.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let name: String = name.chars().take(60).collect();
                Err(bad_member(&name, "is not a parameter of this address"))
            }
        }
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    let bad = || {
        Problem::malformed(
            "bad_query",
            "the query is not percent-encoded UTF-8 without control characters",
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hexadecimal(rest.next())
                .zip(hexadecimal(rest.next()))
                .map(|(high, low)| high * 16 + low)
                .ok_or_else(bad)?,
            plain => plain,
        });
    }
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(Problem::malformed(
            "bad_query",
            format!("a query member has more than {MAX_VALUE_BYTES} bytes"),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    // The last stands for bytes that were not UTF-8, wherever it was put there.
    let is_bad = |character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER;
    if text.chars().any(is_bad) {
        return Err(bad());
    }
    Ok(text)
}

fn hexadecimal(digit: Option<u8>) -> Option<u8> {
    let digit = char::from(digit?).to_digit(16)?;
    u8::try_from(digit).ok()
}
