"""Makes the streams of a set on components of StackState, changes those that differ, and removes those that the set no
longer has.

`make streams` runs it. It shows what it would do, and does it with APPLY=1. A marker at the end of a stream's
description tells which ones it made; it touches no others.
"""

import hashlib
import itertools
import json
import os
import re
import time

from console import SECONDS_BETWEEN_SIGNS, Failure, is_set, say
from sets import FOLDER, named, read_lists, read_set
from stackstate import CallFailed, StackState

MARKER = re.compile(r"\[stackstate-mirror (\S+) ([0-9a-f]{16})\]$")
WORDS = {"POST": "make", "PUT": "change", "DELETE": "remove"}


def bodies_of(set_name, chosen, source, value):
    """The bodies of the streams that a component with this value should have."""
    bodies = []
    for stream in chosen["streams"]:
        conditions = {"Namespace": chosen["namespace"], chosen["dimension"]: value, **chosen.get("conditions", {})}
        body = {
            "_type": "MetricStream", "name": stream["name"], "dataSource": source, "dataType": "METRICS", "syncCreated": False,
            "query": {
                "_type": "MetricTelemetryQuery", "metricField": stream["metric"], "aggregation": stream["aggregation"],
                "conditions": [{"key": key, "value": value} for key, value in conditions.items()],
            },
        }
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        description = f"{chosen['title']}: {stream['metric']} [stackstate-mirror {set_name} {digest}]"
        bodies.append({**body, "description": description})
    return bodies


def changes(set_name, bodies, existing):
    """What makes the streams of a component those of the bodies: method, id of the stream, body, name.

    A stream whose marker fits stays as it is, also if somebody changed it by hand. One that has another name or asks
    something else in the set is changed: its checks stay.
    """
    ours = []
    for stream in existing:
        marker = MARKER.search(stream.get("description") or "")
        if marker and marker[1] == set_name:
            ours.append((stream, marker[0]))
    # By what they have in common with a body: the digest, the name, or what they ask for.
    found, left = [], list(bodies)

    def asks(stream):
        query = stream.get("telemetryQuery") or {}
        return query.get("metricField"), query.get("aggregation")

    for is_same in (
        lambda stream, marker, body: body["description"].endswith(marker),
        lambda stream, marker, body: stream["name"] == body["name"],
        lambda stream, marker, body: asks(stream) == (body["query"]["metricField"], body["query"]["aggregation"]),
    ):
        for stream, marker in list(ours):
            body = next((body for body in left if is_same(stream, marker, body)), None)
            if body is None:
                continue
            ours.remove((stream, marker))
            left.remove(body)
            if not body["description"].endswith(marker):
                found.append(("PUT", stream["id"], body, body["name"]))
    found += [("DELETE", stream["id"], None, stream["name"]) for stream, _ in ours]
    found += [("POST", None, body, body["name"]) for body in left]
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
    """The name and the streams of SET or FILE. Streams belong to the set of the name that made them."""
    ready = sorted(name.removesuffix(".yaml") for name in os.listdir(FOLDER) if name.endswith(".yaml"))
    file, set_name = (os.environ.get(name, "").strip() for name in ("FILE", "SET"))
    if bool(file) == bool(set_name):
        raise Failure(f"give SET=… or FILE=…, one of them. Ready sets are {', '.join(ready)}.")
    path = file or f"{FOLDER}/{set_name}.yaml"
    if not os.path.isfile(path):
        raise Failure(f"{'FILE' if file else 'SET'}: there is no file {path}. Ready sets are {', '.join(ready)}.")
    name = os.path.basename(path).removesuffix(".yaml")
    if not re.fullmatch(r"[\w.-]+", name):
        raise Failure(f"FILE: expected a name of letters, digits, dots and hyphens, found {name!r}")
    if name in ready and not os.path.samefile(path, f"{FOLDER}/{name}.yaml"):
        raise Failure(f"FILE: {name} is the name of a ready set, so its streams would be changed. Give the file another name.")
    return name, named(read_set(path, lists), lists)


def plan(stackstate, set_name, chosen, source):
    """The changes of each component that the query selects, and how many streams stay."""
    components = stackstate.components(given("QUERY"), os.environ.get("VALUE", "").strip() or "it.name")
    if not components:
        raise Failure("QUERY: it selects no component")
    progress = Progress("reading components", len(components))
    planned, same = [], 0
    for component in components:
        value, bodies = component.get("value"), []
        if source is not None:
            if not isinstance(value, str) or not value:
                raise Failure(f"VALUE: component {component.get('name')!r} has no text there, found {value!r}")
            bodies = bodies_of(set_name, chosen, source, value)
        found = changes(set_name, bodies, stackstate.streams(component["id"]))
        same += len(bodies) - sum(method != "DELETE" for method, *_ in found)
        planned += [(component, *change) for change in found]
        progress.step()
    return len(components), planned, same


def show(set_name, chosen, count, planned, same):
    make, change, remove = (sum(each[1] == method for each in planned) for method in WORDS)
    say(f"The set {set_name} on {count} components: {make} streams to make, {change} to change, {remove} to remove, "
        f"{same} are as they should be.")
    if is_set("APPLY"):
        return
    for component, changed in itertools.groupby(planned, key=lambda change: change[0]):
        names = {method: [name for _, each, _, _, name in changes if each == method]
                 for changes in [list(changed)] for method in WORDS}
        told = [f"make {len(names['POST'])}"] if names["POST"] else []
        told += [f"{WORDS[method]} {', '.join(names[method])}" for method in ("PUT", "DELETE") if names[method]]
        say(f"  {component.get('name')}  {chosen['dimension']}={component.get('value')}  {'; '.join(told)}")
    if remove:
        say("A stream that is removed takes its checks with it.")


def apply(stackstate, planned):
    """Makes the changes, one after the other. What is made stays, and the next run sees it."""
    progress = Progress("changing streams", len(planned))
    rest = "The same command makes the rest."
    for component, method, stream, body, _ in planned:
        path = f"/components/{component['id']}/streams" + (f"/{stream}" if stream else "")
        try:
            stackstate.call(method, path, body)
        except CallFailed as failure:
            raise Failure(f"{progress.done} of {len(planned)} changes are made. Then, on {component.get('name')}: {failure}\n{rest}")
        except KeyboardInterrupt:
            raise Failure(f"interrupted: {progress.done} of {len(planned)} changes are made, or one more. {rest}")
        progress.step()
    say(f"Done: {len(planned)} changes.")


def main():
    stackstate = StackState(given("STACKSTATE_URL"), os.environ.get("STACKSTATE_TOKEN", ""),
                            os.environ.get("STACKSTATE_AUTH", "").strip() or "api-token")
    set_name, chosen = read_given_set(read_lists())
    try:
        # What is removed needs no source, which may be gone.
        source = None if is_set("REMOVE") else stackstate.data_source(given("DATA_SOURCE", "Mirror server"))
        count, planned, same = plan(stackstate, set_name, chosen, source)
    except CallFailed as failure:
        raise Failure(str(failure))
    except KeyboardInterrupt:
        raise Failure("interrupted. Nothing is done yet.")
    show(set_name, chosen, count, planned, same)
    if planned and is_set("APPLY"):
        apply(stackstate, planned)
    elif planned:
        say("Nothing is done yet. APPLY=1 does it.")


if __name__ == "__main__":
    main()
