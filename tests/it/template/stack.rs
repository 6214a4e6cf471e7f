//! The resources of a resolved template, and what rules ask of them.

use serde_json::{Map, Value};

/// A rule: what is wrong with a stack, each finding naming the resource.
pub(super) type Rule = fn(&Stack) -> Vec<String>;

/// The resolved resources by logical name.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    resources: Map<String, Value>,
}

/// One statement of a policy and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'a> {
    /// Logical name of the role, or of the resource with the policy.
    pub(super) owner: &'a str,
    pub(super) body: &'a Value,
}

impl Stack {
    pub(super) fn new(resources: Map<String, Value>) -> Self {
        Self { resources }
    }

    /// Names and whole resources of a type, in the template's order.
    pub(super) fn of_type<'a>(&'a self, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self
            .resources
            .iter()
            .map(|(name, resource)| (name.as_str(), resource));
        resources
            .filter(move |(_, resource)| resource["Type"] == kind)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Names and properties of the resources of a type.
    pub(super) fn properties_of<'a>(&'a self, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.of_type(kind)
            .map(|(name, resource)| (name, &resource["Properties"]))
    }

    pub(super) fn names_of(&self, kind: &str) -> Vec<&str> {
        self.of_type(kind).map(|(name, _)| name).collect()
    }

    pub(super) fn resource(&self, name: &str) -> &Value {
        self.resources.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn properties(&self, name: &str) -> &Value {
        &self.resource(name)["Properties"]
    }

    /// All resources, for rules over whatever a stack holds.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.resources
            .iter()
            .map(|(name, resource)| (name.as_str(), resource))
    }

    /// Every statement of the policies of roles.
    pub(super) fn role_statements(&self) -> Vec<Statement<'_>> {
        let roles = self.properties_of("AWS::IAM::Role");
        let policies =
            roles.flat_map(|(owner, role)| list(&role["Policies"]).map(move |policy| (owner, policy)));
        policies
            .flat_map(|(owner, policy)| statements(owner, &policy["PolicyDocument"]))
            .collect()
    }

    /// Every statement of one role.
    pub(super) fn statements_of<'a>(&'a self, role: &str) -> Vec<Statement<'a>> {
        self.role_statements()
            .into_iter()
            .filter(|statement| statement.owner == role)
            .collect()
    }

    /// Replaces what a JSON pointer names (from the logical name on) by a worse value; `null` removes it.
    pub(super) fn spoil(&mut self, pointer: &str, value: Value) {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let mut resources = Value::Object(std::mem::take(&mut self.resources));
        let parent = resources
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("nothing at {pointer}"));
        match (parent, value) {
            (Value::Object(entries), Value::Null) => {
                entries
                    .remove(key)
                    .unwrap_or_else(|| panic!("nothing at {pointer}"));
            }
            (Value::Object(entries), value) => {
                entries.insert(key.to_owned(), value);
            }
            (Value::Array(items), Value::Null) => {
                items.remove(key.parse().expect("an index"));
            }
            (Value::Array(items), value) if key == "-" => items.push(value),
            (Value::Array(items), value) => items[key.parse::<usize>().expect("an index")] = value,
            _ => panic!("{pointer} is in no object or array"),
        }
        let Value::Object(resources) = resources else {
            unreachable!("it was made from a map")
        };
        self.resources = resources;
    }
}

impl<'a> Statement<'a> {
    pub(super) fn allows(&self) -> bool {
        self.body["Effect"] == "Allow"
    }

    pub(super) fn actions(&self) -> Vec<&'a str> {
        texts(&self.body["Action"])
    }

    pub(super) fn resources(&self) -> Vec<&'a str> {
        texts(&self.body["Resource"])
    }

    /// Name of the statement for findings: its owner and its `Sid`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.owner, self.body["Sid"].as_str().unwrap_or("?"))
    }
}

/// The statements of a policy document.
pub(super) fn statements<'a>(owner: &'a str, document: &'a Value) -> impl Iterator<Item = Statement<'a>> {
    list(&document["Statement"]).map(move |body| Statement { owner, body })
}

/// A list's items, or a lone value as the only item.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(items) => items.iter().collect::<Vec<_>>().into_iter(),
        Value::Null => Vec::new().into_iter(),
        lone => vec![lone].into_iter(),
    }
}

pub(super) fn texts(value: &Value) -> Vec<&str> {
    list(value).filter_map(Value::as_str).collect()
}

/// A number, however it is written; nothing if it is none.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The logical name in `${Name}` or `${Name.Attribute}`.
pub(super) fn referenced(value: &Value) -> Option<&str> {
    let inside = value.as_str()?.strip_prefix("${")?.split('}').next()?;
    inside.split('.').next()
}

/// Asserts that a rule accepts the template and finds the culprit once it is spoilt.
pub(super) fn finds(rule: Rule, spoilt: &[(&str, Value)], culprit: &str) {
    let mut stack = super::all::as_written(&[]);
    assert_eq!(
        rule(&stack),
        Vec::<String>::new(),
        "the rule complains about the good template"
    );
    for (pointer, value) in spoilt {
        stack.spoil(pointer, value.clone());
    }
    let findings = rule(&stack);
    assert!(
        findings.iter().any(|finding| finding.contains(culprit)),
        "{culprit} was not found: {findings:?}"
    );
}
