"""Asks a mirror the four calls as StackState does, and tells in words what is wrong.

`make smoke MIRROR_URL=…` runs it. It takes the key and the token from the variables MIRROR_API_KEY and
MIRROR_ACCESS_TOKEN, and uses the standard library only. deploy/smoke.py takes them from a deployment.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request

# StackState's interface waits this long, in seconds.
PATIENCE = 15

HOUR = 3_600_000
ALL = 2_147_483_647


class Wrong(Exception):
    """What is wrong, in words."""


class NoMirror(Wrong):
    """What answers there is not this caller's mirror, so that no other check makes sense."""


class Unreachable(NoMirror):
    """Nothing answers there."""


class Refused(NoMirror):
    """The mirror answers as it does to a stranger."""


class Mirror:
    def __init__(self, url, key, token):
        self.url, self.key = url.rstrip("/"), key
        self.details = {"accessToken": token} if token else {}

    def post(self, path, body):
        """Status, key header and text of the answer."""
        try:
            request = urllib.request.Request(
                self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"},
            )
            answer = urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        except ssl.SSLError as error:
            raise Unreachable("the TLS connection fails: %s" % error)
        except (socket.timeout, TimeoutError):
            raise Unreachable("no answer within %d seconds" % PATIENCE)
        except (urllib.error.URLError, OSError) as error:
            raise Unreachable("the mirror cannot be reached: %s. Is the Mirror URL right, and is the mirror "
                              "running?" % getattr(error, "reason", error))
        except (ValueError, http.client.InvalidURL):
            raise NoMirror("expected a Mirror URL such as https://example.lambda-url.eu-west-1.on.aws/, found %s"
                              % self.url)
        except http.client.HTTPException as error:
            raise NoMirror("what answers is no web server: %s" % type(error).__name__)
        with answer:
            return answer.status, answer.headers.get("X-Mirror-Api-Key"), answer.read().decode(errors="replace")

    def call(self, path, kind, query=None):
        """The answer to a call, which must be of this type."""
        body = {"_type": kind + "Request", "connectionDetails": self.details}
        if query:
            body["query"] = query
        status, key, text = self.post(path, body)
        if status == 401:
            raise Refused("the mirror does not know the access token. Set MIRROR_ACCESS_TOKEN to the one "
                          "of the deployment")
        if status in (403, 404, 405):
            raise NoMirror("status %d. Is the Mirror URL the address of the mirror, without a path?" % status)
        if key is None:
            raise NoMirror("status %d without the header X-Mirror-Api-Key. Is a mirror at that address?" % status)
        if key != self.key:
            raise NoMirror("the mirror's Api Key is another one than MIRROR_API_KEY")
        try:
            answer = json.loads(text)
        except ValueError:
            raise Wrong("the answer is not JSON: %s" % text[:200])
        if status != 200:
            raise Wrong("status %d, %s: %s" % (
                status, answer.get("_type"), answer.get("details") or answer.get("mirrorType")))
        response = {"TestConnection": "TestConnectionResponse"}.get(kind, kind + "Response")
        expect(answer.get("_type") == response, "_type is %s" % response, answer)
        return answer


def expect(holds, what, answer):
    if not holds:
        raise Wrong("expected that %s, found %s" % (what, json.dumps(answer)[:200]))


def query(**members):
    now = int(time.time() * 1000)
    return {"conditions": [], "startTime": now - HOUR, "endTime": now, "limit": ALL,
            "latestFirst": True, **members}


def connection(mirror):
    answer = mirror.call("/api/connection", "TestConnection")
    if answer.get("status") != "OK":
        raise Wrong("the connection test fails: %s" % answer.get("error", {}).get("details"))


def field_names(mirror):
    answer = mirror.call("/api/field/name", "FieldNames", query(_type="FieldNamesQuery"))
    expect(isinstance(answer.get("fields"), list) and answer["fields"], "there are fields", answer)
    for field in answer["fields"]:
        expect(isinstance(field.get("fieldName"), str), "fieldName is a text", field)
        expect(field.get("fieldType") in ("STRING", "NUMBER", "BOOLEAN"),
               "fieldType is STRING, NUMBER or BOOLEAN", field)
    expect(isinstance(answer.get("isPartial"), bool), "isPartial is true or false", answer)


