"""The arm64 build answers the Lambda events in `events`, under emulation.

`make test-arm64` runs it. It needs qemu-user-static and libc6-arm64-cross (Debian's names), and
says so and leaves the test out without them. Standard library only.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMULATOR, LIBRARIES = "qemu-aarch64-static", "/usr/aarch64-linux-gnu"
PACKAGE = "target/lambda/stackstate-mirror/bootstrap.zip"
CALLS = ["connection", "field-name", "field-value", "metric-raw", "metric-aggregated"]
PATIENCE = 120


class Runtime(BaseHTTPRequestHandler):
    """Lambda's Runtime API ("Using the Lambda runtime API", Lambda developer guide)."""

    protocol_version = "HTTP/1.1"
    events, answers = queue.Queue(), queue.Queue()

    def do_GET(self):
        self.reply(200, self.events.get(), {
            "Lambda-Runtime-Aws-Request-Id": "1",
            "Lambda-Runtime-Deadline-Ms": "0",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:1:function:test",
        })

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answers.put(body)
        self.reply(202, b"", {})

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answer_of(function):
    for _ in range(PATIENCE):
        try:
            return Runtime.answers.get(timeout=1)
        except queue.Empty:
            assert function.poll() is None, f"the function has ended with {function.returncode}"
    raise AssertionError(f"no answer within {PATIENCE} seconds")


def main():
    if not (shutil.which(EMULATOR) and os.path.isdir(LIBRARIES)):
        print(f"Left out: the arm64 build is not run, because {EMULATOR} or {LIBRARIES} is missing "
              "(Debian: qemu-user-static, libc6-arm64-cross).")
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tempfile.TemporaryDirectory()
    binary = zipfile.ZipFile(PACKAGE).extract("bootstrap", folder.name)
    os.chmod(binary, 0o755)
    function = subprocess.Popen(
        [EMULATOR, "-L", LIBRARIES, binary],
        env={"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
             "AWS_LAMBDA_FUNCTION_NAME": "test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
             "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_LOG_LEVEL": "ERROR",
             "AWS_EC2_METADATA_DISABLED": "true"},
    )
    try:
        for call in CALLS:
            with open(f"events/function-url/{call}.json", "rb") as event:
                Runtime.events.put(event.read())
            answer = json.loads(answer_of(function))
            with open(f"tests/golden/{call}.json") as golden:
                assert json.loads(answer["body"]) == json.load(golden), (call, answer)
            assert answer["statusCode"] == 200, (call, answer)
            print(f"ok: arm64 answers {call}: {answer['body'][:80]}", flush=True)
    finally:
        function.kill()
        function.wait()
        folder.cleanup()
    print(f"{len(CALLS)} passed, 0 failed")


if __name__ == "__main__":
    sys.exit(main())
