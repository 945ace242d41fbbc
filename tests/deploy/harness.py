"""Runs the documented make commands against a local AWS, and calls what they deploy."""

import contextlib
import io
import json
import os
import platform
import pty
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import urllib.error
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3

from local_aws import REGION

HOST_ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
OTHER_ARCHITECTURE = "x86_64" if HOST_ARCHITECTURE == "arm64" else "arm64"
MACHINES = {183: "arm64", 62: "x86_64"}


class LocalAws:
    """The local AWS of `make local-aws`, and the environment of a terminal that does what it says."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        print(f"$ make local-aws PORT={self.port}", flush=True)
        # Make and the tools get nothing of the make that runs this test.
        names = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "STACK", "MIRROR_API_KEY", "PORT")
        environment = {name: value for name, value in os.environ.items() if name not in names}
        self.process = subprocess.Popen(
            ["make", "local-aws", f"PORT={self.port}"], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        told = []
        while not told or "Ctrl-C" not in told[-1]:
            told.append(self.process.stdout.readline())
            assert told[-1], "".join(told)
        commands = [line for line in told if line.split()[:1] in (["export"], ["unset"])]
        assert len(commands) == 3, told
        entered = subprocess.run(
            ["bash", "-euc", "".join(commands) + "env -0"], env=environment, capture_output=True, text=True, check=True)
        self.environment = dict(line.split("=", 1) for line in entered.stdout.split("\0") if line)
        # A local stack is complete at once, and SAM would look for it every five seconds.
        self.environment["SAM_CLI_POLL_DELAY"] = "0.2"
        self.url = self.environment["AWS_ENDPOINT_URL"]

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test")

    def log(self):
        with open(f"target/local-aws/{self.port}/ministack.log") as file:
            return file.read()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait()


class Shell:
    """A terminal of somebody who deploys into the local AWS."""

    def __init__(self, aws):
        self.aws = aws
        self.environment = aws.environment

    def make(self, *words, status=0, **variables):
        """The output of a make command, which ends with this exit status."""
        print("$ make", *words, flush=True)
        done = subprocess.run(
            ["make", *words], env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        assert bool(done.returncode) == bool(status), f"exit status {done.returncode}:\n{done.stdout}"
        return done.stdout

    def make_in_a_terminal(self, *words, **answers):
        """The output of a make command that asks these questions in a terminal."""
        print("$ make", *words, flush=True)
        process, terminal = pty.fork()
        if process == 0:
            os.execvpe("make", ["make", *words], self.environment)
        output = b""
        with contextlib.suppress(OSError):
            # The terminal of a process that has ended cannot be read.
            while read := os.read(terminal, 4096):
                output += read
                for name in [name for name in answers if output.endswith(f"{name}: ".encode())]:
                    os.write(terminal, f"{answers.pop(name)}\n".encode())
        assert os.waitpid(process, 0)[1] == 0 and not answers, (answers, output.decode())
        return output.decode()

    def entries(self, *words):
        """What `make status` says to enter in StackState: key, URL and connection details."""
        output = self.make("status", "SHOW_SECRETS=1", *words)
        key = re.search(r"Api Key +(\S+)", output)[1]
        url = re.search(r"Mirror URL +(\S+)", output)[1]
        random, cloudwatch = map(json.loads, re.findall(r"^ .*?(\{.*\})$", output, re.M))
        return key, url, random, cloudwatch

    def smoke(self, entries, status=0):
        """`make smoke` with what `make status` says to enter."""
        key, url, random, _ = entries
        token = random.get("accessToken", "")
        secrets = {"MIRROR_API_KEY": key, "MIRROR_ACCESS_TOKEN": token}
        return self.make("smoke", f"MIRROR_URL={url}", status=status, **secrets)

    def secrets(self, function):
        """The key and the tokens that a function has."""
        found = self.aws.client("lambda").get_function_configuration(FunctionName=function)
        variables = found["Environment"]["Variables"]
        return variables["MIRROR_API_KEY"], variables["MIRROR_ACCESS_TOKEN"]

    def run(self, command, folder=None, status=0):
        """The output of a command of the documents, which ends with this exit status."""
        print("$", command, flush=True)
        path = f"{os.getcwd()}/.tools/bin:{self.environment['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", command], env={**self.environment, "PATH": path},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        )
        assert bool(done.returncode) == bool(status), f"exit status {done.returncode}:\n{done.stdout}"
        return done.stdout


def architecture_of(aws, function):
    """The architecture of the binary that is deployed, from its ELF header, and the function's."""
    found = aws.client("lambda").get_function(FunctionName=function)
    location = found["Code"]["Location"]
    archive = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(location).read()))
    machine = struct.unpack_from("<H", archive.read("bootstrap"), 18)[0]
    return MACHINES[machine], found["Configuration"]["Architectures"][0]


def post(url, body):
    """Status, key header and JSON body of the answer."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["X-Mirror-Api-Key"], json.load(answer)


def documented_commands(heading, path="docs/deploy.md"):
    """The blocks of shell commands under a heading of a document."""
    with open(path) as file:
        section = re.split(r"(?m)^## ", file.read().partition(f"\n## {heading}\n")[2])[0]
    return re.findall(r"```sh\n(.*?)```", section, re.S)


def random_secrets(seed):
    """A key, and as many tokens as a parameter takes, of all characters that they may have."""
    chance = random.Random(seed)
    visible = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    tricky = [*"\\\"'#$`%=!&;{}"]
    secret = lambda letters: "".join(chance.choices(letters, k=16))
    tokens = [secret([each for each in chance.choice([visible, tricky]) if each != ","]) for _ in range(60)]
    return secret(visible), ",".join(tokens)


class CloudFormationWithout(BaseHTTPRequestHandler):
    """A CloudFormation that has no stack, and whose registry has no type."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code, text = ("TypeNotFoundException", "cannot be found") if b"DescribeType" in body else (
            "ValidationError", "Stack with id x does not exist")
        answer = f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
        self.send_response(400)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass

    @classmethod
    def url(cls):
        server = ThreadingHTTPServer(("127.0.0.1", 0), cls)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"
