use proptest::prelude::*;

use super::{Statement, split};

fn texts(script: &str) -> Vec<String> {
    split(script)
        .into_iter()
        .map(|statement| statement.text)
        .collect()
}

#[test]
fn splits_as_psql_does() {
    for (script, wanted) in [
        ("", vec![]),
        (" ; ;; -- nothing\n /* ; */ ;", vec![]),
        ("select 1", vec!["select 1"]),
        ("select 1;", vec!["select 1"]),
        ("select 1; select 2;", vec!["select 1", "select 2"]),
        ("select ';'; select \";\"", vec!["select ';'", "select \";\""]),
        ("select E'\\';'; select 2", vec!["select E'\\';'", "select 2"]),
        (
            "do $$ begin; end; $$; select 2",
            vec!["do $$ begin; end; $$", "select 2"],
        ),
        ("do $é$ ; $$ ; $é$; x", vec!["do $é$ ; $$ ; $é$", "x"]),
        (
            "select 1 /* ; /* ; */ ; */; select 2",
            vec!["select 1", "select 2"],
        ),
        ("select 1 -- ;\n; select 2", vec!["select 1", "select 2"]),
        (
            "create rule r as on insert to t do (insert into a values (1); insert into b values (2)); select 2",
            vec![
                "create rule r as on insert to t do (insert into a values (1); insert into b values (2))",
                "select 2",
            ],
        ),
        (
            "create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end; x",
            vec![
                "create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end",
                "x",
            ],
        ),
        (
            "begin; select case when true then 1 end; end; x",
            vec!["begin", "select case when true then 1 end", "end", "x"],
        ),
        ("select 'open ; x", vec!["select 'open ; x"]),
    ] {
        assert_eq!(texts(script), wanted, "{script}");
    }
}

#[test]
fn counts_lines_from_one_and_keeps_comments_inside() {
    let script = "-- header\n\ncreate table a (\n  x int -- the x\n);\n/* note */ insert into a\nvalues (1);\nselect 1";
    assert_eq!(
        split(script),
        [
            Statement {
                text: "create table a (\n  x int -- the x\n)".to_owned(),
                line: 3
            },
            Statement {
                text: "insert into a\nvalues (1)".to_owned(),
                line: 6
            },
            Statement {
                text: "select 1".to_owned(),
                line: 8
            },
        ]
    );
}

proptest! {
    #[test]
    fn every_statement_is_a_piece_of_the_script(script in "[a'\"$;:\\\\/*\\-\n ()é]{0,60}") {
        let mut from = 0;
        for statement in split(&script) {
            let found = script[from..].find(&statement.text);
            prop_assert!(found.is_some());
            from += found.unwrap_or(0) + statement.text.len();
        }
    }

    #[test]
    fn never_panics(script in any::<String>()) {
        let _ = split(&script);
    }
}
