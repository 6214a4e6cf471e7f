"""Values of a template as they are after the deploy: references, conditions and substitutions carried out."""

import re

UNKNOWN = object()
"""What cannot be told from outside, such as an attribute that no call of this file knows."""


class Resolver:
    """Resolves the intrinsic functions of one deployed stack."""

    def __init__(self, template, parameters, physical_ids, attributes):
        self.template = template
        self.parameters = parameters
        self.physical_ids = physical_ids
        self.attributes = attributes

    def value(self, node):
        if isinstance(node, list):
            items = [self.value(item) for item in node]
            return [item for item in items if item is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name == "Ref":
                return self.reference(argument)
            if name.startswith("Fn::"):
                return self.function(name[4:], argument)
        resolved = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in resolved.items() if item is not None}

    def reference(self, name):
        pseudo = {
            "AWS::Region": "us-east-1",
            "AWS::AccountId": "000000000000",
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": None,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.physical_ids.get(name, UNKNOWN)

    def function(self, name, argument):
        if name == "GetAtt":
            path = argument.split(".", 1) if isinstance(argument, str) else argument
            return self.attribute(*path)
        if name == "Sub":
            text, names = argument if isinstance(argument, list) else (argument, {})
            return self.substitute(text, names)
        if name == "If":
            condition, yes, no = argument
            return self.value(yes if self.condition(condition) else no)
        if name == "Join":
            parts = self.value(argument[1])
            return UNKNOWN if UNKNOWN in parts else argument[0].join(map(str, parts))
        return UNKNOWN

    def attribute(self, name, attribute):
        resource = self.template["Resources"].get(name, {})
        return self.attributes(resource.get("Type", ""), self.physical_ids.get(name), attribute)

    def substitute(self, text, names):
        parts = []
        for literal, name in re.findall(r"((?:[^$]|\$(?!\{))+)|\$\{([^}]*)\}", text):
            if literal:
                parts.append(literal)
                continue
            if name in names:
                found = self.value(names[name])
            elif "." in name:
                found = self.attribute(*name.split(".", 1))
            else:
                found = self.reference(name)
            parts.append(found)
        return UNKNOWN if UNKNOWN in parts else "".join(map(str, parts))

    def condition(self, name):
        return self.holds(self.template.get("Conditions", {}).get(name))

    def holds(self, node):
        kind, argument = next(iter(node.items()))
        if kind == "Condition":
            return self.condition(argument)
        if kind == "Fn::Equals":
            left, right = (self.value(side) for side in argument)
            return str(left) == str(right)
        if kind == "Fn::Not":
            return not self.holds(argument[0])
        if kind == "Fn::And":
            return all(self.holds(item) for item in argument)
        if kind == "Fn::Or":
            return any(self.holds(item) for item in argument)
        raise ValueError(f"a condition that is not understood: {kind}")

    def exists(self, resource):
        return "Condition" not in resource or self.condition(resource["Condition"])


def has_unknown(value):
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN
