use proptest::prelude::*;

use super::{PARAMETERS_MAX, SqlTextError, rewrite};
use crate::lexer::Lexer;

/// SQL, what it becomes, the names in order.
type Vector = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const VECTORS: &[Vector] = &[
    // plain
    ("", "", &[]),
    ("select 1", "select 1", &[]),
    ("select :a", "select $1", &["a"]),
    ("select :a, :b", "select $1, $2", &["a", "b"]),
    ("select :a, :b, :a", "select $1, $2, $1", &["a", "b"]),
    ("select :a,:ab,:abc,:a", "select $1,$2,$3,$1", &["a", "ab", "abc"]),
    ("select :A, :a", "select $1, $2", &["A", "a"]),
    ("select :_x1, :x_", "select $1, $2", &["_x1", "x_"]),
    ("where a=:a", "where a=$1", &["a"]),
    ("where a<:a and b>:b", "where a<$1 and b>$2", &["a", "b"]),
    ("f(:a)", "f($1)", &["a"]),
    ("(:a,:b)", "($1,$2)", &["a", "b"]),
    (":a", "$1", &["a"]),
    ("select -:a", "select -$1", &["a"]),
    ("select :a;", "select $1;", &["a"]),
    ("select :a ; -- done", "select $1 ; -- done", &["a"]),
    ("select :a;;", "select $1;;", &["a"]),
    ("select :a; /* end ; */ \n", "select $1; /* end ; */ \n", &["a"]),
    // digits
    ("select :1", "select $1", &["1"]),
    ("select :10, :1", "select $1, $2", &["10", "1"]),
    ("select :1, :10, :1", "select $1, $2, $1", &["1", "10"]),
    ("select :1a", "select $1a", &["1"]),
    // casts and assignments
    ("select 1::int", "select 1::int", &[]),
    ("select :p::uuid", "select $1::uuid", &["p"]),
    ("select :p :: uuid", "select $1 :: uuid", &["p"]),
    ("select (:p)::text::int", "select ($1)::text::int", &["p"]),
    ("select x:::p", "select x:::p", &[]),
    ("select cast(:p as uuid)", "select cast($1 as uuid)", &["p"]),
    ("f(a := :b)", "f(a := $1)", &["b"]),
    ("f(a:=:b)", "f(a:=$1)", &["b"]),
    ("f(a=>:b)", "f(a=>$1)", &["b"]),
    ("f(a :=b)", "f(a :=b)", &[]),
    // not a name
    ("select ':' || : || :", "select ':' || : || :", &[]),
    ("select : a", "select : a", &[]),
    ("select :é", "select :é", &[]),
    ("a :", "a :", &[]),
    ("a ::", "a ::", &[]),
    // slices
    ("select a[1:n]", "select a[1:n]", &[]),
    ("select a[m:n]", "select a[m:n]", &[]),
    ("select a[lo::hi]", "select a[lo::hi]", &[]),
    ("select a[1:2]", "select a[1:2]", &[]),
    ("select a[:n]", "select a[$1]", &["n"]),
    ("select a[:m : :n]", "select a[$1 : $2]", &["m", "n"]),
    ("select a[b[1]:n]", "select a[b[1]:n]", &[]),
    ("select a[f(x):n]", "select a[f(x):n]", &[]),
    ("select a[\"x\":n]", "select a[\"x\":n]", &[]),
    ("select array[1,:n,:m]", "select array[1,$1,$2]", &["n", "m"]),
    ("select a[1:n], :n", "select a[1:n], $1", &["n"]),
    ("select a[i], b=:n", "select a[i], b=$1", &["n"]),
    // strings
    ("select ':a'", "select ':a'", &[]),
    ("select 'it''s :a', :a", "select 'it''s :a', $1", &["a"]),
    ("select '\\', :a", "select '\\', $1", &["a"]),
    ("select '\\'':a', :b", "select '\\'':a', $1", &["b"]),
    ("select E'\\':a', :b", "select E'\\':a', $1", &["b"]),
    ("select e'\\\\', :b", "select e'\\\\', $1", &["b"]),
    ("select E'x'':a', :b", "select E'x'':a', $1", &["b"]),
    ("select E'a'\n  '\\':b', :c", "select E'a'\n  '\\':b', $1", &["c"]),
    ("select E'a' -- it's\n '\\':b', :c", "select E'a' -- it's\n '\\':b', $1", &["c"]),
    ("select E'a' '\\', :c", "select E'a' '\\', $1", &["c"]),
    ("select name'\\', :a", "select name'\\', $1", &["a"]),
    ("select B'01', X'1f', N':a', :b", "select B'01', X'1f', N':a', $1", &["b"]),
    ("select U&'\\0041:a', :b", "select U&'\\0041:a', $1", &["b"]),
    ("select ':a", "select ':a", &[]),
    ("select E':a\\", "select E':a\\", &[]),
    ("select timestamp '2023-01-08 10:11:12', :t", "select timestamp '2023-01-08 10:11:12', $1", &["t"]),
    ("select 'x':a", "select 'x'$1", &["a"]),
    // quoted identifiers
    ("select \":a\"", "select \":a\"", &[]),
    ("select \"x\"\":a\", :a", "select \"x\"\":a\", $1", &["a"]),
    ("select \"it's\", :a", "select \"it's\", $1", &["a"]),
    ("select \":a", "select \":a", &[]),
    // dollar quotes
    ("select $$:a$$, :a", "select $$:a$$, $1", &["a"]),
    ("select $x$ :a $$ ' $x$, :a", "select $x$ :a $$ ' $x$, $1", &["a"]),
    ("select $é1$ :a $é$ $é1$, :a", "select $é1$ :a $é$ $é1$, $1", &["a"]),
    ("select $ಶಾಲೆ$ :a $ಶಾಲೆ$, :a", "select $ಶಾಲೆ$ :a $ಶಾಲೆ$, $1", &["a"]),
    ("select $_$ :a ; $_$", "select $_$ :a ; $_$", &[]),
    ("select a$$, :a, b$$", "select a$$, $1, b$$", &["a"]),
    ("select $1, :a", "select $1, $1", &["a"]),
    ("select $x, :a", "select $x, $1", &["a"]),
    ("select $$:a", "select $$:a", &[]),
    ("do $$ begin x := 1; end $$;", "do $$ begin x := 1; end $$;", &[]),
    // comments
    ("select 1 -- :a", "select 1 -- :a", &[]),
    ("select 1 -- it's :a\n, :b", "select 1 -- it's :a\n, $1", &["b"]),
    ("select 1 -- :a\r, :b", "select 1 -- :a\r, $1", &["b"]),
    ("select 1 /* :a */, :b", "select 1 /* :a */, $1", &["b"]),
    ("select 1 /* /* :a */ :b ' */, :c", "select 1 /* /* :a */ :b ' */, $1", &["c"]),
    ("select 1 /* :a", "select 1 /* :a", &[]),
    ("select 1 - -:a", "select 1 - -$1", &["a"]),
    ("select 4 / :a * 2", "select 4 / $1 * 2", &["a"]),
    ("select/**/:a", "select/**/$1", &["a"]),
    // other people's markers
    ("select j ? 'k', j ?| :a", "select j ? 'k', j ?| $1", &["a"]),
    ("select 5 % 3, '%s', x like '%:a%', :b", "select 5 % 3, '%s', x like '%:a%', $1", &["b"]),
    ("select j @> :a, j #>> '{a}'", "select j @> $1, j #>> '{a}'", &["a"]),
    // many-byte text
    ("select 'é' || :a || 'ಶಾಲೆ'", "select 'é' || $1 || 'ಶಾಲೆ'", &["a"]),
    ("select 😀:a", "select 😀 $1", &["a"]),
    ("select é, :a, ü", "select é, $1, ü", &["a"]),
    // right after a word
    ("select:a", "select $1", &["a"]),
    ("select 1:a", "select 1 $1", &["a"]),
    ("select :a:b", "select $1 $2", &["a", "b"]),
    // one statement that holds semicolons
    ("create rule r as on insert to t do (select :a; select 2)", "create rule r as on insert to t do (select $1; select 2)", &["a"]),
];

