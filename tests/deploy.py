"""Deploys template.yaml with the real SAM CLI into a local AWS, calls the function through its
URL as StackState would, and deletes the stack again. `make test-deploy` runs it; it needs `sam`
and `cargo-lambda` on the PATH, and ministack's own Python to run under.
"""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

STACK = "stackstate-mirror-test"
API_KEY = "a-key-for-this-test"
CALLS = [
    ("connection", {}, "TestConnectionResponse"),
    ("field/name", {"startTime": 0, "endTime": 1000}, "FieldNamesResponse"),
    (
        "field/value",
        {"startTime": 0, "endTime": 1000, "field": {"fieldName": "field1", "fieldType": "STRING"}},
        "FieldValuesResponse",
    ),
    ("metric", {"startTime": 0, "endTime": 1000}, "MetricsResponse"),
]


class LocalAws:
    """ministack, on a free port of the loopback interface."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "SAM_CLI_TELEMETRY": "0",
            "NO_PROXY": "127.0.0.1",
        }
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": "eu-west-1",
            "TMPDIR": folder,
        }
        self.log = open(os.path.join(folder, "ministack.log"), "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env={**self.environment, **settings},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.1)

    def sam(self, *words):
        print("$ sam", *words[:2], flush=True)
        done = subprocess.run(
            ["sam", *words], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if done.returncode:
            raise SystemExit(f"sam {words[0]} failed:\n{done.stdout}")
        return done.stdout

    def stop(self):
        """Ends it and the functions that it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def post(url, body):
    """Status, key header and JSON body of the answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["X-Mirror-Api-Key"], json.load(answer)


def check(aws, folder):
    passed = 0
    built = os.path.join(folder, "build")
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    parameters = ["--parameter-overrides", f"ApiKey={API_KEY}", f"Architecture={architecture}"]
    aws.sam("build", "--build-dir", built, *parameters)
    aws.sam(
        "deploy", "--template-file", os.path.join(built, "template.yaml"), "--stack-name", STACK,
        "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
        "--no-progressbar", *parameters,
    )
    outputs = json.loads(aws.sam("list", "stack-outputs", "--stack-name", STACK, "--output", "json"))
    mirror_url = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "MirrorUrl")
    function_id = mirror_url.removeprefix("https://").split(".")[0]
    local_url = f"{aws.url}/_aws/lambda-url/{function_id}"
    for call, query, kind in CALLS:
        answer = post(f"{local_url}//api/{call}", {"connectionDetails": {}, "query": query})
        assert (answer[0], answer[1], answer[2]["_type"]) == (200, API_KEY, kind), answer
        passed += 1
    status, key, body = post(f"{local_url}/api/metric", {"connectionDetails": {}})
    assert (status, key, body["_type"]) == (500, API_KEY, "RemoteMirrorError"), body
    passed += 1
    aws.sam("delete", "--stack-name", STACK, "--no-prompts")
    status, _, body = post(f"{local_url}/api/connection", {"connectionDetails": {}})
    assert status in (403, 404), (status, body)
    return passed + 1


def main():
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(folder)
        try:
            print(f"{check(aws, folder)} passed, 0 failed")
        except BaseException:
            aws.log.seek(0)
            print(aws.log.read()[-5000:], file=sys.stderr)
            raise
        finally:
            aws.stop()


if __name__ == "__main__":
    main()
