//! Whether what a source sends can be the file that was meant: an error page is never stored as a CSV.

use millrace_core::source::ContentRule;

use crate::problem::{FetchProblem, FetchRule};

/// So many first bytes are looked at.
pub const LOOKED_AT_BYTES: usize = 1_024;

/// Types that are pages for people, whatever a spec says.
const PAGE_TYPES: [&str; 2] = ["text/html", "application/xhtml+xml"];
/// Beginnings of pages and of errors in XML, in lower case.
const PAGE_BEGINNINGS: [&[u8]; 6] = [b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<error"];

/// Checks the announced type and the first bytes ([`LOOKED_AT_BYTES`] of them, or all where there are fewer).
///
/// # Errors
/// Why this is not the file.
pub fn check(rule: &ContentRule, content_type: Option<&str>, beginning: &[u8]) -> Result<(), FetchProblem> {
    let wrong = |message: String| Err(FetchProblem::new(FetchRule::WrongContent, message));
    let announced = content_type.map(essence).unwrap_or_default();
    if PAGE_TYPES.contains(&announced.as_str()) {
        return wrong(format!("a page ({announced}) came instead of the file"));
    }
    if !rule.types.is_empty() && !rule.types.iter().any(|allowed| essence(allowed) == announced) {
        let found = if announced.is_empty() {
            "no type"
        } else {
            announced.as_str()
        };
        return wrong(format!(
            "{found} came; the spec expects {}",
            rule.types.join(" or ")
        ));
    }
    if beginning.is_empty() {
        return wrong("the body is empty".to_owned());
    }
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    let first = text.trim_ascii_start();
    let is_page = |page: &&[u8]| {
        first
            .get(..page.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(page))
    };
    if PAGE_BEGINNINGS.iter().any(is_page) {
        return wrong("the body begins like a page, not like the file".to_owned());
    }
    match &rule.begins_with {
        Some(expected) if !text.starts_with(expected.as_bytes()) => {
            let found = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
            wrong(format!(
                "the body begins with {found:?}; the spec expects {expected:?}"
            ))
        }
        _ => Ok(()),
    }
}

/// A type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use millrace_core::source::ContentRule;

    use super::check;

    fn rule(types: &[&str], begins_with: Option<&str>) -> ContentRule {
        ContentRule {
            types: types.iter().map(|text| (*text).to_owned()).collect(),
            begins_with: begins_with.map(str::to_owned),
        }
    }

    #[test]
    fn files_pass() {
        let strict = rule(&["text/csv"], Some("day,"));
        assert!(check(&strict, Some("Text/CSV; charset=utf-8"), b"day,shop\n").is_ok());
        assert!(check(&strict, Some("text/csv"), b"\xef\xbb\xbfday,shop\n").is_ok());
        assert!(check(&rule(&[], None), None, b"a").is_ok());
        assert!(check(&rule(&[], None), Some("application/octet-stream"), b"a<b,c\n").is_ok());
    }

    #[test]
    fn pages_and_other_things_do_not() {
        let any = rule(&[], None);
        for page in [
            "<!DOCTYPE html><html>",
            "  \r\n<HTML>",
            "\u{feff}<html>",
            "<?xml version='1.0'?><Error/>",
            "<Error><Code>AccessDenied</Code>",
            "",
        ] {
            assert!(check(&any, Some("text/csv"), page.as_bytes()).is_err(), "{page}");
        }
        assert!(check(&any, Some("text/html; charset=utf-8"), b"day,shop\n").is_err());
        let strict = rule(&["text/csv"], Some("day,"));
        assert!(check(&strict, Some("application/json"), b"day,shop\n").is_err());
        assert!(check(&strict, None, b"day,shop\n").is_err());
        assert!(check(&strict, Some("text/csv"), b"shop,day\n").is_err());
    }
}
