"""Asks a mirror the four calls as StackState does, and tells in words what is wrong.

`make smoke MIRROR_URL=…` runs it. It takes the key and the token from the variables MIRROR_API_KEY and
MIRROR_ACCESS_TOKEN, and uses the standard library only.
"""

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


class Unreachable(Wrong):
    """The mirror does not answer at all, so that no other check makes sense."""


class Refused(Wrong):
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
        except ValueError as error:
            raise Unreachable("the Mirror URL is not a URL: %s. Expected one like "
                              "https://example.lambda-url.eu-west-1.on.aws/" % error)
        with answer:
            return answer.status, answer.headers.get("X-Mirror-Api-Key"), answer.read().decode()

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
            raise Wrong("status %d: %s. Is the Mirror URL the address of the mirror, without a path?"
                        % (status, text[:200]))
        if key is None:
            raise Wrong("status %d without the header X-Mirror-Api-Key: %s" % (status, text[:200]))
        if key != self.key:
            raise Wrong("the mirror's Api Key is another one than MIRROR_API_KEY")
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


def raw_points(mirror):
    points(mirror, "RawMetricTelemetry", ["value", "timestamp"])


def buckets(mirror):
    points(mirror, "AggregatedMetricTelemetry", ["value", "startTimestamp", "endTimestamp"],
           aggregation={"method": "MEAN", "bucketSizeMillis": 60_000, "_type": "Aggregation"})


def stranger(mirror):
    status, key, text = mirror.post("/api/connection", {"connectionDetails": {}})
    expect((status, key) == (401, None), "a caller without the token gets status 401 and no key",
           [status, text])


CHECKS = [
    ("Test Connection", connection),
    ("field names", field_names),
    ("field values", field_values),
    ("raw points", raw_points),
    ("buckets", buckets),
]


def main():
    token = os.environ.get("MIRROR_ACCESS_TOKEN")
    mirror = Mirror(os.environ["MIRROR_URL"], os.environ["MIRROR_API_KEY"], token)
    checks = CHECKS + ([("a stranger is refused", stranger)] if token else [])
    wrong = 0
    print("Asking the mirror at %s" % mirror.url)
    for name, check in checks:
        begun = time.monotonic()
        try:
            check(mirror)
            result = "ok, %d ms" % ((time.monotonic() - begun) * 1000)
        except Unreachable as error:
            print("  %-22s WRONG: %s\nThe other checks are left out." % (name, error))
            return 1
        except Wrong as error:
            wrong += 1
            result = "WRONG: %s" % error
        print("  %-22s %s" % (name, result), flush=True)
    print("%d of %d checks failed." % (wrong, len(checks)) if wrong else
          "The mirror answers as StackState expects.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