#[test]
fn rewrites_every_vector() {
    assert!(VECTORS.len() >= 60, "{} vectors", VECTORS.len());
    for (sql, wanted, names) in VECTORS {
        let rewritten = rewrite(sql).unwrap();
        assert_eq!(rewritten.sql, *wanted, "of {sql}");
        assert_eq!(rewritten.names, *names, "of {sql}");
    }
}

#[test]
fn refuses_a_second_statement() {
    for (sql, offset) in [
        ("select 1; select 2", 10),
        ("select 1;select 2", 9),
        ("select ';'; -- c\n x", 18),
        ("select 1;; x", 11),
        ("; select 1; select 2", 2),
        ("do $$ ; $$; select :a", 12),
        ("select 1; :a", 10),
        ("select 1; 'x'", 10),
        ("select 1 /* /* */ ; */; x", 24),
    ] {
        assert_eq!(
            rewrite(sql),
            Err(SqlTextError::MultipleStatements { offset }),
            "{sql}"
        );
    }
}

#[test]
fn refuses_a_nul() {
    assert_eq!(rewrite("select '\0'"), Err(SqlTextError::Nul { offset: 8 }));
}

#[test]
fn numbers_as_many_as_the_protocol_can() {
    let sql = |count: usize| (0..count).map(|n| format!(":p{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(rewrite(&sql(PARAMETERS_MAX)).unwrap().names.len(), PARAMETERS_MAX);
    assert_eq!(
        rewrite(&sql(PARAMETERS_MAX + 1)),
        Err(SqlTextError::TooManyParameters)
    );
}

/// Text that is dense in what the lexer cares about.
fn dense() -> impl Strategy<Value = String> {
    "[a1:;'\"$E\\\\/*\\-\n\r \\[\\]()=_éಶ😀]{0,80}"
}

proptest! {
    #[test]
    fn never_panics(sql in any::<String>()) {
        let _ = rewrite(&sql);
    }

    #[test]
    fn tokens_cover_the_text(sql in dense()) {
        let mut at = 0;
        for token in Lexer::new(&sql) {
            prop_assert_eq!(token.start, at);
            prop_assert!(token.end > token.start && sql.is_char_boundary(token.end));
            at = token.end;
        }
        prop_assert_eq!(at, sql.len());
    }

    /// Putting the names back gives the text that went in, but for the space after a word.
    #[test]
    fn text_outside_parameters_is_untouched(sql in dense()) {
        let Ok(rewritten) = rewrite(&sql) else { return Ok(()) };
        let mut rest = rewritten.sql.as_str();
        for token in Lexer::new(&sql) {
            let text = &sql[token.start..token.end];
            if token.kind == crate::lexer::Kind::Parameter {
                let number = rewritten.names.iter().position(|name| *name == text[1..]).map_or(0, |at| at + 1);
                let marker = format!("${number}");
                rest = rest.strip_prefix(' ').filter(|_| !rest.starts_with('$')).unwrap_or(rest);
                let stripped = rest.strip_prefix(marker.as_str());
                prop_assert!(stripped.is_some(), "{} in {}", marker, rest);
                rest = stripped.unwrap_or_default();
            } else {
                let stripped = rest.strip_prefix(text);
                prop_assert!(stripped.is_some());
                rest = stripped.unwrap_or_default();
            }
        }
        prop_assert_eq!(rest, "");
    }

    #[test]
    fn without_a_colon_nothing_changes(sql in "[^:;\0]{0,80}") {
        prop_assert_eq!(rewrite(&sql).map(|rewritten| rewritten.sql), Ok(sql));
    }
}
