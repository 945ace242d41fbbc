"""Compares running mirrors with docs/openapi.yaml: schemathesis sends what the description allows, and
what it forbids, and checks the answers. Clients that others' tools generate from it make the four calls.
With `make run-cloudwatch`, what it prints is tried, too.

`make check-api` runs it. TIMES_EACH is the number of random requests for each call.
"""

import json
import os
import shutil
import subprocess
import sys

import clients
import demonstration
from console import say
from local_mirror import CLOUDWATCH, mirror

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
# Schemathesis writes into the folder that it runs in.
FOLDER = os.path.join(TOP, "target", "api")

RUNS = [
    ("random data", "run", {}, []),
    # Whether a metric or a field exists is the account's matter, so a valid request can have an error.
    # The check `errors_are_typed` sees it.
    ("CloudWatch", "run-cloudwatch", CLOUDWATCH, ["--exclude-checks", "positive_data_acceptance"]),
]


def check(url, details, options, times):
    command = [
        os.path.join(TOP, ".tools", "bin", "schemathesis"),
        "--config-file", os.path.join(HERE, "schemathesis.toml"),
        "run", os.path.join(TOP, "docs", "openapi.yaml"), "--url", url,
        "--checks", "all", "--max-examples", times, *options,
    ]
    environment = {
        **os.environ, "PYTHONPATH": HERE, "SCHEMATHESIS_HOOKS": "hooks",
        "MIRROR_CONNECTION_DETAILS": json.dumps(details),
    }
    return subprocess.run(command, cwd=FOLDER, env=environment).returncode


def main(times):
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    failed = []
    programs = clients.make(FOLDER)
    for name, task, details, options in RUNS:
        say(f"\nThe mirror with {name}:")
        with mirror(task) as url:
            clients.call(programs, FOLDER, url, name)
            if task == "run-cloudwatch":
                demonstration.check(url)
            if check(url.rstrip("/"), details, options, times):
                failed.append(name)
    if failed:
        say("The mirror and docs/openapi.yaml differ with " + " and ".join(failed) + ".")
        return 1
    say("The mirror answers as docs/openapi.yaml says, with random data and with CloudWatch.")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ.get("TIMES_EACH") or "300"))
