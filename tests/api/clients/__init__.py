"""Clients of the Mirror REST API in Python and TypeScript, generated from docs/openapi.yaml."""

import json
import os
import shutil
import subprocess

from console import Failure, say
from local_mirror import CLOUDWATCH

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
TOOLS = os.path.join(TOP, ".tools", "clients", "bin")
DESCRIPTION = os.path.join(TOP, "docs", "openapi.yaml")
ENVIRONMENT = {
    **os.environ, "PATH": TOOLS + os.pathsep + os.environ["PATH"],
    "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
}

# What each kind of mirror is asked.
ASKED = {
    "random data": {
        "details": {}, "wrong": {"source": "cloudwatch"}, "conditions": [], "metric": "field3",
        "field": "field1", "values": ["value1", "cpu.*"],
    },
    "CloudWatch": {
        "details": CLOUDWATCH, "wrong": {**CLOUDWATCH, "accessKeyId": "nobody"}, "metric": "CPUUtilization",
        "conditions": [("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718")],
        "field": "Namespace", "values": ["AWS/ApplicationELB", "AWS/EC2"],
    },
}


def run(doing, *command, folder):
    """Runs a command that says nothing if all is well. A warning is not well."""
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode or "warning" in done.stdout.lower():
        raise Failure(f"{doing}:\n{done.stdout}")


def make(folder):
    """Generates the clients into a folder. Returns the programs that use them."""
    say("Generating clients from docs/openapi.yaml.")
    for name in "package.json", "package-lock.json", "client.py", "client.ts":
        shutil.copy(os.path.join(HERE, name), folder)
    run("openapi-python-client makes no client", "openapi-python-client", "generate", "--meta", "none",
        "--path", DESCRIPTION, "--output-path", "mirror_client", folder=folder)
    ping = ["npm", "ping", "--fetch-retries=0", "--fetch-timeout=10000"]
    if subprocess.run(ping, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True).returncode:
        say("Left out: redocly and the TypeScript client come from npm's registry, which cannot be reached.")
        return [("python", "client.py")]
    run("npm cannot install the tools of TypeScript",
        "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", folder=folder)
    run("redocly does not accept the description", "node_modules/.bin/redocly", "lint", "--format=stylish", DESCRIPTION, folder=folder)
    run("openapi-typescript makes no types", "node_modules/.bin/openapi-typescript", DESCRIPTION, "-o", "api.d.ts", folder=folder)
    run("the types do not fit the client", "node_modules/.bin/tsc", "--strict", "--noUncheckedIndexedAccess", "--target", "es2022",
        "--module", "nodenext", "--lib", "es2022,dom,dom.iterable", "client.ts", folder=folder)
    return [("python", "client.py"), ("node", "client.js")]


def call(programs, folder, url, kind):
    """Makes the four calls of a mirror, with answers and errors, with each client."""
    for program in programs:
        run(f"the generated client {program[1]} does not get what the description says",
            *program, url, json.dumps(ASKED[kind]), folder=folder)
    say("The generated clients get what the description says.")
