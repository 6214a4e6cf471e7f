//! Readers' views have schema `ingestion` to themselves, but for the tables that were there first.
//!
//! A spec may be called anything; what it is called becomes a view in `ingestion`. A script that made a table of ours
//! there, under a name that some deployment's spec has taken, would fail on that deployment alone.

use regex::Regex;

use super::{files, text};

/// The last script that may put something of ours beside the views.
const LAST_WITH_TABLES: u32 = 5;

/// What a script makes in schema `ingestion` under a name that a spec may have: relations, and indexes, which lie in the
/// schema of their table.
fn made_beside_the_views(script: &str) -> Vec<String> {
    let comments = Regex::new("--[^\n]*").unwrap();
    let script = comments.replace_all(script, "");
    let patterns = [
        r#"(?i)\bcreate\s+(or\s+replace\s+)?((global|local|temporary|temp|unlogged|recursive|materialized|foreign)\s+)*(table|view|sequence|type|domain)\s+(if\s+not\s+exists\s+)?"?ingestion"?\s*\."#,
        r#"(?i)\bcreate\s+(unique\s+)?index\s+(concurrently\s+)?(if\s+not\s+exists\s+)?[a-z_][a-z0-9_]*\s+on\s+(only\s+)?"?ingestion"?\s*\."#,
        r#"(?i)\bset\s+schema\s+"?ingestion\b"#,
        r#"(?i)\bset\s+(local\s+|session\s+)?search_path\b"#,
    ];
    let mut found = Vec::new();
    for pattern in patterns {
        let pattern = Regex::new(pattern).unwrap();
        found.extend(pattern.find_iter(&script).map(|one| one.as_str().to_owned()));
    }
    found
}

#[test]
fn later_scripts_make_nothing_beside_the_views_of_specs() {
    let mut found = Vec::new();
    for file in files("infra/sql")
        .into_iter()
        .filter(|file| file.ends_with(".sql"))
    {
        let name = file.rsplit('/').next().unwrap();
        let number: u32 = name[..4].parse().unwrap();
        let made = made_beside_the_views(&text(&file).unwrap());
        if number > LAST_WITH_TABLES {
            found.extend(made.into_iter().map(|what| format!("{file}: {what}")));
        } else if name == "0003_files.sql" {
            assert!(
                made.len() >= 8,
                "the rule does not see the tables, views and indexes of {file}: {made:?}"
            );
        }
    }
    assert_eq!(
        found,
        Vec::<String>::new(),
        "ours go into schema operations or stored"
    );
}

#[test]
fn whatever_would_lie_beside_the_views_is_found() {
    for script in [
        "create table ingestion.run (run_id uuid);",
        "CREATE UNLOGGED TABLE IF NOT EXISTS\n  \"ingestion\".run (run_id uuid);",
        "create or replace view ingestion.runs as select 1;",
        "create materialized view ingestion.runs as select 1;",
        "create sequence ingestion.run_no;",
        "create index file_by_sender on ingestion.file_tracker (created_by);",
        "create unique index concurrently if not exists x on only ingestion.chunk (chunk);",
        "alter table operations.run set schema ingestion;",
        "set local search_path to ingestion;",
    ] {
        assert_eq!(made_beside_the_views(script).len(), 1, "{script}");
    }
    for script in [
        "-- create table ingestion.run (run_id uuid);",
        "create table operations.run (file_id uuid references ingestion.file);",
        "create function ingestion.begin_run() returns void language sql as $$ select 1 $$;",
        "alter table ingestion.file_tracker add column source text;",
        // A name that no spec can have.
        "create index \"file_tracker by sender\" on ingestion.file_tracker (created_by);",
        "create index on operations.run (file_id);",
    ] {
        assert_eq!(made_beside_the_views(script), Vec::<String>::new(), "{script}");
    }
}
