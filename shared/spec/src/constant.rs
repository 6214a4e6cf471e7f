//! Constants, which the seed writes as `{"type":"string","pattern":"<value>"}`.

use serde_json::Value;

use crate::pointer::Pointer;
use crate::problem::{Problems, quoted};

/// The value of a constant; `None` when the member is not one.
pub(crate) fn text(constant: &Value) -> Option<&str> {
    constant.get("pattern").and_then(Value::as_str)
}

/// Checks that a table constant, where there is one, names `ingestion.<name>`.
pub(crate) fn check_table(holder: Option<&Value>, at: &Pointer, name: &str, problems: &mut Problems) {
    let Some(found) = holder
        .and_then(|holder| holder.get("target_table"))
        .and_then(text)
    else {
        return;
    };
    if found != format!("ingestion.{name}") {
        let message = format!("must be \"ingestion.{name}\", not {}", quoted(found));
        problems.add(
            &at.member("target_table").member("pattern"),
            "wrong_table",
            message,
        );
    }
}

/// The `<name>` of a table constant `ingestion.<name>`; any other text is noted.
pub(crate) fn table_name<'a>(constant: &'a Value, at: &Pointer, problems: &mut Problems) -> Option<&'a str> {
    let found = text(constant)?;
    let name = found.strip_prefix("ingestion.");
    if name.is_none() {
        let message = format!("must be \"ingestion.<name>\", not {}", quoted(found));
        problems.add(&at.member("pattern"), "wrong_table", message);
    }
    name
}

/// Checks that a member which repeats the spec's name, where it has a pattern, repeats it well.
pub(crate) fn check_echo(echo: Option<&Value>, at: &Pointer, name: &str, problems: &mut Problems) {
    if let Some(found) = echo.and_then(text).filter(|found| *found != name) {
        let message = format!("must be {name:?}, not {}", quoted(found));
        problems.add(&at.member("pattern"), "wrong_value", message);
    }
}
