"""Makes the streams of a set on components of StackState, changes those that differ, and removes those that the set no
longer has.

`make streams` runs it. It shows what it would do, and does it with APPLY=1. A marker at the end of a stream's
description tells which ones it made; it touches no others.
"""

import hashlib
import json
import os
import re
import time

from console import SECONDS_BETWEEN_SIGNS, Failure, say
from sets import FOLDER, read_lists, read_set, with_unit
from stackstate import StackState

MARKER = re.compile(r"\[stackstate-mirror (\S+) ([0-9a-f]{16})\]$")
MOST_SHOWN = 20


def wanted(set_name, each, lists, source, component):
    """The bodies of the streams that a component should have, by their names."""
    bodies = {}
    for stream in each["streams"]:
        name = with_unit(stream, each["namespace"], lists)
        conditions = {"Namespace": each["namespace"], each["dimension"]: component["value"]}
        body = {
            "_type": "MetricStream", "name": name, "dataSource": source, "dataType": "METRICS", "syncCreated": False,
            "query": {
                "_type": "MetricTelemetryQuery", "metricField": stream["metric"], "aggregation": stream["aggregation"],
                "conditions": [{"key": key, "value": value} for key, value in conditions.items()],
            },
        }
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        bodies[name] = {**body, "description": f"{each['title']}: {stream['metric']} [stackstate-mirror {set_name} {digest}]"}
    return bodies


def changes(set_name, bodies, existing):
    """What makes the streams of a component those that are wanted: method, id of the stream, body, name."""
    found = []
    known = set()
    for stream in existing:
        marker = MARKER.search(stream.get("description") or "")
        if not marker or marker[1] != set_name:
            continue
        name = stream["name"]
        body = bodies.get(name)
        if body is None or name in known:
            found.append(("DELETE", stream["id"], None, name))
        elif not body["description"].endswith(marker[0]):
            found.append(("PUT", stream["id"], body, name))
        known.add(name)
    found += [("POST", None, body, name) for name, body in bodies.items() if name not in known]
    return found


class Progress:
    """A line every ten seconds."""

    def __init__(self, doing, count):
        self.doing, self.count, self.done, self.last = doing, count, 0, time.monotonic()

    def step(self):
        self.done += 1
        if time.monotonic() - self.last > SECONDS_BETWEEN_SIGNS:
            self.last = time.monotonic()
            say(f"  ... {self.doing}, {self.done} of {self.count}")


def given(name, default=None):
    value = os.environ.get(name, "").strip() or default
    if not value:
        raise Failure(f"give {name}=…; docs/stackstate.md shows an example")
    return value


def read_given_set(lists):
    path = os.environ.get("FILE", "").strip() or f"{FOLDER}/{given('SET')}.yaml"
    if not os.path.isfile(path):
        ready = ", ".join(sorted(name.removesuffix(".yaml") for name in os.listdir(FOLDER) if name.endswith(".yaml")))
        raise Failure(f"there is no file {path}. Ready sets are {ready}.")
    name = os.path.basename(path).rpartition(".")[0] or os.path.basename(path)
    if not re.fullmatch(r"[\w.-]+", name):
        raise Failure(f"FILE: expected a name of letters, digits, dots and hyphens, found {name!r}")
    return name, read_set(path, lists)


def plan(stackstate, set_name, each, lists, source):
    """The changes of each component that the query selects."""
    components = stackstate.components(given("QUERY"), os.environ.get("VALUE", "").strip() or "it.name")
    if not components:
        raise Failure("QUERY: it selects no component")
    progress = Progress("reading components", len(components))
    planned = []
    same = 0
    for component in components:
        if not isinstance(component.get("value"), str) or not component["value"]:
            raise Failure(f"VALUE: component {component.get('name')!r} has no text there, found {component.get('value')!r}")
        is_wanted = not os.environ.get("REMOVE")
        bodies = wanted(set_name, each, lists, source, component) if is_wanted else {}
        made = changes(set_name, bodies, stackstate.streams(component["id"]))
        same += len(bodies) - sum(method != "DELETE" for method, *_ in made)
        planned += [(component, *change) for change in made]
        progress.step()
    return components, planned, same


def main():
    stackstate = StackState(given("STACKSTATE_URL"), os.environ.get("STACKSTATE_TOKEN", ""),
                            os.environ.get("STACKSTATE_AUTH", "").strip() or "api-token")
    lists = read_lists()
    set_name, each = read_given_set(lists)
    source = stackstate.data_source(given("DATA_SOURCE", "Mirror server"))
    components, planned, same = plan(stackstate, set_name, each, lists, source)
    words = {"POST": "make", "PUT": "change", "DELETE": "remove"}
    counts = {word: sum(change[1] == method for change in planned) for method, word in words.items()}
    say(f"The set {set_name} on {len(components)} components: {counts['make']} streams to make, {counts['change']} to change, "
        f"{counts['remove']} to remove, {same} are as they should be.")
    for component, method, _, _, name in planned[:MOST_SHOWN]:
        say(f"  {words[method]:7} {name}  on  {component['name']}")
    if len(planned) > MOST_SHOWN:
        say(f"  … and {len(planned) - MOST_SHOWN} more")
    if not planned:
        return
    if not os.environ.get("APPLY"):
        say("Nothing is done yet. APPLY=1 does it.")
        return
    progress = Progress("changing streams", len(planned))
    for component, method, stream, body, name in planned:
        path = f"/components/{component['id']}/streams" + (f"/{stream}" if stream else "")
        try:
            stackstate.call(method, path, body)
        except Failure as failure:
            reason = str(failure).partition("It did not work: ")[2]
            raise Failure(f"{progress.done} of {len(planned)} changes are made. Then, on {component['name']}: {reason}\n"
                          "The same command makes the rest.")
        progress.step()
    say(f"Done: {len(planned)} changes.")


if __name__ == "__main__":
    main()
