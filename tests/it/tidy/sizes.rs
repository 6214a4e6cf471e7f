//! Sizes, and a word about every crate.

use super::{files, is_rust, text};

const MOST_LINES: usize = 400;
/// Longer ones, each with its reason.
const LONGER: [(&str, &str); 0] = [];

#[test]
fn files_are_short() {
    let is_source = |file: &String| is_rust(file) || file.ends_with(".py") || file.ends_with(".sql");
    let mut long = Vec::new();
    for file in files("").into_iter().filter(is_source) {
        let lines = text(&file).unwrap().lines().count();
        let is_excused = LONGER.iter().any(|(name, _)| *name == file);
        if lines > MOST_LINES && !is_excused {
            long.push(format!("{file}: {lines} lines"));
        }
        assert!(
            lines > MOST_LINES || !is_excused,
            "{file} is short: take it off the list"
        );
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn every_crate_says_what_it_is() {
    for manifest in files("").into_iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let folder = manifest.trim_end_matches("Cargo.toml");
        let roots = ["src/lib.rs", "src/main.rs"];
        let says = roots.iter().any(|root| {
            let file = format!("{folder}{root}");
            files("").contains(&file) && text(&file).is_some_and(|text| is_documented(&text))
        });
        assert!(says, "{folder} has no crate documentation");
    }
}

fn is_documented(text: &str) -> bool {
    text.starts_with("//!") || text.starts_with("#![doc = include_str!(")
}

#[test]
fn every_function_has_a_readme() {
    let all = files("functions");
    for manifest in all.iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let readme = manifest.replace("Cargo.toml", "README.md");
        assert!(all.contains(&readme), "{readme} is missing");
        let text = text(&readme).unwrap().to_lowercase();
        for words in [&["trigger"][..], &["environment"], &["retries", "repeats"]] {
            let is_there = words.iter().any(|word| text.contains(word));
            assert!(is_there, "{readme} does not speak of {}", words.join(" or "));
        }
    }
}

#[test]
fn every_rust_file_says_what_it_is_for() {
    let mut silent = Vec::new();
    for file in files("").into_iter().filter(|file| is_rust(file)) {
        let text = text(&file).unwrap();
        let is_unit_test = file.ends_with("/tests.rs") || file.contains("/tests/") && file.contains("/src/");
        if !is_documented(&text) && !is_unit_test {
            silent.push(file);
        }
    }
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn nothing_is_a_drawer_for_odds_and_ends() {
    for file in files("").into_iter().filter(|file| is_rust(file)) {
        let name = file
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs");
        for drawer in ["utils", "util", "helpers", "helper", "common", "misc"] {
            assert!(name != drawer && !file.contains(&format!("/{drawer}/")), "{file}");
        }
    }
}
