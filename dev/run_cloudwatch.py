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

import shop
from local_aws import REGION, LocalAws

# The request of the curl command below. It asks for the last half hour.
REQUEST = os.path.abspath("target/example-request.json")

EXAMPLE = """\
A local CloudWatch has an hour of metrics of a small shop, and gets new ones every minute:

{metrics}

See it in a browser: http://127.0.0.1:{port}/explore#connection=other

There, or in StackState with a mirror source and a stream:

  Mirror URL               http://127.0.0.1:{port}, or a tunnel to it
  Api Key                  {key}
  Connection details JSON  {details}
    or, with a role        {with_role}

  1. filter Namespace      AWS/EC2
  2. filter InstanceId     i-0a1b2c3d4e5f60718
  3. select                CPUUtilization

Or, of several at once, with the aggregation Sum:

  AWS/ApplicationELB       LoadBalancer app/prod-*     RequestCount
  AWS/Lambda               FunctionName *              Errors

Or TargetResponseTime of one LoadBalancer, with Percentile 99. Or a daily metric, which needs one more filter:

  AWS/S3                   BucketName shop-pictures     StorageType StandardStorage     HoldSeconds 259200
                           BucketSizeBytes, with Mean

The first one with curl, for the mean of every five minutes:

  curl -w '\\n' http://127.0.0.1:{port}/api/metric -d @{request}

This CloudWatch checks keys, permissions and the names of regions. It has no expressions, so no SQL, no SEARCH, no
tags and no math in graphs, and no linked accounts. It adds up all metrics of a name if the query names no
dimension. Ctrl-C stops both.
"""

READ = {"Effect": "Allow", "Action": ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"], "Resource": "*"}


def credentials(aws):
    """Connection details with the key of a user, and with a role that the user may assume."""
    iam = aws.client("iam")

    def policy(*statements):
        return json.dumps({"Version": "2012-10-17", "Statement": statements})

    user = iam.create_user(UserName="stackstate")["User"]
    role = iam.create_role(RoleName="stackstate-reader", AssumeRolePolicyDocument=policy(
        {"Effect": "Allow", "Principal": {"AWS": user["Arn"]}, "Action": "sts:AssumeRole"}))["Role"]
    iam.put_role_policy(RoleName="stackstate-reader", PolicyName="read", PolicyDocument=policy(READ))
    iam.put_user_policy(UserName="stackstate", PolicyName="read", PolicyDocument=policy(
        READ, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role["Arn"]}))
    key = iam.create_access_key(UserName="stackstate")["AccessKey"]
    details = {"source": "cloudwatch", "region": REGION,
               "accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"]}
    return details, {**details, "roleArn": role["Arn"]}


def example(port, details, with_role):
    """What a person can look at. Writes the request for it."""
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
            "startTime": now - 1_800_000,
            "endTime": now,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 300_000},
        },
    }
    os.makedirs(os.path.dirname(REQUEST), exist_ok=True)
    with open(REQUEST, "w") as file:
        json.dump(body, file, indent=2)
    return EXAMPLE.format(
        port=port, key=os.environ.get("MIRROR_API_KEY", "api_key"), details=json.dumps(details),
        with_role=json.dumps(with_role), metrics=shop.table(), request=REQUEST,
    )


def main(port):
    # Every one of these signals also stops the processes that this script started.
    for reason in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(reason, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        aws = mirror = None
        try:
            aws = LocalAws(folder, checks_keys=True)
            cloudwatch = aws.client("cloudwatch")
            shop.fill(cloudwatch, time.time())
            print(example(port, *credentials(aws)), flush=True)
            mirror = subprocess.Popen(
                ["cargo", "lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", port],
                env=aws.environment,
            )
            while True:
                try:
                    return mirror.wait(60)
                except subprocess.TimeoutExpired:
                    shop.add(cloudwatch, time.time())
        except KeyboardInterrupt:
            return 0
        finally:
            if mirror:
                mirror.send_signal(signal.SIGINT)
                mirror.wait()
            if aws:
                aws.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
