"""What people try with `make run-cloudwatch`: what it prints, and what its local CloudWatch does not have."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
CPU = [("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718")]
WEB = [("Namespace", "AWS/ApplicationELB"), ("LoadBalancer", "app/prod-web/8a9b0c1d2e3f4051")]

# Conditions, metric field, aggregation, range and bucket, in milliseconds.
SHOWN = [
    (CPU, "CPUUtilization", "MEAN", HOUR, MINUTE),
    ([("Namespace", "AWS/ApplicationELB"), ("LoadBalancer", "app/prod-*")], "RequestCount", "SUM", HOUR, 5 * MINUTE),
    ([("Namespace", "AWS/Lambda"), ("FunctionName", "*")], "Errors", "SUM", HOUR, 5 * MINUTE),
    (WEB, "TargetResponseTime", "PERCENTILE_99", HOUR, 5 * MINUTE),
    ([("Namespace", "AWS/S3"), ("BucketName", "shop-pictures"), ("StorageType", "StandardStorage"), ("HoldSeconds", "259200")],
     "BucketSizeBytes", "MEAN", HOUR, 5 * MINUTE),
]

# What is changed in the connection details, the conditions, and the error.
TOLD = [
    ({}, [("~", "SUM(SEARCH('{AWS/Lambda,FunctionName} Errors', 'Sum'))")], "this local CloudWatch has no expressions"),
    ({"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, CPU, "does not know the access key"),
    ({"secretAccessKey": "another"}, CPU, "the secretAccessKey does not belong to the accessKeyId"),
    ({"region": "eu-west-9"}, CPU, "this local AWS has no region eu-west-9"),
    ({"roleArn": "arn:aws:iam::000000000000:role/another"}, CPU, "may not assume the role"),
    ({}, CPU[:1] + [("InstanceId", "i-1")], "lists no such metric"),
]

# In seconds, on a busy machine. An error that is tried again takes longer.
AT_ONCE = 5


def ask(url, details, conditions, metric, method, span, bucket):
    now = int(time.time() * 1_000)
    query = {
        "conditions": [{"key": key, "value": {"value": value, "_type": "StringValue"}} for key, value in conditions],
        "metricField": metric, "startTime": now - span, "endTime": now,
        "aggregation": {"method": method, "bucketSizeMillis": bucket},
    }
    body = json.dumps({"connectionDetails": details, "query": query}).encode()
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url + "api/metric", body), timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return json.load(answer)


def check(url):
    """Does what `make run-cloudwatch` printed, with the mirror that it serves."""
    with open(f"target/mirrors/run-cloudwatch-{url.rpartition(':')[2].strip('/')}.log") as log:
        printed = log.read()
    for details in map(json.loads, re.findall(r'\{"source": .*\}', printed)):
        for row in SHOWN:
            answer = ask(url, details, *row)
            assert len(answer.get("telemetry", {}).get("points", [])) > 5, (row, answer)
    for changed, conditions, text in TOLD:
        begun = time.monotonic()
        metric = None if conditions[0][0] == "~" else "CPUUtilization"
        answer = ask(url, {**details, **changed}, conditions, metric, "MEAN", HOUR, MINUTE)
        assert text in answer.get("details", ""), (text, answer)
        assert time.monotonic() - begun < AT_ONCE, text
    command = re.search(r"^  curl .*", printed, re.M)[0]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert len(json.loads(done.stdout)["telemetry"]["points"]) > 3, (command, done)
