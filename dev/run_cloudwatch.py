"""Serves the mirror with a local CloudWatch that has the metrics of a small shop.

`make run-cloudwatch` runs it. It needs `cargo-lambda` on the PATH and ministack's Python.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from local_aws import SHOP, LocalAws
from local_mirror import CLOUDWATCH

# The request of the curl command below. It asks for the last half hour.
REQUEST = "target/example-request.json"

EXAMPLE = """\
A local CloudWatch has an hour of metrics of a small shop, and gets new ones every minute:

{metrics}

See it in a browser: http://127.0.0.1:{port}/explore

There, or in StackState with a mirror source and a stream:

  Mirror URL               http://127.0.0.1:{port}, or a tunnel to it
  Api Key                  {key}
  Connection details JSON  {details}

  1. filter Namespace      AWS/EC2
  2. filter InstanceId     i-0a1b2c3d4e5f60718
  3. select                CPUUtilization

The same with curl, for the mean of every five minutes:

  curl http://127.0.0.1:{port}/api/metric -d @{request}

The local CloudWatch does not check keys, permissions or regions. It has no expressions, and it
adds up all metrics of a name if the query names no dimension. Ctrl-C stops both.
"""


def example(port):
    """What a person can look at. Writes the request for it."""
    now = int(time.time() * 1000)
    conditions = [("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718")]
    body = {
        "connectionDetails": CLOUDWATCH,
        "query": {
            "conditions": [
                {"key": key, "value": {"value": value, "_type": "StringValue"}, "_type": "EqualityCondition"}
                for key, value in conditions
            ],
            "metricField": "CPUUtilization",
            "startTime": now - 1_800_000,
            "endTime": now,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 300_000},
        },
    }
    os.makedirs(os.path.dirname(REQUEST), exist_ok=True)
    with open(REQUEST, "w") as file:
        json.dump(body, file, indent=2)
    rows = [f"  {namespace:12} {name:36} {dimension} = {value}"
            for namespace, name, (dimension, value), _, _ in SHOP]
    return EXAMPLE.format(
        port=port, key=os.environ.get("MIRROR_API_KEY", "api_key"), details=json.dumps(CLOUDWATCH),
        metrics="\n".join(rows), request=REQUEST,
    )


def main(port):
    # Every one of these signals also stops the processes that this script started.
    for reason in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(reason, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(folder)
        mirror = None
        try:
            now = time.time()
            aws.put([now - 60 * minute for minute in range(60)])
            print(example(port), flush=True)
            mirror = subprocess.Popen(
                ["cargo", "lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", port],
                env=aws.environment,
            )
            while True:
                try:
                    return mirror.wait(60)
                except subprocess.TimeoutExpired:
                    aws.put([time.time()])
        except KeyboardInterrupt:
            return 0
        finally:
            if mirror:
                mirror.send_signal(signal.SIGINT)
                mirror.wait()
            aws.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
