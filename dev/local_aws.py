"""A local AWS for trying the mirror: ministack on a free port of the loopback interface."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import boto3

REGION = "eu-west-1"

# Namespace, metric, dimension, minimum and maximum value of the metrics of a small shop.
SHOP = [
    ("AWS/EC2", "CPUUtilization", ("InstanceId", "i-0a1b2c3d4e5f60718"), 5, 80),
    ("AWS/EC2", "CPUUtilization", ("InstanceId", "i-0f9e8d7c6b5a41302"), 20, 40),
    ("AWS/Lambda", "Duration", ("FunctionName", "checkout"), 12, 250),
    ("AWS/Lambda", "Invocations", ("FunctionName", "checkout"), 0, 30),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName", "orders"), 0, 12),
    ("Shop", "Revenue", ("Currency", "EUR"), 0, 900),
]


class LocalAws:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "SAM_CLI_TELEMETRY": "0",
            "NO_PROXY": "127.0.0.1",
        }
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            "TMPDIR": folder,
        }
        self.log = open(os.path.join(folder, "ministack.log"), "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=5).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.1)
        self.cloudwatch = self.client("cloudwatch")

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def put(self, times):
        """Puts one sample of every metric at each of these times, in epoch seconds."""
        for namespace, name, (dimension, value), least, largest in SHOP:
            self.cloudwatch.put_metric_data(Namespace=namespace, MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": dimension, "Value": value}],
                    "Timestamp": at,
                    "Value": round(random.uniform(least, largest), 2),
                }
                for at in times
            ])

    def stop(self):
        """Stops ministack and the functions that it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
