"""The schemas of CloudFormation's registry that cfn-lint has."""

import functools
import json
from pathlib import Path

import cfnlint

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"


@functools.cache
def types(region):
    """The types that a region has, each with the name of its schema's file."""
    return json.loads((SCHEMAS / "providers" / f"{region}.json").read_text())


def regions():
    """The regions, but for the secret ones."""
    names = [path.stem for path in (SCHEMAS / "providers").glob("*-*.json")]
    return sorted(name for name in names if "-iso" not in name)


def schema(name):
    return json.loads((SCHEMAS / "resources" / f"{types('us-east-1')[name]}.json").read_text())
