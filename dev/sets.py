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
# The parts of a set and of a stream, with whether they must be there and the types of their values.
PARTS = {"title": (True, str), "namespace": (True, str), "dimension": (True, str), "streams": (True, list),
         "value": (False, str), "conditions": (False, dict)}
STREAM = {"metric": (True, str), "name": (True, str), "aggregation": (True, str), "threshold": (False, (int, float))}


def check_parts(place, found, parts):
    required = [name for name, (is_required, _) in parts.items() if is_required]
    others = [name for name in parts if name not in required]
    missing = [name for name in required if not isinstance(found, dict) or name not in found]
    unknown = [] if missing else [str(name) for name in found if name not in parts]
    if missing or unknown:
        what = f"{', '.join(missing)} is missing" if missing else f"{', '.join(unknown)} is unknown"
        raise Failure(f"{place}: {what}; expected {', '.join(required)}, and perhaps {', '.join(others)}")
    for name, value in found.items():
        if not isinstance(value, parts[name][1]) or isinstance(value, bool) or value in ("", []):
            raise Failure(f"{place}: {name} cannot be {value!r}")


def read_lists():
    """AWS's lists: namespaces with their metrics, each with its unit and dimensions."""
    with open(LISTS) as file:
        return json.load(file)


def read_set(path, lists):
    """The set in a file, checked. AWS's lists do not have every namespace."""
    with open(path) as file:
        try:
            chosen = yaml.safe_load(file)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise Failure(f"{path}: {error}")
    check_parts(path, chosen, PARTS)
    if not all(isinstance(text, str) for pair in chosen.get("conditions", {}).items() for text in pair):
        raise Failure(f"{path}: conditions are texts, in quotes if they look like numbers")
    known = lists.get(chosen["namespace"], {}).get("metrics")
    for stream in chosen["streams"]:
        check_parts(f"{path}, a stream", stream, STREAM)
        if stream["aggregation"] not in METHODS:
            raise Failure(f"{path}: StackState has no aggregation {stream['aggregation']}")
        if known is None:
            continue
        if stream["metric"] not in known:
            raise Failure(f"{path}: {chosen['namespace']} has no metric {stream['metric']} in {LISTS}")
        if chosen["dimension"] not in (known[stream["metric"]]["dimensions"] or [chosen["dimension"]]):
            raise Failure(f"{path}: {stream['metric']} has no dimension {chosen['dimension']} in {LISTS}")
    names = [stream["name"] for stream in named(chosen, lists)["streams"]]
    if len(set(names)) < len(names):
        raise Failure(f"{path}: two streams have one name")
    return chosen


def named(chosen, lists):
    """The set with the names that StackState shows: it reads a unit from a name's end."""
    known = lists.get(chosen["namespace"], {}).get("metrics", {})

    def name(stream):
        unit = UNITS.get(known.get(stream["metric"], {}).get("unit"))
        unit = "short" if stream["aggregation"].startswith("EVENT_COUNT") else unit
        return f"{stream['name']} ({unit})" if unit and not stream["name"].endswith(")") else stream["name"]

    return {**chosen, "streams": [{**stream, "name": name(stream)} for stream in chosen["streams"]]}


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
    lines = [json.dumps(named(chosen, lists), ensure_ascii=False) for chosen in sets]
    text += "export const SETS = [\n" + "".join(f"  {line},\n" for line in lines) + "];\n\n"
    rows = [f"  {json.dumps(namespace)}: {json.dumps(each, ensure_ascii=False)},\n" for namespace, each in units(lists).items()]
    return text + "export const UNITS = {\n" + "".join(rows) + "};\n"


def table(chosen, lists):
    rows = [f"**{chosen['title']}** (`{chosen['namespace']}`, `{chosen['dimension']}`)", "",
            "| stream | metric | aggregation | monitor above |", "|---|---|---|---|"]
    rows += [f"| {stream['name']} | `{stream['metric']}` | `{stream['aggregation']}` | {stream.get('threshold', '')} |"
             for stream in named(chosen, lists)["streams"]]
    return "\n".join(rows)


def document(sets, lists):
    with open(DOCUMENT) as file:
        before, begin, rest = file.read().partition("<!-- sets -->\n")
    _, end, after = rest.partition("<!-- end of sets -->\n")
    if not end:
        raise Failure(f"{DOCUMENT} lacks the lines <!-- sets --> and <!-- end of sets -->")
    tables = "\n\n".join(table(chosen, lists) for chosen in sets)
    return f"{before}{begin}\n{tables}\n\n{end}{after}"


def main():
    lists = read_lists()
    sets = [read_set(path, lists) for path in sorted(glob.glob(f"{FOLDER}/*.yaml"))]
    if not all("value" in chosen for chosen in sets):
        raise Failure("a ready set needs a value, for component templates")
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
