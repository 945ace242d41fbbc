"""What schemathesis needs to know of the Mirror REST API beside its description.

MIRROR_CONNECTION_DETAILS are the connection details of every valid request, as JSON.
"""

import json
import os

import schemathesis

DETAILS = json.loads(os.environ["MIRROR_CONNECTION_DETAILS"])

# A stream that the CloudWatch of `make run-cloudwatch` has.
METRIC = "CPUUtilization"
CONDITIONS = [
    {"key": key, "value": {"value": value, "_type": "StringValue"}, "_type": "EqualityCondition"}
    for key, value in [("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718")]
]

# A larger answer takes schemathesis seconds to validate.
MOST_RESULTS = 200

ERRORS = {
    "MetricStoreConnectionError": {"details"},
    "MetricNotFoundError": {"metric", "details"},
    "UnsupportedFieldTypeError": {"mirrorType"},
    "RemoteMirrorError": {"summary", "details"},
}


def relaxed(part):
    """A part of the description, in which members that this mirror ignores can be anything."""
    if isinstance(part, dict):
        if part.get("x-ignored"):
            return {}
        return {name: relaxed(value) for name, value in part.items()}
    if isinstance(part, list):
        return [relaxed(item) for item in part]
    return part


@schemathesis.hook
def before_load_schema(context, raw_schema):
    raw_schema["components"] = relaxed(raw_schema["components"])


@schemathesis.hook
def filter_case(context, case):
    """Leaves out bodies that are not UTF-8: `cargo lambda watch` refuses them itself. Lambda hands them
    on in base64, which `tests/mirror/requests.rs` covers."""
    if isinstance(case.body, bytes):
        try:
            case.body.decode()
        except UnicodeDecodeError:
            return False
    return True


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives valid requests the connection details of the run, and what JSON Schema cannot say: an end
    that is not before the start, and a field whose values can be listed, so no number. Half of the
    requests to CloudWatch ask for a metric that exists."""
    body = case.body
    is_valid = case.meta is None or case.meta.generation.mode.is_positive
    if not is_valid or not isinstance(body, dict) or not isinstance(body.get("connectionDetails"), dict):
        return
    body["connectionDetails"] = DETAILS
    query = body.get("query")
    if isinstance(query, dict):
        start, end = query["startTime"], query["endTime"]
        query["startTime"], query["endTime"] = min(start, end), max(start, end)
        limit = query.get("limit")
        query["limit"] = MOST_RESULTS if limit is None else min(limit, MOST_RESULTS)
        if DETAILS.get("source") == "cloudwatch" and len(json.dumps(body)) % 2:
            query["conditions"] = CONDITIONS
            if "metricField" in query:
                query["metricField"] = METRIC
        if query.get("field", {}).get("fieldType") in ("NUMBER", "DOUBLE"):
            query["field"]["fieldType"] = "STRING"


@schemathesis.check
def errors_are_typed(context, response, case):
    """Every status 500 has the body of one of the API's four errors, and none is a crash."""
    if response.status_code != 500:
        return
    body = response.json()
    kind = body.pop("_type", None)
    assert set(body) == ERRORS.get(kind), f"not an error of the API: {kind} {body}"
    assert all(body.values()), f"an empty text: {body}"
    assert body.get("summary") != "The mirror failed", "the mirror crashed"
    assert len(response.content) < 3_000, "an error is short"
