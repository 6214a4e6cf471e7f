use super::{Access, HostRule};
use crate::address::{AddressPolicy, parse_networks};
use crate::problem::FetchRule;

fn access(hosts: &[&str], plain_http: bool, networks: &str) -> Access {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let networks = parse_networks(networks).unwrap();
    Access::new(&hosts, plain_http, AddressPolicy::with_networks(&networks))
}

fn refusal(access: &Access, url: &str) -> Option<FetchRule> {
    access.check(url).err().map(|problem| problem.rule)
}

#[test]
fn hosts_are_compared_as_the_parser_reads_them() {
    let access = access(
        &["Data.Example.org", "bücher.example", "files.example:8443"],
        false,
        "",
    );
    for url in [
        "https://data.example.org/a.csv",
        "https://DATA.EXAMPLE.ORG/a.csv",
        "https://data.example.org./a.csv",
        "https://data.example.org:443/a.csv",
        "https://xn--bcher-kva.example/",
        "https://BÜCHER.example/",
        "https://files.example:8443/x",
        "https:\\\\data.example.org\\a.csv",
        "https://data.example.org/a.csv#part",
    ] {
        assert_eq!(refusal(&access, url), None, "{url}");
    }
    for url in [
        "https://example.org/",
        "https://evil.data.example.org/",
        "https://data.example.org.evil.example/",
        "https://data.example.org..evil.example/",
        "https://data.example.org:8443/",
        "https://files.example/",
        "https://files.example:443/",
        "https://evil.example/?data.example.org",
        "https://evil.example/#@data.example.org",
        "https://evil.example\\@data.example.org/",
        "https://dаta.example.org/", // a Cyrillic а
    ] {
        assert_eq!(refusal(&access, url), Some(FetchRule::ForbiddenHost), "{url}");
    }
}

#[test]
fn subdomains_are_allowed_where_a_rule_says_so() {
    let access = access(&["*.example.org"], false, "");
    assert_eq!(refusal(&access, "https://a.example.org/"), None);
    assert_eq!(refusal(&access, "https://a.b.example.org/"), None);
    for url in [
        "https://example.org/",
        "https://.example.org/",
        "https://evilexample.org/",
        "https://example.org.evil/",
    ] {
        assert!(refusal(&access, url).is_some(), "{url}");
    }
}

#[test]
fn schemes_and_user_names_are_refused() {
    let strict = access(&["data.example.org"], false, "");
    for url in [
        "http://data.example.org/",
        "ftp://data.example.org/",
        "file:///etc/passwd",
        "gopher://data.example.org/",
        "data:text/csv,a",
        "javascript:alert(1)",
    ] {
        assert_eq!(refusal(&strict, url), Some(FetchRule::ForbiddenScheme), "{url}");
    }
    let plain = access(&["data.example.org"], true, "");
    assert_eq!(refusal(&plain, "http://data.example.org/"), None);
    assert_eq!(
        refusal(&plain, "http://data.example.org:443/"),
        Some(FetchRule::ForbiddenHost)
    );
    for url in [
        "https://user@data.example.org/",
        "https://user:word@data.example.org/",
        "https://data.example.org@evil.example/",
        "https://:word@data.example.org/",
    ] {
        assert_eq!(refusal(&strict, url), Some(FetchRule::BadUrl), "{url}");
    }
    for url in ["", "/a.csv", "https://", "https://[::1", "https://a b/"] {
        assert_eq!(refusal(&strict, url), Some(FetchRule::BadUrl), "{url}");
    }
    let long = format!("https://data.example.org/{}", "a".repeat(3_000));
    assert_eq!(refusal(&strict, &long), Some(FetchRule::BadUrl));
}

#[test]
fn an_address_in_any_spelling_is_an_address() {
    let hosts = [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:7f00:1]",
        "8.8.8.8",
    ];
    let strict = access(&hosts, true, "");
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://①②⑦.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
    ] {
        assert_eq!(refusal(&strict, url), Some(FetchRule::ForbiddenAddress), "{url}");
    }
    assert_eq!(refusal(&strict, "http://8.8.8.8/"), None);
    assert_eq!(refusal(&strict, "http://134744072/"), None);
    let local = access(
        &["127.0.0.1:8080", "169.254.169.254"],
        true,
        "127.0.0.0/8,169.254.0.0/16",
    );
    assert_eq!(refusal(&local, "http://127.0.0.1:8080/list"), None);
    assert_eq!(refusal(&local, "http://2130706433:8080/list"), None);
    assert_eq!(
        refusal(&local, "http://127.0.0.1/list"),
        Some(FetchRule::ForbiddenHost)
    );
    assert_eq!(
        refusal(&local, "http://169.254.169.254/"),
        Some(FetchRule::ForbiddenAddress)
    );
}

#[test]
fn rules_that_are_no_hosts_are_refused() {
    for text in [
        "",
        "a/b",
        "https://a",
        "user@a",
        "*",
        "*.",
        "a.*.b",
        "a b",
        "*.127.0.0.1",
        "a:99999",
        "a..",
        "a?b",
    ] {
        assert_eq!(HostRule::parse(text), None, "{text}");
    }
    for text in [
        "a",
        "a.example",
        "*.a.example",
        "a:8080",
        "a:443",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:80",
        "ä.example",
    ] {
        assert!(HostRule::parse(text).is_some(), "{text}");
    }
}
