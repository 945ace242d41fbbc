"""What StackState takes: a schema of this repository, and StackState's own API description where it lies beside it."""

import json
import os
import re

import yaml
from jsonschema import Draft202012Validator

HERE = os.path.dirname(os.path.abspath(__file__))
OFFICIAL = os.path.join(HERE, "..", "..", "shared", "stackstate-openapi-5.1.9")


def own(name):
    """The validator of a form of this repository's schema."""
    with open(os.path.join(HERE, "stackstate.schema.json")) as file:
        schema = json.load(file)
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})


def official(name):
    """The validator of a schema of StackState's own description, or None where that is missing."""
    if not os.path.isdir(OFFICIAL):
        return None
    schemas = {}
    for file_name in "telemetry.api.yaml", "stack_element.api.yaml", "node.xapi.yaml", "script.api.yaml":
        with open(os.path.join(OFFICIAL, file_name)) as file:
            schemas.update(yaml.safe_load(file)["components"]["schemas"])
    text = json.dumps({"$ref": f"#/$defs/{name}", "$defs": schemas})
    return Draft202012Validator(json.loads(re.sub(r'"[\w.]*#/components/schemas/', '"#/$defs/', text)))
