"""Mirrors on this machine, started with the commands of the README. Standard library only."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request

from console import Failure, say

# The first start of a mirror waits for its build.
SECONDS_TO_START = 600

# The connection details of the CloudWatch that `make run-cloudwatch` starts.
CLOUDWATCH = {"source": "cloudwatch", "accessKeyId": "test", "secretAccessKey": "test", "region": "eu-west-1"}


@contextlib.contextmanager
def mirror(task, **variables):
    """The URL of a mirror that `make TASK` serves, with these environment variables."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    say(f"$ make {task} PORT={port}")
    environment = {**os.environ, **variables, "AWS_EC2_METADATA_DISABLED": "true"}
    for name in "MAKEFLAGS", "MAKELEVEL", "MFLAGS":
        environment.pop(name, None)
    os.makedirs("target/mirrors", exist_ok=True)
    log = f"target/mirrors/{task}-{port}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            ["make", task, f"PORT={port}"], env=environment, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )
    try:
        wait_for(url, process, f"make {task} does not serve {url}. {log} tells why.")
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait()


def wait_for(url, process, failure):
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(url, timeout=SECONDS_TO_START).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure(failure)
            time.sleep(0.2)
