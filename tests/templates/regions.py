"""The regions that lack what a deployment needs."""

import re

from registry import regions, types


def the_list_of_regions_is_that_of_the_registry():
    with open("docs/deploy.md") as file:
        text = " ".join(file.read().split())
    for name in ["AWS::Lambda::Url", "AWS::Lambda::CapacityProvider"]:
        lacking = [region for region in regions() if name not in types(region)]
        told = re.search(rf"\(`{name}`\): ([^.]+)\.", text)
        assert told, f"docs/deploy.md does not say which regions lack {name}"
        assert re.findall(r"[a-z-]+-\d", told[1]) == lacking, f"{name}: expected {lacking}"
