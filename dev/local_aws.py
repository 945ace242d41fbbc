"""A local AWS for trying the mirror: ministack on a port of the loopback interface.

As a program, it is that process: ministack, with a CloudWatch that says what it does not have.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import boto3

from console import Failure

REGION = "eu-west-1"
# Clients of AWS would ask a proxy for a local address, too.
NO_PROXY = "127.0.0.1"
os.environ["NO_PROXY"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), NO_PROXY]))


class LocalAws:
    """A process that ends with `stop()`. Port 0 is any free one. `checks_keys` makes it refuse unknown access keys,
    wrong signatures and what their policies do not allow. It knows the root key `test`, with any secret."""

    def __init__(self, folder, port=0, checks_keys=False):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
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
            "NO_PROXY": NO_PROXY,
        }
        settings = {
            "AUTH": str(checks_keys).lower(),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            "TMPDIR": folder,
        }
        self.log = open(os.path.join(folder, "ministack.log"), "w+")
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.seek(0)
                    raise Failure("the local AWS does not start. Its log ends with:\n" + self.log.read()[-2_000:])
                time.sleep(0.1)

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def stop(self):
        """Stops ministack and the functions that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def serve():
    """Runs ministack. It answers for any region, and to an expression with an internal error, which is tried again."""
    from ministack import app
    from ministack.services import cloudwatch

    regions = set(boto3.Session().get_available_regions("cloudwatch"))

    def telling(call):
        def answer(params, data, is_cbor, is_json=False):
            region = cloudwatch.get_region()
            if region not in regions:
                missing = f"this local AWS has no region {region}"
            elif any(query.get("Expression") for query in data.get("MetricDataQueries", [])):
                missing = "this local CloudWatch has no expressions. Try them with the CloudWatch of an AWS account"
            else:
                return call(params, data, is_cbor, is_json)
            return cloudwatch._error("ValidationError", missing, 400, use_json=is_json, use_cbor=is_cbor)

        return answer

    for name in "_get_metric_data", "_list_metrics":
        setattr(cloudwatch, name, telling(getattr(cloudwatch, name)))
    app.main()


if __name__ == "__main__":
    serve()
