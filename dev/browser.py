"""A browser on this machine, and mirrors for it, started with the commands of the README."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from playwright.sync_api import sync_playwright

from console import Failure, say

BROWSERS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]

# The first start of a mirror waits for its build.
SECONDS_TO_START = 600


def find():
    """The path of the browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def browser():
    path = find()
    if path is None:
        raise Failure("there is no Chromium on the PATH. On Debian and Ubuntu: apt-get install chromium")
    # Chromium's own sandbox does not work for root, and this browser sees no page but the mirror's.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        say(f"Chromium {started.version}")
        try:
            yield started
        finally:
            started.close()


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
    process = subprocess.Popen(
        ["make", task, f"PORT={port}"], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        wait_for(url, process, task)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait()


def wait_for(url, process, task):
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(url, timeout=SECONDS_TO_START).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"make {task} does not serve {url}. Run it to see why.")
            time.sleep(0.2)
