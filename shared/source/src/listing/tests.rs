use millrace_core::source::SourceList;
use url::Url;

use super::{ListedFile, read};
use crate::problem::FetchRule;

fn base() -> Url {
    Url::parse("https://data.example.org/lists/page.html").unwrap()
}

fn html(pattern: &str, format: &str) -> SourceList {
    SourceList::Html {
        url: base().into(),
        pattern: pattern.to_owned(),
        date_format: format.to_owned(),
    }
}

fn json() -> SourceList {
    SourceList::Json {
        url: base().into(),
        items: "/files".to_owned(),
        item_url: "/href".to_owned(),
        item_name: Some("/name".to_owned()),
        item_date: "/published".to_owned(),
        date_format: "YYYY-MM-DD".to_owned(),
    }
}

fn names(files: &[ListedFile]) -> Vec<&str> {
    files.iter().map(|file| file.file_name.as_str()).collect()
}

const ACCOUNTS: &str = r"/accounts-(?<date>\d{4}-\d{2}-\d{2})\.csv$";

#[test]
fn links_of_a_page_are_found_oldest_first() {
    let page = r##"<html><body><a href="/data/accounts-2024-03-01.csv">new</a>
        <A HREF='accounts-2024-01-01.csv'>old</A> <a href=" accounts-2024-02-01.csv#top ">middle</a>
        <a href="readme.html">no</a><a name="x">no</a><a href="http://[bad">no</a>
        <!-- <a href="accounts-2020-01-01.csv"> --><script>"<a href='accounts-2021-01-01.csv'>"</script>"##;
    let files = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes()).unwrap();
    assert_eq!(
        names(&files),
        [
            "accounts-2024-01-01.csv",
            "accounts-2024-02-01.csv",
            "accounts-2024-03-01.csv"
        ]
    );
    assert_eq!(
        files[0].url,
        "https://data.example.org/lists/accounts-2024-01-01.csv"
    );
    assert_eq!(
        files[2].url,
        "https://data.example.org/data/accounts-2024-03-01.csv"
    );
    assert_eq!(files[0].date.as_deref(), Some("2024-01-01"));
}

#[test]
fn the_pages_base_and_character_references_count() {
    let page = r#"<head><base href="https://files.example.org/x/"><base href="https://evil.example/"></head>
        <a href="get?a=1&amp;date=20240131&#38;b=&#x32;">x</a>"#;
    let list = html(r"date=(?<date>\d{8})&b=(?<name>2)", "YYYYMMDD");
    let files = read(&list, &base(), page.as_bytes()).unwrap();
    assert_eq!(
        files[0].url,
        "https://files.example.org/x/get?a=1&date=20240131&b=2"
    );
    assert_eq!(files[0].file_name, "2");
}

#[test]
fn a_date_that_is_none_is_told_and_not_dropped() {
    let page = "<a href=accounts-2024-02-30.csv>x</a><a href=accounts-2024-01-01.csv>y</a>";
    let files = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes()).unwrap();
    assert_eq!(files.len(), 2);
    let bad = files.iter().find(|file| file.date.is_none()).unwrap();
    assert_eq!(bad.problem.as_ref().unwrap().rule, FetchRule::BadDate);
}

#[test]
fn one_address_is_one_file_and_one_name_is_one_address() {
    let page = "<a href=/a/accounts-2024-01-01.csv>x</a><a href=/a/accounts-2024-01-01.csv#2>x</a>
        <a href=/b/accounts-2024-01-01.csv>x</a><a href=/b/accounts-2024-01-02.csv>x</a>";
    let files = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes()).unwrap();
    assert_eq!(
        names(&files),
        [
            "data.example.org/a/accounts-2024-01-01.csv",
            "data.example.org/b/accounts-2024-01-01.csv",
            "accounts-2024-01-02.csv"
        ]
    );
}

#[test]
fn addresses_that_differ_in_the_scheme_alone_stay_apart() {
    let page = "<a href=https://a.org/accounts-2024-01-01.csv>x</a><a href=http://a.org/accounts-2024-01-01.csv>x</a>";
    let files = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes()).unwrap();
    assert_eq!(
        names(&files),
        [
            "http://a.org/accounts-2024-01-01.csv",
            "https://a.org/accounts-2024-01-01.csv"
        ]
    );
}

#[test]
fn links_behind_the_most_that_are_read_are_not_dropped_in_silence() {
    let page = |links: usize| {
        let mut page = "<a href=x>x</a>".repeat(links - 1);
        page.push_str("<a href=accounts-2024-01-01.csv>x</a>");
        read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes())
    };
    assert_eq!(page(100_000).unwrap().len(), 1);
    assert_eq!(page(100_001).unwrap_err().rule, FetchRule::BadList);
}

#[test]
fn a_page_without_files_is_a_problem() {
    for page in [
        "",
        "<html>maintenance</html>",
        "<a href=other.csv>x</a>",
        "\u{0}\u{1}",
    ] {
        let problem = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes()).unwrap_err();
        assert_eq!(problem.rule, FetchRule::NothingListed, "{page}");
    }
    let deep = format!("<a href=\"{}\">", "x".repeat(20 * 1024 * 1024));
    let problem = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), deep.as_bytes()).unwrap_err();
    assert!(matches!(
        problem.rule,
        FetchRule::BadList | FetchRule::NothingListed
    ));
}

#[test]
fn items_of_a_list_are_found_oldest_first() {
    let list = r#"{"files": [
        {"href": "b.csv", "name": "second", "published": "2024-02-01T08:00:00Z"},
        {"href": "https://files.example.org/a.csv", "name": "first", "published": "2024-01-01"},
        {"href": "c.csv", "name": "a/b", "published": "2024-03-01"},
        {"href": "d.csv", "published": "soon"}]}"#;
    let files = read(&json(), &base(), list.as_bytes()).unwrap();
    assert_eq!(files.len(), 4);
    let good: Vec<&str> = files
        .iter()
        .filter(|file| file.problem.is_none())
        .map(|file| file.file_name.as_str())
        .collect();
    assert_eq!(good, ["first", "second"]);
    let rules: Vec<FetchRule> = files
        .iter()
        .filter_map(|file| Some(file.problem.as_ref()?.rule))
        .collect();
    assert_eq!(rules, [FetchRule::BadName, FetchRule::BadName]);
}

#[test]
fn a_list_that_is_none_is_a_problem() {
    for (list, rule) in [
        ("<html>", FetchRule::BadList),
        ("{}", FetchRule::BadList),
        (r#"{"files": {}}"#, FetchRule::BadList),
        (r#"{"files": []}"#, FetchRule::NothingListed),
        (r#"{"files": [{}]}"#, FetchRule::BadList),
        (r#"{"files": [{"href": "http://[bad"}]}"#, FetchRule::BadList),
    ] {
        let problem = read(&json(), &base(), list.as_bytes()).unwrap_err();
        assert_eq!(problem.rule, rule, "{list}");
    }
}

#[test]
fn long_addresses_of_one_name_stay_apart() {
    let folder = "x".repeat(300);
    let page = format!(
        "<a href=/a/{folder}/1/accounts-2024-01-01.csv>x</a><a href=/a/{folder}/2/accounts-2024-01-01.csv>x</a>"
    );
    let files = read(&html(ACCOUNTS, "YYYY-MM-DD"), &base(), page.as_bytes()).unwrap();
    assert_ne!(files[0].file_name, files[1].file_name);
    assert!(files.iter().all(|file| file.file_name.len() <= 200));
}