def field_values(mirror):
    names = mirror.call("/api/field/name", "FieldNames", query(_type="FieldNamesQuery"))["fields"]
    field = next((field for field in names if field["fieldType"] == "STRING"), None)
    expect(field, "there is a field of type STRING", names)
    answer = mirror.call("/api/field/value", "FieldValues", query(_type="FieldValuesQuery", field=field))
    expect(isinstance(answer.get("values"), list), "there are values", answer)
    for value in answer["values"]:
        expect(value.get("_type") in ("CompleteValue", "FieldValuePattern"),
               "_type is CompleteValue or FieldValuePattern", value)


def points(mirror, kind, members, **aggregation):
    asked = query(_type="MetricsQuery", **aggregation)
    answer = mirror.call("/api/metric", "Metrics", asked)
    telemetry = answer.get("telemetry", {})
    expect(telemetry.get("_type") == kind, "the telemetry's _type is %s" % kind, answer)
    expect(telemetry.get("dataFormat") == members, "dataFormat is %s" % members, answer)
    found = telemetry.get("points")
    expect(isinstance(found, list) and found, "there are points", answer)
    times = [point[1] for point in found]
    expect(all(len(point) == len(members) for point in found), "a point has %d members" % len(members),
           found)
    expect(times == sorted(times), "points ascend in time", found)


def namespaces(mirror):
    """The first list of the stream dialog, with CloudWatch."""
    field = {"fieldName": "Namespace", "fieldType": "STRING"}
    answer = mirror.call("/api/field/value", "FieldValues", query(_type="FieldValuesQuery", field=field))
    expect(isinstance(answer.get("values"), list), "there are values", answer)


def raw_points(mirror):
    points(mirror, "RawMetricTelemetry", ["value", "timestamp"])


def buckets(mirror):
    points(mirror, "AggregatedMetricTelemetry", ["value", "startTimestamp", "endTimestamp"],
           aggregation={"method": "MEAN", "bucketSizeMillis": 60_000, "_type": "Aggregation"})


def stranger(mirror):
    status, key, text = mirror.post("/api/connection", {"connectionDetails": {}})
    expect((status, key) == (401, None), "a caller without the token gets status 401 and no key",
           [status, text])


RANDOM = [
    ("Test Connection", connection),
    ("field names", field_names),
    ("field values", field_values),
    ("raw points", raw_points),
    ("buckets", buckets),
]


CLOUDWATCH = [
    ("CloudWatch, connection", connection),
    ("CloudWatch, namespaces", namespaces),
]


def smoke(url, key, token, region=None):
    """Asks everything, and prints a line for each. The exit status is 1 if something is wrong.

    With a region, CloudWatch is asked there with the function's own role.
    """
    mirror, own_role = Mirror(url, key, token), Mirror(url, key, token)
    own_role.details = {**own_role.details, "source": "cloudwatch", "region": region}
    checks = [(name, check, mirror) for name, check in RANDOM]
    checks += [("a stranger is refused", stranger, mirror)] if token else []
    checks += [(name, check, own_role) for name, check in CLOUDWATCH] if region else []
    wrong = 0
    print("Asking the mirror at %s" % mirror.url)
    for name, check, asked in checks:
        begun = time.monotonic()
        try:
            check(asked)
            result = "ok, %d ms" % ((time.monotonic() - begun) * 1000)
        except NoMirror as error:
            print("  %-24s WRONG: %s\nThe other checks are left out." % (name, error))
            return 1
        except Wrong as error:
            wrong += 1
            result = "WRONG: %s" % error
        print("  %-24s %s" % (name, result), flush=True)
    print("%d of %d checks failed." % (wrong, len(checks)) if wrong else
          "The mirror answers as StackState expects%s." % ("" if region else ", with random data"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(smoke(os.environ["MIRROR_URL"], os.environ["MIRROR_API_KEY"], os.environ.get("MIRROR_ACCESS_TOKEN")))
