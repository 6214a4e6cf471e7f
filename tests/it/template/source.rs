//! The template as written: YAML with CloudFormation's tags, turned into the long JSON form.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

/// The folder that holds `template.yaml`.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a file below [`root`].
pub(super) fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `template.yaml` in the long JSON form, its functions as the SAM transform leaves them: of Lambda's own type, with
/// the globals merged in. Everything else of it is plain CloudFormation already.
pub(super) fn template() -> Value {
    static TEMPLATE: LazyLock<Value> = LazyLock::new(|| {
        let yaml: Yaml = serde_norway::from_str(&read("template.yaml")).expect("template.yaml is YAML");
        with_lambda_functions(long_form(yaml))
    });
    TEMPLATE.clone()
}

/// Replaces a tag such as `!Ref` by its long form: `{"Ref": …}`.
pub(super) fn long_form(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => serde_json::to_value(number).expect("a number"),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(long_form).collect(),
        Yaml::Mapping(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key_text(key), long_form(value)));
            Value::Object(entries.collect())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            tagged_form(tag.trim_start_matches('!'), long_form(tagged.value))
        }
    }
}

fn key_text(key: Yaml) -> String {
    match long_form(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn tagged_form(tag: &str, value: Value) -> Value {
    match (tag, value) {
        ("Ref" | "Condition", value) => json!({ tag: value }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').expect("resource.attribute");
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (_, value) => json!({ format!("Fn::{tag}"): value }),
    }
}

fn with_lambda_functions(mut template: Value) -> Value {
    let globals = template["Globals"]["Function"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let resources = template["Resources"].as_object_mut().expect("resources");
    for resource in resources
        .values_mut()
        .filter(|resource| resource["Type"] == "AWS::Serverless::Function")
    {
        resource["Type"] = "AWS::Lambda::Function".into();
        let own = resource["Properties"].as_object().cloned().unwrap_or_default();
        let merged: Map<String, Value> = globals.clone().into_iter().chain(own).collect();
        resource["Properties"] = merged.into();
    }
    template
}

#[test]
fn tags_become_the_long_form() {
    let yaml = "{a: !Ref B, c: !GetAtt D.E.F, g: !Sub 'x-${B}', h: !If [C, !Ref B, 1]}";
    let found = long_form(serde_norway::from_str(yaml).unwrap());
    let expected = json!({
        "a": { "Ref": "B" },
        "c": { "Fn::GetAtt": ["D", "E.F"] },
        "g": { "Fn::Sub": "x-${B}" },
        "h": { "Fn::If": ["C", { "Ref": "B" }, 1] },
    });
    assert_eq!(found, expected);
}
