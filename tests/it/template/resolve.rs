//! A template with its parameters filled in: conditions decided, look-ups done, names of resources left symbolic.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::stack::Stack;

/// Resolves a template in the long form with its parameters' defaults and the values given in their place.
///
/// A reference to a resource becomes the text `${Name}`, an attribute of it `${Name.Attribute}`, a pseudo parameter
/// `${AWS::Region}`: what only a deployment can tell stays recognisable. Resources whose condition is false are gone.
pub(super) fn resolve(template: &Value, given: &[(&str, &str)]) -> Stack {
    let resolver = Resolver {
        template,
        parameters: parameters(template, given),
    };
    let resources = template["Resources"].as_object().expect("resources");
    let existing = resources.iter().filter(|(_, resource)| resolver.exists(resource));
    let resolved = existing.map(|(name, resource)| {
        (
            name.clone(),
            resolver
                .value(resource)
                .unwrap_or_else(|| panic!("{name} has no value")),
        )
    });
    Stack::new(resolved.collect())
}

fn parameters(template: &Value, given: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let declared = template["Parameters"].as_object().expect("parameters");
    let mut parameters: BTreeMap<String, Value> = declared
        .iter()
        .map(|(name, parameter)| (name.clone(), parameter["Default"].clone()))
        .collect();
    for (name, value) in given {
        let kind = declared
            .get(*name)
            .unwrap_or_else(|| panic!("no parameter {name}"))["Type"]
            .clone();
        let value = if kind == "Number" {
            json!(value.parse::<i64>().unwrap())
        } else {
            json!(value)
        };
        parameters.insert((*name).to_owned(), value);
    }
    parameters
}

struct Resolver<'a> {
    template: &'a Value,
    parameters: BTreeMap<String, Value>,
}

impl Resolver<'_> {
    fn exists(&self, resource: &Value) -> bool {
        resource
            .get("Condition")
            .is_none_or(|name| self.holds(&json!({ "Condition": name })))
    }

    /// The value, or nothing where it is `AWS::NoValue`.
    fn value(&self, node: &Value) -> Option<Value> {
        match node {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.value(item)).collect()),
            Value::Object(entries) => match single(entries) {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => {
                    self.call(name, argument)
                }
                _ => Some(Value::Object(self.entries(entries))),
            },
            scalar => Some(scalar.clone()),
        }
    }

    fn entries(&self, entries: &Map<String, Value>) -> Map<String, Value> {
        entries
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), self.value(value)?)))
            .collect()
    }

    fn call(&self, name: &str, argument: &Value) -> Option<Value> {
        match name {
            "Ref" => self.reference(text(argument)),
            "Fn::GetAtt" => {
                let path = argument.as_array().expect("a path");
                Some(json!(format!("${{{}.{}}}", text(&path[0]), text(&path[1]))))
            }
            "Fn::If" => {
                let holds = self.holds(&json!({ "Condition": argument[0] }));
                self.value(&argument[if holds { 1 } else { 2 }])
            }
            "Fn::FindInMap" => {
                let key = |index: usize| scalar(&self.value(&argument[index]).expect("a key"));
                let found = &self.template["Mappings"][key(0)][key(1)][key(2)];
                assert!(!found.is_null(), "nothing in the mapping for {argument}");
                Some(found.clone())
            }
            "Fn::Sub" => Some(self.substitute(argument)),
            other => Some(json!({ other: self.value(argument) })),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        if name == "AWS::NoValue" {
            return None;
        }
        Some(
            self.parameters
                .get(name)
                .cloned()
                .unwrap_or_else(|| json!(format!("${{{name}}}"))),
        )
    }

    fn substitute(&self, argument: &Value) -> Value {
        let (format, names) = match argument {
            Value::Array(parts) => (text(&parts[0]), parts[1].as_object().cloned().unwrap_or_default()),
            format => (text(format), Map::new()),
        };
        let mut done = String::new();
        let mut rest = format;
        while let Some((before, name, after)) = next_name(rest) {
            let local = names.get(name).and_then(|value| self.value(value));
            let value = local.or_else(|| self.reference(name)).expect("a value");
            done.push_str(before);
            done.push_str(&scalar(&value));
            rest = after;
        }
        (done + rest).into()
    }

    fn holds(&self, condition: &Value) -> bool {
        let (name, argument) = single(condition.as_object().expect("a condition")).expect("one function");
        let all = || argument.as_array().expect("conditions").iter();
        match name {
            "Condition" => self.holds(&self.template["Conditions"][text(argument)]),
            "Fn::Equals" => {
                let side = |index: usize| self.value(&argument[index]).map(|value| scalar(&value));
                side(0) == side(1)
            }
            "Fn::Not" => !self.holds(&argument[0]),
            "Fn::And" => all().all(|part| self.holds(part)),
            "Fn::Or" => all().any(|part| self.holds(part)),
            other => panic!("unknown condition {other}"),
        }
    }
}

fn single(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = entries.iter();
    let (name, value) = all.next()?;
    all.next().is_none().then_some((name.as_str(), value))
}

/// Splits at the first `${name}`: what is before it, the name, what follows.
fn next_name(format: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = format.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_carried_out_and_names_stay() {
        let template = json!({
            "Parameters": {
                "Stage": { "Type": "String", "Default": "dev" },
                "Timeout": { "Type": "Number", "Default": 5 },
            },
            "Conditions": {
                "IsProd": { "Fn::Equals": [{ "Ref": "Stage" }, "prod"] },
                "IsOther": { "Fn::Not": [{ "Condition": "IsProd" }] },
            },
            "Mappings": { "Six": { "5": { "Seconds": 30 }, "7": { "Seconds": 42 } } },
            "Resources": {
                "Gone": { "Type": "A", "Condition": "IsProd" },
                "Queue": { "Type": "B", "Condition": "IsOther", "Properties": {
                    "Name": { "Fn::Sub": "x-${Stage}-${AWS::Region}-${Gone.Arn}" },
                    "Wait": { "Fn::FindInMap": ["Six", { "Ref": "Timeout" }, "Seconds"] },
                    "Key": { "Fn::GetAtt": ["Key", "Arn"] },
                    "None": { "Fn::If": ["IsProd", 1, { "Ref": "AWS::NoValue" }] },
                    "Secret": { "Fn::Sub": ["{{resolve:${S}}}", { "S": { "Ref": "Queue" } }] },
                } },
            },
        });
        let stack = resolve(&template, &[("Timeout", "7")]);
        let expected = json!({
            "Name": "x-dev-${AWS::Region}-${Gone.Arn}",
            "Wait": 42,
            "Key": "${Key.Arn}",
            "Secret": "{{resolve:${Queue}}}",
        });
        assert_eq!(stack.properties("Queue"), &expected);
        assert_eq!(stack.names_of("A"), Vec::<&str>::new());
    }
}
