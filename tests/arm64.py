"""The arm64 build answers the Lambda events in `events`, under emulation.

`make test-arm64` runs it. It needs qemu-user-static and libc6-arm64-cross (Debian's names), and
says so and leaves the test out without them. Standard library only.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

from runtime_api import RuntimeApi

EMULATOR, LIBRARIES = "qemu-aarch64-static", "/usr/aarch64-linux-gnu"
PACKAGE = "target/lambda/stackstate-mirror/bootstrap.zip"
CALLS = ["connection", "field-name", "field-value", "metric-raw", "metric-aggregated"]


def main():
    if not (shutil.which(EMULATOR) and os.path.isdir(LIBRARIES)):
        print(f"Left out: the arm64 build is not run, because {EMULATOR} or {LIBRARIES} is missing "
              "(Debian: qemu-user-static, libc6-arm64-cross).")
        return
    runtime = RuntimeApi()
    folder = tempfile.TemporaryDirectory()
    binary = zipfile.ZipFile(PACKAGE).extract("bootstrap", folder.name)
    os.chmod(binary, 0o755)
    function = subprocess.Popen(
        [EMULATOR, "-L", LIBRARIES, binary],
        env={**runtime.environment, "AWS_LAMBDA_LOG_LEVEL": "ERROR"},
    )
    try:
        for call in CALLS:
            with open(f"events/function-url/{call}.json", "rb") as event:
                answer = json.loads(runtime.answer(event.read(), function))
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
