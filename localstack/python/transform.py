"""Prints a SAM template as CloudFormation sees it after the SAM transform, as JSON.

Usage: transform.py TEMPLATE [NAME=VALUE ...]

Parameters keep their defaults unless a value is given. Intrinsic functions stay: they are resolved at deployment.
Calls no service. Code that lies in a folder is replaced by a stand-in, because the transform wants it uploaded.
Needs aws-sam-translator and the boto3 that comes with it.
"""

import json
import os
import sys

# The transform asks boto3 for the region and the partition, and for nothing else.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class NoManagedPolicies:
    """The transform asks for AWS's managed policies by name; Millrace's template names none."""

    def load(self):
        return {}


def with_uploaded_code(template):
    """Replaces each function's local code folder by a location in a bucket."""
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        code = resource["Properties"].get("CodeUri")
        if isinstance(code, str) and not code.startswith("s3://"):
            resource["Properties"]["CodeUri"] = f"s3://code/{name}.zip"
    return template


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    path, *given = arguments
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    parameters = {
        name: parameter["Default"]
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" in parameter
    }
    parameters.update(argument.split("=", 1) for argument in given)
    transformed = transform(with_uploaded_code(template), parameters, NoManagedPolicies(), Parser())
    json.dump(transformed, sys.stdout, indent=1)


if __name__ == "__main__":
    main(sys.argv[1:])
