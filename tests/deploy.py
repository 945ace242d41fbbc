"""Deploys template.yaml with the real SAM CLI into a local AWS, calls the function through its
URL as StackState does, for random data and for CloudWatch metrics, and deletes the stack.

`make test-deploy` runs it. It needs `sam` and `cargo-lambda` on the PATH and ministack's Python.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from local_aws import REGION, LocalAws

STACK = "stackstate-mirror-test"
API_KEY = "a-key-for-this-test"
TOKEN = "a-token-for-this-test"
ROLE = "arn:aws:iam::000000000000:role/reader"
CALLS = [
    ("connection", {}, "TestConnectionResponse"),
    ("field/name", {"startTime": 0, "endTime": 1000}, "FieldNamesResponse"),
    (
        "field/value",
        {"startTime": 0, "endTime": 1000, "field": {"fieldName": "field1", "fieldType": "STRING"}},
        "FieldValuesResponse",
    ),
    ("metric", {"startTime": 0, "endTime": 1000}, "MetricsResponse"),
]
KEYS = {"accessKeyId": "test", "secretAccessKey": "test", "region": REGION}
CALLERS = [
    ("keys", KEYS),
    ("keys and a role", {**KEYS, "roleArn": ROLE, "externalId": "the-external-id"}),
    ("the function's own role", {"source": "cloudwatch"}),
]


def sam(aws, *words):
    print("$ sam", *words[:2], flush=True)
    done = subprocess.run(
        ["sam", *words], env=aws.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    if done.returncode:
        raise SystemExit(f"sam {words[0]} failed:\n{done.stdout}")
    return done.stdout


def post(url, body):
    """Status, key header and JSON body of the answer."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["X-Mirror-Api-Key"], json.load(answer)


def deploy(aws, folder):
    """The URL at which the local AWS serves the function."""
    built = os.path.join(folder, "build")
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    parameters = [
        "--parameter-overrides", f"ApiKey={API_KEY}", f"AccessToken={TOKEN}",
        f"AssumableRoles={ROLE}", f"Architecture={architecture}",
    ]
    sam(aws, "build", "--build-dir", built, *parameters)
    sam(
        aws, "deploy", "--template-file", os.path.join(built, "template.yaml"), "--stack-name",
        STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
        "--no-progressbar", *parameters,
    )
    outputs = sam(aws, "list", "stack-outputs", "--stack-name", STACK, "--output", "json")
    url = next(
        output["OutputValue"] for output in json.loads(outputs)
        if output["OutputKey"] == "MirrorUrl"
    )
    return f"{aws.url}/_aws/lambda-url/{url.removeprefix('https://').split('.')[0]}"


def check(aws, folder):
    passed = 0
    url = deploy(aws, folder)
    random_data = {"accessToken": TOKEN}
    for call, query, kind in CALLS:
        answer = post(f"{url}//api/{call}", {"connectionDetails": random_data, "query": query})
        assert (answer[0], answer[1], answer[2]["_type"]) == (200, API_KEY, kind), answer
        passed += 1
    status, key, body = post(f"{url}/api/metric", {"connectionDetails": random_data})
    assert (status, key, body["_type"]) == (500, API_KEY, "RemoteMirrorError"), body
    status, key, _ = post(f"{url}/api/connection", {"connectionDetails": {}})
    assert (status, key) == (401, None), (status, key)
    passed += 2

    hour = int(time.time()) // 3600 * 3600 - 7200
    aws.cloudwatch.put_metric_data(Namespace="Deployed", MetricData=[
        {"MetricName": "Load", "Timestamp": hour + 60 * minute, "Value": minute}
        for minute in range(10)
    ])
    query = {
        "conditions": [{"key": "Namespace", "value": {"value": "Deployed", "_type": "StringValue"}}],
        "metricField": "Load", "startTime": hour * 1000, "endTime": (hour + 600) * 1000,
        "aggregation": {"method": "MEAN", "bucketSizeMillis": 300_000},
    }
    points = [[value, (hour + start) * 1000, (hour + start + 300) * 1000]
              for value, start in [(2.0, 0), (7.0, 300)]]
    for caller, details in CALLERS:
        details = {**details, "accessToken": TOKEN}
        answer = post(f"{url}/api/connection", {"connectionDetails": details})
        assert answer[2]["status"] == "OK", (caller, answer)
        status, _, body = post(f"{url}/api/metric", {"connectionDetails": details, "query": query})
        assert status == 200 and body["telemetry"]["points"] == points, (caller, body)
        passed += 1

    sam(aws, "delete", "--stack-name", STACK, "--no-prompts")
    status, _, body = post(f"{url}/api/connection", {"connectionDetails": {}})
    assert status in (403, 404), (status, body)
    return passed + 1


def main():
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(folder)
        try:
            print(f"{check(aws, folder)} passed, 0 failed")
        except BaseException:
            aws.log.seek(0)
            print(aws.log.read()[-5000:], file=sys.stderr)
            raise
        finally:
            aws.stop()


if __name__ == "__main__":
    main()
