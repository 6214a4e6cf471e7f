//! Values that have to fit exactly one of several schemas (`oneOf`): which one is meant is told by the value's type, or by
//! the member that this one alone asks for. What is wrong is what breaks the one that is meant.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::{note, note_unknown, type_words};
use crate::pointer::Pointer;
use crate::problem::Problems;

/// The errors of one of the schemas.
type Branch = [ValidationError<'static>];

/// Notes what is wrong with a value that does not fit exactly one of several schemas, given the errors of each.
pub(super) fn note_branches(
    error: &ValidationError<'_>,
    branches: &[Vec<ValidationError<'static>>],
    schema: &Value,
    problems: &mut Problems,
) {
    let at = error.instance_path().as_str();
    let types: Vec<Option<String>> = branches.iter().map(|branch| asked_type(branch, at)).collect();
    let fitting = || branches.iter().zip(&types).filter(|(_, asked)| asked.is_none());
    let place = Pointer::written(at);
    match fitting().count() {
        0 => {
            let mut types: Vec<&str> = types.iter().flatten().map(String::as_str).collect();
            types.dedup();
            problems.add(&place, "wrong_type", format!("must be {}", list(&types, "or")));
        }
        1 => fitting()
            .flat_map(|(branch, _)| branch)
            .for_each(|error| note(error, schema, problems)),
        _ => note_members(error, branches, schema, problems),
    }
}

/// Picks among schemas of objects: the value has to have the member that one of them asks for, and no other one's.
fn note_members(
    error: &ValidationError<'_>,
    branches: &[Vec<ValidationError<'static>>],
    schema: &Value,
    problems: &mut Problems,
) {
    let at = error.instance_path().as_str();
    let place = Pointer::written(at);
    let members = members(schema, error.schema_path().as_str());
    let there: Vec<(&str, &Vec<ValidationError<'static>>)> = members
        .iter()
        .copied()
        .zip(branches)
        .filter(|(member, _)| error.instance().get(member).is_some())
        .collect();
    if let [(_, branch)] = there[..] {
        branch.iter().for_each(|error| note(error, schema, problems));
        return;
    }
    for name in unknown_to_all(branches, at) {
        note_unknown(&place, name, problems);
    }
    let possible = list(&members, "and");
    if there.is_empty() {
        let message = format!("has to have exactly one of the members {possible}");
        problems.add(&place, "missing_member", message);
        return;
    }
    let there: Vec<&str> = there.into_iter().map(|(member, _)| member).collect();
    let message = format!(
        "has {}: exactly one of the members {possible} may be there",
        list(&there, "and")
    );
    problems.add(&place, "wrong_value", message);
}

/// The type that a schema asks for in the place of the one that the value has.
fn asked_type(branch: &Branch, at: &str) -> Option<String> {
    branch.iter().find_map(|error| match error.kind() {
        ValidationErrorKind::Type { kind } if error.instance_path().as_str() == at => Some(type_words(kind)),
        _ => None,
    })
}

/// The member that each of the schemas of a `oneOf` asks for.
fn members<'a>(schema: &'a Value, one_of: &str) -> Vec<&'a str> {
    let branches = schema.pointer(one_of).and_then(Value::as_array);
    let asked = |branch: &'a Value| branch.get("required")?.get(0)?.as_str();
    branches.into_iter().flatten().filter_map(asked).collect()
}

/// The members of the value that no schema knows.
fn unknown_to_all<'a>(branches: &'a [Vec<ValidationError<'static>>], at: &str) -> Vec<&'a str> {
    let unknown = |branch: &'a Branch| -> Vec<&'a str> {
        let found = branch.iter().filter_map(|error| match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
                if error.instance_path().as_str() == at =>
            {
                Some(unexpected)
            }
            _ => None,
        });
        found.flatten().map(String::as_str).collect()
    };
    let mut branches = branches.iter().map(|branch| unknown(branch));
    let mut common = branches.next().unwrap_or_default();
    for names in branches {
        common.retain(|name| names.contains(name));
    }
    common
}

/// `a`, `a and b`, `a, b and c`.
fn list(words: &[&str], conjunction: &str) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}
