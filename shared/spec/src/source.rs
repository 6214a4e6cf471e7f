//! Source bodies.

use ipnet::IpNet;
use millrace_core::Name;
use millrace_core::definition::SpecKind;
use millrace_core::source::{ContentRule, SourceDefinition, SourceEnvironment, SourceList, SourceTarget};
use millrace_source::access::HostRule;
use millrace_source::date::DateFormat;
use millrace_source::{Access, AddressPolicy};
use regex::RegexBuilder;
use serde_json::Value;

use crate::PATTERN_SIZE_LIMIT_BYTES;
use crate::pointer::Pointer;
use crate::problem::{Problems, SpecErrors, quoted};
use crate::schema;

/// The largest file when the spec does not say.
const DEFAULT_MAX_FILE_BYTES: u64 = 1 << 30;

/// What is wrong with a source whose target is not there.
#[must_use]
pub fn unknown_target() -> SpecErrors {
    let message = "there is no spec of that kind and name";
    SpecErrors::one("/target/ingestion_name", "unknown_spec", message)
}

/// What is wrong with a source whose target is a dataset that takes no files.
#[must_use]
pub fn computed_target() -> SpecErrors {
    let message =
        "the dataset is computed and takes no files: its source is that of what it is computed from";
    SpecErrors::one("/target/ingestion_name", "dataset_computed", message)
}

/// Checks a source's body and compiles it. Whether the target exists is for whoever stores it.
///
/// # Errors
/// All that is wrong with the body, each with its pointer.
pub fn check_source(body: &Value) -> Result<SourceDefinition, SpecErrors> {
    let mut problems = Problems::default();
    schema::check(SpecKind::Source, body, &mut problems);
    if !problems.is_empty() {
        return problems.refuse(None);
    }
    let definition = read(body, &mut problems);
    problems.refuse(definition)
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read(body: &Value, problems: &mut Problems) -> Option<SourceDefinition> {
    let flag = |member: &str| {
        let environment = body.get("environment");
        environment
            .and_then(|all| all.get(member)?.as_bool())
            .unwrap_or(false)
    };
    let environment = SourceEnvironment {
        private_addresses: flag("private_addresses"),
        plain_http: flag("plain_http"),
    };
    let allowed_hosts = texts(body.get("allowed_hosts"));
    check_hosts(&allowed_hosts, problems);
    let list = read_list(body.get("list")?, problems)?;
    check_url(list.url(), &allowed_hosts, environment, problems);
    let target = body.get("target")?;
    let content = body.get("content");
    Some(SourceDefinition {
        name: Name::parse(text(body, "source_name")?).ok()?,
        list,
        target: SourceTarget {
            ingestion_type: SpecKind::parse(text(target, "ingestion_type")?)?,
            ingestion_name: Name::parse(text(target, "ingestion_name")?).ok()?,
        },
        allowed_hosts,
        max_file_bytes: body
            .get("max_file_bytes")
            .and_then(Value::as_u64)
            .unwrap_or(DEFAULT_MAX_FILE_BYTES),
        content: ContentRule {
            types: texts(content.and_then(|content| content.get("types"))),
            begins_with: content
                .and_then(|content| text(content, "begins_with"))
                .map(str::to_owned),
        },
        environment,
    })
}

fn check_hosts(hosts: &[String], problems: &mut Problems) {
    for (at, host) in hosts.iter().enumerate() {
        if HostRule::parse(host).is_none() {
            let message = format!("{} is neither a host nor a host with a port", quoted(host));
            problems.add(&Pointer::of(&["allowed_hosts"]).item(at), "bad_host", message);
        }
    }
}

/// The list itself has to be callable by the spec's own rules; what the deployment allows is not known here.
fn check_url(url: &str, hosts: &[String], environment: SourceEnvironment, problems: &mut Problems) {
    let anywhere: Vec<IpNet> = match environment.private_addresses {
        true => ["0.0.0.0/0", "::/0"]
            .iter()
            .filter_map(|net| net.parse().ok())
            .collect(),
        false => Vec::new(),
    };
    let access = Access::new(
        hosts,
        environment.plain_http,
        AddressPolicy::with_networks(&anywhere),
    );
    if let Err(problem) = access.check(url) {
        problems.add(&Pointer::of(&["list", "url"]), "bad_url", problem.message);
    }
}

fn read_list(list: &Value, problems: &mut Problems) -> Option<SourceList> {
    let kind = text(list, "kind")?;
    let (needed, foreign): (&[&str], &[&str]) = match kind {
        "html" => (&["pattern"], &["items", "item_url", "item_name", "item_date"]),
        _ => (&["items", "item_url", "item_date"], &["pattern"]),
    };
    let at = Pointer::of(&["list"]);
    for member in needed.iter().filter(|member| list.get(**member).is_none()) {
        problems.add(&at, "missing_member", format!("the member {member:?} is missing"));
    }
    for member in foreign.iter().filter(|member| list.get(**member).is_some()) {
        let message = format!("a list of kind {kind} has no {member}");
        problems.add(&at.member(member), "unknown_member", message);
    }
    let url = text(list, "url")?.to_owned();
    let date_format = text(list, "date_format")?.to_owned();
    if DateFormat::parse(&date_format).is_none() {
        let message =
            "a date is written with YYYY or YY, MM or MON, and DD, each at most once, and signs between them";
        problems.add(&at.member("date_format"), "bad_date_format", message);
    }
    if kind == "html" {
        let pattern = text(list, "pattern")?.to_owned();
        check_pattern(&pattern, &at.member("pattern"), problems);
        return Some(SourceList::Html {
            url,
            pattern,
            date_format,
        });
    }
    for member in ["items", "item_url", "item_name", "item_date"] {
        if text(list, member).is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            let message = "a JSON pointer is empty or begins with /";
            problems.add(&at.member(member), "bad_pointer", message);
        }
    }
    Some(SourceList::Json {
        url,
        items: text(list, "items")?.to_owned(),
        item_url: text(list, "item_url")?.to_owned(),
        item_name: text(list, "item_name").map(str::to_owned),
        item_date: text(list, "item_date")?.to_owned(),
        date_format,
    })
}

fn check_pattern(pattern: &str, at: &Pointer, problems: &mut Problems) {
    let compiled = RegexBuilder::new(pattern)
        .size_limit(PATTERN_SIZE_LIMIT_BYTES)
        .build();
    match compiled {
        Err(_) => problems.add(
            at,
            "bad_pattern",
            "the pattern is no regular expression, or too large a one",
        ),
        Ok(regex) if !regex.capture_names().flatten().any(|name| name == "date") => {
            problems.add(
                at,
                "no_date_group",
                "the pattern has no group named date: (?<date>…)",
            );
        }
        Ok(_) => {}
    }
}
