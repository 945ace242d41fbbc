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


def read_sets(lists):
    sets = []
    for path in sorted(glob.glob(f"{FOLDER}/*.yaml")):
        with open(path) as file:
            each = yaml.safe_load(file)
        if set(each) != PARTS:
            raise Failure(f"{path}: expected {', '.join(sorted(PARTS))}, found {', '.join(sorted(each))}")
        known = lists[each["namespace"]]["metrics"]
        for stream in each["streams"]:
            if not STREAM - {"threshold"} <= set(stream) <= STREAM:
                raise Failure(f"{path}: expected {', '.join(sorted(STREAM))}, found {stream}")
            if stream["metric"] not in known:
                raise Failure(f"{path}: {each['namespace']} has no metric {stream['metric']} in {LISTS}")
            if each["dimension"] not in known[stream["metric"]]["dimensions"]:
                raise Failure(f"{path}: {stream['metric']} has no dimension {each['dimension']} in {LISTS}")
            if stream["aggregation"] not in METHODS:
                raise Failure(f"{path}: StackState has no aggregation {stream['aggregation']}")
        sets.append(each)
    return sets


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
    known = lists[each["namespace"]]["metrics"]
    rows = [f"**{each['title']}** (`{each['namespace']}`, `{each['dimension']}`)", "",
            "| stream | metric | aggregation | monitor above |", "|---|---|---|---|"]
    for stream in each["streams"]:
        unit = UNITS.get(known[stream["metric"]]["unit"])
        name = f"{stream['name']} ({unit})" if unit else stream["name"]
        rows.append(f"| {name} | `{stream['metric']}` | `{stream['aggregation']}` | {stream.get('threshold', '')} |")
    return "\n".join(rows)


def document(sets, lists):
    with open(DOCUMENT) as file:
        before, begin, rest = file.read().partition("<!-- sets -->\n")
    _, end, after = rest.partition("<!-- end of sets -->\n")
    tables = "\n\n".join(table(each, lists) for each in sets)
    return f"{before}{begin}\n{tables}\n\n{end}{after}"


def main():
    with open(LISTS) as file:
        lists = json.load(file)
    sets = read_sets(lists)
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
