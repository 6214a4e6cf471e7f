//! Links of a page.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::{HtmlRewriter, MemorySettings, Settings, element};
use millrace_core::source::SourceList;
use regex::Regex;
use url::Url;

use super::{Found, MAX_LIST_BYTES, MAX_LISTED_FILES};
use crate::date::DateFormat;
use crate::problem::{FetchProblem, FetchRule};

/// The most links of a page.
const MAX_LINKS: usize = 100_000;

/// What a page holds that matters.
#[derive(Default)]
struct Page {
    base: Option<String>,
    links: Vec<String>,
    has_more: bool,
}

/// Files whose whole address matches the pattern; its group `date` is the date, its group `name`, where there is one,
/// the name.
pub(super) fn find(list: &SourceList, base: &Url, bytes: &[u8]) -> Result<Vec<Found>, FetchProblem> {
    let SourceList::Html {
        pattern, date_format, ..
    } = list
    else {
        return Ok(Vec::new());
    };
    let unusable =
        |what: &str| FetchProblem::new(FetchRule::NoSource, format!("the spec's {what} is not usable"));
    let pattern = Regex::new(pattern).map_err(|_| unusable("pattern"))?;
    let format = DateFormat::parse(date_format).ok_or_else(|| unusable("date format"))?;
    let page = links(bytes)?;
    let base = page
        .base
        .and_then(|text| base.join(&text).ok())
        .unwrap_or_else(|| base.clone());
    let mut found = Vec::new();
    for link in &page.links {
        let Ok(mut url) = base.join(link.trim()) else {
            continue;
        };
        url.set_fragment(None);
        let Some(groups) = pattern.captures(url.as_str()) else {
            continue;
        };
        let text = groups
            .name("date")
            .map(|group| group.as_str())
            .unwrap_or_default();
        found.push(Found {
            date: format.read(text).ok_or_else(|| text.to_owned()),
            name: groups.name("name").map(|group| group.as_str().to_owned()),
            url: url.clone(),
        });
        if found.len() > MAX_LISTED_FILES * 2 {
            break;
        }
    }
    Ok(found)
}

fn links(bytes: &[u8]) -> Result<Page, FetchProblem> {
    let page = Rc::new(RefCell::new(Page::default()));
    let (of_link, of_base) = (Rc::clone(&page), Rc::clone(&page));
    let memory = usize::try_from(MAX_LIST_BYTES).unwrap_or(usize::MAX);
    let links = element!("a[href]", move |element| {
        let mut page = of_link.borrow_mut();
        if page.links.len() == MAX_LINKS {
            page.has_more = true;
        } else if let Some(href) = element.get_attribute("href") {
            page.links.push(unescaped(&href));
        }
        Ok(())
    });
    let first_base = element!("base[href]", move |element| {
        let mut page = of_base.borrow_mut();
        if page.base.is_none() {
            page.base = element.get_attribute("href").map(|href| unescaped(&href));
        }
        Ok(())
    });
    let settings = Settings::new()
        .append_element_content_handler(links)
        .append_element_content_handler(first_base)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(memory))
        .with_strict(false);
    let unreadable = |error: lol_html::errors::RewritingError| {
        FetchProblem::new(FetchRule::BadList, format!("the page cannot be read: {error}"))
    };
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    rewriter.write(bytes).map_err(unreadable)?;
    rewriter.end().map_err(unreadable)?;
    let page = page.take();
    if page.has_more {
        let message = format!("the page has more than {MAX_LINKS} links");
        return Err(FetchProblem::new(FetchRule::BadList, message));
    }
    Ok(page)
}

/// An attribute's text without the character references that addresses have.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end <= 10);
        match end.and_then(|end| Some((reference(&rest[1..end])?, end))) {
            Some((character, end)) => {
                plain.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn reference(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "lt" => Some('<'),
            "gt" => Some('>'),
            _ => None,
        };
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
        None => number.parse().ok(),
    };
    number.and_then(char::from_u32)
}
