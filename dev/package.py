"""Writes the package for those who deploy without Rust: both zips, a template and checksums.

`make package` runs it. It uses the standard library only. The same commit gives the same bytes.
"""

import hashlib
import os
import re
import shutil
import sys
import zipfile

from console import Failure, say
from deploy.build import ARCHITECTURES, add_target, build, check_architecture

FOLDER = "target/package"
BINARY = "target/lambda/stackstate-mirror/bootstrap"

CODE_PARAMETER = """\
Parameters:
  CodeBucket:
    Type: String
    Description: The S3 bucket, in the stack's region, that has the zip files of the package.
"""

IS_ARM64 = """\
Conditions:
  IsArm64: !Equals [!Ref Architecture, arm64]
"""

# Files are named after their content, so that CloudFormation notices a new one.
CODE_URI = """\
      CodeUri:
        Bucket: !Ref CodeBucket
        Key: !If [IsArm64, {arm64}, {x86_64}]
"""


def zip_binary(path):
    """A zip with the binary, the same for the same binary."""
    entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w", compresslevel=9) as archive, open(BINARY, "rb") as binary:
        archive.writestr(entry, binary.read())


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def packaged_template(files):
    with open("template.yaml") as file:
        template = file.read()
    for old, new in [
        ("Parameters:\n", CODE_PARAMETER),
        ("Conditions:\n", IS_ARM64),
        ("      CodeUri: .\n", CODE_URI.format(**files)),
    ]:
        template, found = re.subn(f"(?m)^{re.escape(old)}", lambda _: new, template)
        if found != 1:
            raise Failure(f"template.yaml has {old.strip()!r} {found} times; expected once.")
    return template


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    files = {}
    for architecture in ARCHITECTURES:
        add_target(architecture)
        build(architecture, {**os.environ})
        check_architecture(BINARY, architecture)
        path = f"{FOLDER}/package.zip"
        zip_binary(path)
        files[architecture] = f"stackstate-mirror-{architecture}-{digest(path)[:12]}.zip"
        os.rename(path, f"{FOLDER}/{files[architecture]}")
    with open(f"{FOLDER}/template.yaml", "w") as file:
        file.write(packaged_template(files))
    with open(f"{FOLDER}/SHA256SUMS", "w") as sums:
        for name in [*files.values(), "template.yaml"]:
            sums.write(f"{digest(f'{FOLDER}/{name}')}  {name}\n")
    say(f"{FOLDER} has:")
    for name in sorted(os.listdir(FOLDER)):
        say(f"  {os.path.getsize(f'{FOLDER}/{name}'):>9,} bytes  {name}")


if __name__ == "__main__":
    sys.exit(main())
