"""Writes src/explore/sets.js and the tables of docs/stackstate.md from the ready sets in docs/streams, and from
AWS's lists of metrics.

`make sets` runs it, and `make check` with --check, which writes nothing and fails if something differs.
"""

import glob
import json
import sys

import yaml

from console import Failure

FOLDER = "docs/streams"
LISTS = f"{FOLDER}/aws-metrics.json"
PAGE = "src/explore/sets.js"
DOCUMENT = "docs/stackstate.md"

# CloudWatch's units → StackState's ("Add a telemetry stream", *Units of measurement*).
UNITS = {"Percent": "percent", "Bytes": "bytes", "Seconds": "s", "Milliseconds": "ms", "Microseconds": "µs", "Count": "short",
         "Bytes/Second": "Bps", "Count/Second": "cps"}
# Telemetry's DownsamplingMethod, in StackState's API description.
METHODS = {"MEAN", "MAX", "MIN", "SUM", "SUM_NO_ZEROS", "EVENT_COUNT", "EVENT_COUNT_NO_ZEROS",
           *(f"PERCENTILE_{percent}" for percent in (25, 50, 75, 90, 95, 98, 99))}
PARTS = {"title", "namespace", "dimension", "value", "streams"}
STREAM = {"metric", "name", "aggregation", "threshold"}


def read_lists():
    """AWS's lists: namespaces with their metrics, each with its unit and dimensions."""
    with open(LISTS) as file:
        return json.load(file)


def read_set(path, lists):
    """The set in a file, checked. AWS's lists do not have every namespace."""
    with open(path) as file:
        try:
            each = yaml.safe_load(file)
        except yaml.YAMLError as error:
            raise Failure(f"{path}: {error}")
    if not isinstance(each, dict) or set(each) != PARTS:
        found = ", ".join(sorted(map(str, each))) if isinstance(each, dict) else "none"
        raise Failure(f"{path}: expected {', '.join(sorted(PARTS))}, found {found}")
    known = lists.get(each["namespace"], {}).get("metrics")
    names = set()
    for stream in each["streams"]:
        if not isinstance(stream, dict) or not STREAM - {"threshold"} <= set(stream) <= STREAM:
            raise Failure(f"{path}: expected {', '.join(sorted(STREAM))} of a stream, found {stream}")
        if stream["name"] in names:
            raise Failure(f"{path}: two streams have the name {stream['name']}")
        names.add(stream["name"])
        if stream["aggregation"] not in METHODS:
            raise Failure(f"{path}: StackState has no aggregation {stream['aggregation']}")
        if known is None:
            continue
        if stream["metric"] not in known:
            raise Failure(f"{path}: {each['namespace']} has no metric {stream['metric']} in {LISTS}")
        if each["dimension"] not in (known[stream["metric"]]["dimensions"] or [each["dimension"]]):
            raise Failure(f"{path}: {stream['metric']} has no dimension {each['dimension']} in {LISTS}")
    return each


def with_unit(stream, namespace, lists):
    """The name of a stream, with the unit that StackState reads from its end, if the metric's is known."""
    known = lists.get(namespace, {}).get("metrics", {}).get(stream["metric"], {})
    unit = "short" if stream["aggregation"].startswith("EVENT_COUNT") else UNITS.get(known.get("unit"))
    return f"{stream['name']} ({unit})" if unit else stream["name"]


def units(lists):
    """StackState's units → the metrics that have them, for each namespace."""
    found = {}
    for namespace, listed in sorted(lists.items()):
        for metric, described in sorted(listed["metrics"].items()):
            unit = UNITS.get(described["unit"])
            if unit:
                found.setdefault(namespace, {}).setdefault(unit, []).append(metric)
    return found


def page(sets, lists):
    text = "// `make sets` writes this file from docs/streams.\n\n"
    lines = [json.dumps(each, ensure_ascii=False) for each in sets]
    text += "export const SETS = [\n" + "".join(f"  {line},\n" for line in lines) + "];\n\n"
    rows = [f"  {json.dumps(namespace)}: {json.dumps(each, ensure_ascii=False)},\n" for namespace, each in units(lists).items()]
    return text + "export const UNITS = {\n" + "".join(rows) + "};\n"


def table(each, lists):
    rows = [f"**{each['title']}** (`{each['namespace']}`, `{each['dimension']}`)", "",
            "| stream | metric | aggregation | monitor above |", "|---|---|---|---|"]
    for stream in each["streams"]:
        name = with_unit(stream, each["namespace"], lists)
        rows.append(f"| {name} | `{stream['metric']}` | `{stream['aggregation']}` | {stream.get('threshold', '')} |")
    return "\n".join(rows)


def document(sets, lists):
    with open(DOCUMENT) as file:
        before, begin, rest = file.read().partition("<!-- sets -->\n")
    _, end, after = rest.partition("<!-- end of sets -->\n")
    tables = "\n\n".join(table(each, lists) for each in sets)
    return f"{before}{begin}\n{tables}\n\n{end}{after}"


def main():
    lists = read_lists()
    sets = [read_set(path, lists) for path in sorted(glob.glob(f"{FOLDER}/*.yaml"))]
    for path, text in (PAGE, page(sets, lists)), (DOCUMENT, document(sets, lists)):
        if "--check" in sys.argv:
            with open(path) as file:
                if file.read() != text:
                    raise Failure(f"{path} is not what `make sets` writes from docs/streams.")
        else:
            with open(path, "w") as file:
                file.write(text)


if __name__ == "__main__":
    main()
