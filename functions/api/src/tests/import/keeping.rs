use std::sync::{Arc, Mutex};

use millrace_store::{Rows, Statement, Value as SqlValue};
use serde_json::{Value, json};

use crate::tests::support::{Api, api, json as row};

/// A spec that was created: kind, name, body, definition.
pub(super) type Stored = (String, String, Value, Value);

fn bound<'a>(statement: &'a Statement, name: &str) -> &'a str {
    match statement.parameters.iter().find(|(bound, _)| bound == name) {
        Some((_, SqlValue::Text(text))) => text,
        other => panic!("{name} is bound to {other:?}"),
    }
}

/// A database that keeps what is created in it, as far as an import asks for it.
fn keeping(stored: &Arc<Mutex<Vec<Stored>>>, statement: &Statement) -> Rows {
    let mut stored = stored.lock().unwrap();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let text: &str = &statement.text;
    if text.contains("next_table_no") {
        return Rows {
            rows: vec![vec![SqlValue::Long(1)]],
        };
    }
    if text.contains("spec.create_spec") {
        let [kind, name, body, definition] =
            ["kind", "name", "body", "definition"].map(|name| bound(statement, name));
        stored.push((kind.to_owned(), name.to_owned(), parse(body), parse(definition)));
        return row(&json!("")).unwrap();
    }
    if text.contains("'same'") {
        let found = stored.iter().find(|one| {
            one.0 == bound(statement, "kind") && one.1.eq_ignore_ascii_case(bound(statement, "name"))
        });
        return found.map_or_else(Rows::default, |one| {
            let same = one.1 == bound(statement, "name") && one.2 == parse(bound(statement, "body"));
            row(&json!({"version": 1, "same": same})).unwrap()
        });
    }
    if text.contains("'table_no', d.table_no") {
        let found = stored
            .iter()
            .find(|one| one.1 == bound(statement, "name"))
            .unwrap();
        return row(&json!({"table_no": 1, "definition": found.3})).unwrap();
    }
    if text.contains("from spec.retired where") {
        return Rows::default();
    }
    assert!(text.contains("s.definition::text"), "{text}");
    let names = parse(bound(statement, "names"));
    let is_wanted = |one: &&Stored| {
        one.0 == bound(statement, "kind") && names.as_array().unwrap().contains(&json!(one.1))
    };
    let definitions = stored.iter().filter(is_wanted);
    Rows {
        rows: definitions
            .map(|one| vec![SqlValue::Text(one.3.to_string())])
            .collect(),
    }
}

pub(super) fn keeping_api() -> (Api, Arc<Mutex<Vec<Stored>>>) {
    let stored = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&stored);
    (api(move |statement| Ok(keeping(&kept, statement))), stored)
}
