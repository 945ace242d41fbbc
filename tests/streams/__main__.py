"""Runs `make streams` against a server that is made after StackState's API description: its paths, its schemas, and
state that stays.

`make check` runs it with sam's Python.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import stackstate as client  # noqa: E402
from stackstate_forms import official, own  # noqa: E402

LOST = "lost"
TOKEN = "a-token-that-no-text-has"
COMPONENTS = 300
SOURCE = 277422153298283
QUERY = 'type = "EC2 Instance" and label in ("it\'s")'
STREAMS = 6


class StackState:
    """The state of a StackState, and what it was asked."""

    def __init__(self):
        self.components = {1_000 + number: f"i-{number:017x}" for number in range(COMPONENTS)}
        self.streams = {component: {} for component in self.components}
        self.next_id = 1
        self.calls = []
        self.header = "X-API-Token"
        # What the next calls get instead of an answer: a status and a body, or LOST: the answer to a change that
        # was made never comes.
        self.faults = {}
        self.body, self.official_body = own("api"), official("MetricStream")
        self.official_answer = official("MetricTelemetryStreamDefinition")
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                answer = server.answer(self.command, self.path, self.headers, body)
                if answer == LOST:
                    self.close_connection = True
                    return
                status, told = answer
                data = b"" if told is None else json.dumps(told).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{server.url}/api/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, method, path, headers, body):
        path, _, query = path.partition("?")
        self.calls.append((method, path, body))
        faults = self.faults.get((method, re.sub(r"\d+", "N", path)), [])
        fault = faults.pop(0) if faults else None
        if fault == LOST:
            self.answer(method, path, headers, body)
        if fault:
            return fault
        if [value for name, value in headers.items() if name.lower().startswith("x-api-")] != [TOKEN] or self.header not in headers:
            return 401, {"message": "no such token"}
        if (method, path) == ("GET", "/api/node/DataSource"):
            node = {"typeName": "DataSource", "lastUpdateTimestamp": 1}
            return 200, [{**node, "id": 1, "name": "StackState Metrics"}, {**node, "id": SOURCE, "name": "Mirror server"}]
        if (method, path) == ("POST", "/api/script/execute"):
            assert set(body) == {"script", "timeoutMs"}, body
            found = re.fullmatch(r"Topology\.query\('((?:\\.|[^'\\])*)'\)\.components\(\)\.thenCollect "
                                 r"\{ \[id: it\.id, name: it\.name, value: it\.name\] \}", body["script"])
            assert found and re.sub(r"\\(.)", r"\1", found[1]) == QUERY, body
            listed = [{"id": each, "name": name, "value": name} for each, name in self.components.items()]
            return 200, {"result": {"_type": "List", "value": listed}}
        component, stream = map(lambda text: text and int(text), re.fullmatch(r"/api/components/(\d+)/streams(?:/(\d+))?", path).groups())
        streams = self.streams[component]
        if method == "GET":
            assert re.fullmatch(r"queryTime=\d{13}", query), query
            return 200, [self.definition(each, body) for each, body in streams.items()]
        if method == "DELETE":
            del streams[stream]
            return 204, None
        self.body.validate(body)
        if self.official_body:
            self.official_body.validate(body)
        if method == "POST":
            assert stream is None
            stream = self.next_id
            self.next_id += 1
        assert method == "POST" or stream in streams
        streams[stream] = body
        return (201 if method == "POST" else 200), self.definition(stream, body)

    def definition(self, stream, body):
        """What a stream is when it is read: another type than what is written."""
        found = {
            "_type": "MetricTelemetryStreamDefinition", "id": stream, "name": body["name"], "dataSourceId": body["dataSource"],
            "description": body.get("description", ""), "telemetryQuery": body["query"], "priority": "None", "labels": [],
            "bindQuery": "", "metricValuation": "higher-is-better", "topologyMapping": [],
        }
        if self.official_answer:
            self.official_answer.validate(found)
        return found

    def writes(self):
        """The changes since the last time, by method."""
        found = [method for method, path, _ in self.calls if "/components/" in path and method != "GET"]
        self.calls.clear()
        return {method: found.count(method) for method in set(found)}


def make(stackstate, status=0, token=TOKEN, **given):
    """The output of `make streams`, which ends with this exit status."""
    # As the document does: what stays the same is exported.
    exported = {"QUERY": QUERY, "STACKSTATE_URL": stackstate.url, "STACKSTATE_TOKEN": token}
    words = {"SET": "ec2", **given}
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    environment.update({name: words.pop(name, value) or "" for name, value in exported.items()})
    begun = time.monotonic()
    done = subprocess.run(
        ["make", "streams", *(f"{name}={value}" for name, value in words.items() if value is not None)],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    assert bool(done.returncode) == bool(status), done.stdout
    assert TOKEN not in done.stdout and "Traceback" not in done.stdout, done.stdout
    make.seconds = time.monotonic() - begun
    return done.stdout


def streams_are_made_changed_and_removed(stackstate):
    mine = {"_type": "MetricStream", "name": "CPU utilization (percent)", "dataSource": 1, "dataType": "METRICS",
            "query": {"_type": "MetricTelemetryQuery", "aggregation": "MEAN", "conditions": []}, "syncCreated": False}
    stackstate.streams[1_000][999_999] = mine
    output = make(stackstate)
    assert f"{COMPONENTS * STREAMS} streams to make, 0 to change, 0 to remove" in output and "APPLY=1 does it" in output, output
    assert f"  {stackstate.components[1_299]}  InstanceId={stackstate.components[1_299]}  make {STREAMS}\n" in output, output
    assert stackstate.writes() == {}
    output = make(stackstate, APPLY="1")
    assert stackstate.writes() == {"POST": COMPONENTS * STREAMS}, output
    print(f"  {COMPONENTS * STREAMS} streams in {make.seconds:.1f} s")
    body = next(iter(stackstate.streams[1_007].values()))
    assert body["query"]["conditions"] == [
        {"key": "Namespace", "value": "AWS/EC2"}, {"key": "InstanceId", "value": stackstate.components[1_007]}], body
    assert body["dataSource"] == SOURCE, body
    output = make(stackstate, APPLY="1")
    assert f"{COMPONENTS * STREAMS} are as they should be" in output and stackstate.writes() == {}, output
    for kind, stackstate.header in ("api-key", "X-API-Key"), ("service-bearer", "X-API-ServiceBearer"):
        assert "are as they should be" in make(stackstate, STACKSTATE_AUTH=kind)
    stackstate.header = "X-API-Token"
    # A set of one's own changes: one stream asks something else, one has another name, one is new, one is gone.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mine.yaml")

        def write(*streams):
            with open(path, "w") as file:
                file.write("title: Mine\nnamespace: AWS/EC2\ndimension: InstanceId\nvalue: x\nconditions: {Region: eu-west-1}\n"
                           "streams:\n" + "".join(f"  - {{metric: {metric}, name: {name}, aggregation: {method}}}\n"
                                                  for metric, name, method in streams))

        write(("CPUUtilization", "CPU", "MEAN"), ("NetworkIn", "In", "SUM"), ("NetworkOut", "Out", "SUM"))
        make(stackstate, FILE=path, SET=None, APPLY="1")
        assert stackstate.writes() == {"POST": 3 * COMPONENTS}
        ids = {each for streams in stackstate.streams.values() for each in streams}
        write(("CPUUtilization", "CPU", "MAX"), ("NetworkIn", "Bytes in", "SUM"), ("NetworkPacketsIn", "Packets", "SUM"))
        output = make(stackstate, FILE=path, SET=None)
        assert "make 1; change CPU (percent), Bytes in (bytes); remove Out (bytes)" in output and "takes its checks" in output, output
        output = make(stackstate, FILE=path, SET=None, APPLY="1")
        assert stackstate.writes() == {"POST": COMPONENTS, "PUT": 2 * COMPONENTS, "DELETE": COMPONENTS}, output
        # What somebody changed by hand stays: the set has not changed since.
        body = next(body for body in stackstate.streams[1_008].values() if body["name"] == "Packets (short)")
        body.update(name="My packets", priority="HIGH", query={**body["query"], "aggregation": "MAX"})
        assert make(stackstate, FILE=path, SET=None, APPLY="1") and stackstate.writes() == {}
        body = next(body for body in stackstate.streams[1_007].values() if body["name"] == "Bytes in (bytes)")
        assert {"key": "Region", "value": "eu-west-1"} in body["query"]["conditions"], body
        kept = {each for streams in stackstate.streams.values() for each in streams} & ids
        assert len(kept) == len(ids) - COMPONENTS, "a changed stream is the same one"
        assert make(stackstate, FILE=path, SET=None, APPLY="1") and stackstate.writes() == {}
        assert "Nothing is done yet" in make(stackstate, FILE=path, SET=None, APPLY="0", REMOVE="1")
        assert stackstate.writes() == {}
        make(stackstate, FILE=path, SET=None, APPLY="1", REMOVE="1", DATA_SOURCE="gone")
        assert stackstate.writes() == {"DELETE": 3 * COMPONENTS}
    assert stackstate.writes() == {} and all(len(streams) >= STREAMS for streams in stackstate.streams.values())
    make(stackstate, APPLY="1", REMOVE="1")
    assert [list(streams.values()) for streams in stackstate.streams.values() if streams] == [[mine]], "mine is not touched"


def a_failure_in_the_middle_is_completed(stackstate):
    error = {"_type": "ErrorsResponse", "errors": [{"_type": "InternalError", "message": "the database is away"}]}
    place = ("POST", "/api/components/N/streams")
    stackstate.faults[place] = [None] * 50 + [LOST]
    output = make(stackstate, 1, APPLY="1")
    assert "50 of 1800 changes are made." in output and "StackState does not answer" in output, output
    stackstate.faults[place] = [None] * 49 + [(500, error)]
    stackstate.writes()
    output = make(stackstate, 1, APPLY="1")
    assert "49 of 1749 changes are made. Then, on i-" in output and "status 500: the database is away" in output, output
    assert "The same command makes the rest." in output, output
    assert stackstate.writes() == {"POST": 50}
    make(stackstate, APPLY="1")
    assert stackstate.writes() == {"POST": 1_700}
    assert make(stackstate, APPLY="1") and stackstate.writes() == {}
    assert {len(streams) for streams in stackstate.streams.values()} == {STREAMS}, "none is there twice"


def a_stackstate_that_never_answers_is_given_up(_):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client.SECONDS_TO_ANSWER = 0.2
        try:
            client.StackState(f"http://127.0.0.1:{silent.getsockname()[1]}", TOKEN, "api-token").data_source("Mirror server")
        except client.CallFailed as failure:
            assert "GET /node/DataSource: StackState does not answer: timed out" in str(failure), failure
        else:
            raise AssertionError("it is not waited for forever")


def what_is_wrong_is_said(stackstate):
    script = ("POST", "/api/script/execute")
    for given, fault, told in [
        ({"token": "another"}, None, "StackState refuses the token (status 401). Check STACKSTATE_TOKEN"),
        ({}, (script, (403, {"message": "execute-scripts"})), "the token lacks a permission (status 403)"),
        ({}, (script, (400, {"message": f"bad header X-API-Token: {TOKEN}"})), "bad header X-API-Token: (the token)"),
        ({}, (script, (200, {"result": {"value": [{"id": TOKEN}]}})), "QUERY: expected a list"),
        ({}, (script, (200, [])), "QUERY: it selects no component"),
        ({}, (script, (200, None)), "QUERY: expected a list, found null"),
        ({}, (script, LOST), "StackState does not answer"),
        ({"token": ""}, None, "STACKSTATE_TOKEN: expected the token of an API user, without spaces, found nothing"),
        ({"STACKSTATE_AUTH": "api-key"}, None, "StackState refuses the token (status 401)"),
        ({"STACKSTATE_AUTH": "basic"}, None, "STACKSTATE_AUTH: expected api-token or api-key or service-bearer, found 'basic'"),
        ({"STACKSTATE_URL": "stackstate"}, None, "STACKSTATE_URL: expected an address such as https://"),
        ({"STACKSTATE_URL": "https://user:hush@stackstate"}, None, "STACKSTATE_URL: expected an address such as https://"),
        ({"STACKSTATE_URL": "http://stackstate:abc"}, None, "STACKSTATE_URL: expected an address such as https://"),
        ({"FILE": "tests/streams/ec2.yaml"}, None, "give SET=… or FILE=…, one of them."),
        ({"SET": None, "FILE": "tests/streams/ec2.yaml"}, None, "there is no file tests/streams/ec2.yaml"),
        ({"STACKSTATE_URL": "http://127.0.0.1:9"}, None, "StackState does not answer"),
        ({"STACKSTATE_URL": None}, None, "give STACKSTATE_URL="),
        ({"SET": "ec3"}, None, "Ready sets are application-load-balancer, ec2, lambda, rds, sqs."),
        ({"SET": None}, None, "give SET=… or FILE=…, one of them. Ready sets are"),
        ({"QUERY": None}, None, "give QUERY="),
        ({"DATA_SOURCE": "Mirror"}, None, "StackState has no data sources of the name 'Mirror'. It has Mirror server, StackState Metrics."),
        ({}, (script, (400, {"_type": "ExecuteScriptSyntaxErrors", "message": "unexpected token", "errors": []})),
         "status 400: unexpected token"),
        ({}, (script, (408, {"_type": "ExecuteScriptTimeoutError", "message": "too slow", "timeoutMs": 25_000})),
         "status 408: too slow"),
        ({}, (script, (200, {"result": {"_type": "Long", "value": 5}})), "QUERY: expected a list, found 5"),
        ({}, (script, (200, {"result": {"_type": "List", "value": []}})), "QUERY: it selects no component"),
        ({}, (script, (200, {"result": {"_type": "List", "value": [{"id": 1, "name": "x", "value": None}]}})),
         "VALUE: component 'x' has no text there, found None"),
        ({}, (script, (302, {})), "status 302, a redirect, which is not followed"),
    ]:
        if fault:
            stackstate.faults[fault[0]] = [fault[1]]
        output = make(stackstate, 1, **given)
        assert told in output and "hush" not in output, (told, output)
    assert not any(path.endswith("/elsewhere") for _, path, _ in stackstate.calls), "no redirect is followed"
    assert stackstate.writes() == {}
    # A file with the name of a ready set would change that set's streams. Its parts are checked.
    with tempfile.TemporaryDirectory() as folder:
        for name, text, told in [
            ("ec2.yaml", "", "FILE: ec2 is the name of a ready set"),
            ("mine.yaml", "title: x", "namespace, dimension, streams is missing; expected title, namespace, dimension, streams, and perhaps value, conditions"),
            ("mine.yaml", "title: x\nnamespace: [a]\ndimension: d\nvalue: v\nstreams: [{}]", "namespace cannot be ['a']"),
            ("mine.yaml", "title: x\nnamespace: n\ndimension: d\nvalue: v\nstreams: []", "streams cannot be []"),
            ("mine.yaml", "title: x\nnamespace: n\ndimension: d\nvalue: v\nstreams: [{metric: m, name: n, aggregation: AVG}]",
             "StackState has no aggregation AVG"),
            ("mine.yaml", "title: [", "mine.yaml: while parsing"),
        ]:
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.write(text)
            output = make(stackstate, 1, FILE=path, SET=None)
            assert told in output, (told, output)


def the_documented_calls_are_answered(stackstate):
    with open("docs/stackstate.md") as file:
        [commands] = re.findall(r"```sh\n(curl .*?)```", file.read(), re.S)
    body = {"_type": "MetricStream", "name": "CPU", "dataSource": SOURCE, "dataType": "METRICS", "syncCreated": False,
            "query": {"_type": "MetricTelemetryQuery", "aggregation": "MEAN", "conditions": []}}
    with tempfile.TemporaryDirectory() as folder:
        for name, text in ("token.txt", f"X-API-Token: {TOKEN}\n"), ("stream.json", json.dumps(body)):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        done = subprocess.run(["bash", "-euc", commands.replace("COMPONENT_ID", "1003")], cwd=folder, capture_output=True,
                              env={**os.environ, "STACKSTATE_URL": stackstate.url, "NO_PROXY": "127.0.0.1"}, text=True)
    assert "Mirror server" in done.stdout and list(stackstate.streams[1_003].values()) == [body], done


def the_published_examples_fit_the_schema(_):
    """The examples of StackState's documents, in other words."""
    own("template").validate({
        "_type": "MetricStream", "name": "Invocations", "dataSource": "{{}}", "dataType": "METRICS", "id": -13, "query": {
            "conditions": [{"key": "Namespace", "value": "AWS/Lambda"}, {"key": "Resource", "value": "{{ element.data.Name }}"}],
            "_type": "MetricTelemetryQuery", "metricField": "Invocations", "id": -27, "aggregation": "SUM"}})
    own("monitor").validate({"_version": "1.0.39", "timestamp": "2022-05-23T13:16:27.369269Z[GMT]", "nodes": [{
        "_type": "Monitor", "name": "CPU", "description": "CPU above a threshold", "function": "{{}}", "remediationHint": "Look.",
        "identifier": "urn:system:default:monitor:cpu", "status": "ENABLED", "tags": ["demo"], "intervalSeconds": 60, "arguments": [
            {"_type": "ArgumentDoubleVal", "parameter": "{{}}", "value": 90.0},
            {"_type": "ArgumentStringVal", "parameter": "{{}}", "value": "urn:host:/${tags.host}"},
            {"_type": "ArgumentScriptMetricQueryVal", "parameter": "{{}}", "script": "Telemetry.query('x', '')"}]}]})


def main():
    for test in (streams_are_made_changed_and_removed, a_failure_in_the_middle_is_completed, what_is_wrong_is_said,
                 a_stackstate_that_never_answers_is_given_up, the_documented_calls_are_answered,
                 the_published_examples_fit_the_schema):
        test(StackState())
        print(f"ok: {test.__name__.replace('_', ' ')}", flush=True)
    if official("MetricStream") is None:
        print("Left out: StackState's own API description is not beside the repository.")


if __name__ == "__main__":
    main()
