//! Items of a JSON list.

use millrace_core::source::SourceList;
use serde_json::Value;
use url::Url;

use super::Found;
use crate::date::DateFormat;
use crate::problem::{FetchProblem, FetchRule};

/// The items at a pointer; in each, pointers to its address, its date and, where the spec has one, its name.
pub(super) fn find(list: &SourceList, base: &Url, bytes: &[u8]) -> Result<Vec<Found>, FetchProblem> {
    let SourceList::Json {
        items,
        item_url,
        item_name,
        item_date,
        date_format,
        ..
    } = list
    else {
        return Ok(Vec::new());
    };
    let bad = |message: String| FetchProblem::new(FetchRule::BadList, message);
    let format = DateFormat::parse(date_format)
        .ok_or_else(|| FetchProblem::new(FetchRule::NoSource, "the spec's date format is not usable"))?;
    let document: Value =
        serde_json::from_slice(bytes).map_err(|error| bad(format!("the list is no JSON: {error}")))?;
    let array = document
        .pointer(items)
        .and_then(Value::as_array)
        .ok_or_else(|| bad(format!("the list has no array at {items:?}")))?;
    let text = |item: &Value, pointer: &str| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut found = Vec::new();
    for (at, item) in array.iter().enumerate() {
        let address =
            text(item, item_url).ok_or_else(|| bad(format!("item {at} has no address at {item_url:?}")))?;
        let url = base
            .join(&address)
            .map_err(|error| bad(format!("item {at}: {address:?} is no address: {error}")))?;
        let name = item_name
            .as_ref()
            .map(|pointer| text(item, pointer).unwrap_or_default());
        let date = text(item, item_date).unwrap_or_default();
        found.push(Found {
            url,
            name,
            date: format.read(&date).ok_or(date),
        });
    }
    Ok(found)
}
