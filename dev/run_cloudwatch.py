"""Serves the mirror with a local CloudWatch that has the metrics of a small shop.

`make run-cloudwatch` runs it. It needs `cargo-lambda` on the PATH and ministack's Python.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time

from local_aws import REGION, LocalAws

EXAMPLE = """\
The local CloudWatch at {url} has an hour of metrics and gets new ones every minute. Try:

  curl http://127.0.0.1:{port}/api/metric -d '{body}'

The local CloudWatch does not check keys, permissions or regions. It has no expressions, and it
adds up all metrics of a name if the query names no dimension.

In StackState, use the Mirror URL of the README and these connection details: {details}
Ctrl-C stops both.
"""


def example(port, url):
    details = {"accessKeyId": "test", "secretAccessKey": "test", "region": REGION}
    now = int(time.time() * 1000)
    conditions = [("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718")]
    body = {
        "connectionDetails": details,
        "query": {
            "conditions": [
                {"key": key, "value": {"value": value, "_type": "StringValue"}, "_type": "EqualityCondition"}
                for key, value in conditions
            ],
            "metricField": "CPUUtilization",
            "startTime": now - 600_000,
            "endTime": now,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 60_000},
        },
    }
    return EXAMPLE.format(port=port, url=url, body=json.dumps(body), details=json.dumps(details))


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
            print(example(port, aws.url), flush=True)
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
