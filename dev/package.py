"""Writes the package for those who deploy without Rust and without this repository.

`make package` runs it. It uses the standard library only. The same commit gives the same bytes. The page
docs/package.md says what is in the folder.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from console import Failure, run, say
from deploy.build import ARCHITECTURES, add_target, build, check_architecture, environment

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


def version():
    """The version of the mirror."""
    with open("Cargo.toml") as file:
        return re.search(r'(?m)^version = "(.+)"$', file.read())[1]


def bill_of_materials(architecture):
    """The crates in the binary, in the form of CycloneDX."""
    # The tool writes a file for each package of the workspace.
    name = "materials"
    command = ["cargo-cyclonedx", "cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5",
               "--no-build-deps", "--target", ARCHITECTURES[architecture][1], "--override-filename", name]
    # The time of the commit, so that the same commit gives the same bytes.
    commit = subprocess.run(["git", "log", "-1", "--format=%ct"], capture_output=True, text=True)
    if run(command, "listing the crates", {**environment(), "SOURCE_DATE_EPOCH": commit.stdout.strip() or "0"}):
        raise Failure("the bill of materials cannot be made; the reason is above.")
    text = Path(f"{name}.json").read_text()
    for path in Path().glob(f"*/{name}.json"):
        path.unlink()
    Path(f"{name}.json").unlink()
    # Nobody needs to know where this was built.
    return text.replace(f"path+{Path.cwd().as_uri()}", "stackstate-mirror")


def packaged_template(files):
    with open("template.yaml") as file:
        template = file.read()
    for old, new in [
        ("Description: (.+)\n", lambda found: f"Description: {found[1]} Version {version()}.\n"),
        ("Parameters:\n", CODE_PARAMETER),
        ("Conditions:\n", IS_ARM64),
        ("      CodeUri: .\n", CODE_URI.format(**files)),
    ]:
        template, found = re.subn(f"(?m)^{old}", new, template)
        if found != 1:
            raise Failure(f"template.yaml has {old.strip()!r} {found} times; expected once.")
    return template


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    files = {}
    for architecture in ARCHITECTURES:
        add_target(architecture)
        build(architecture)
        check_architecture(BINARY, architecture)
        path = f"{FOLDER}/package.zip"
        zip_binary(path)
        name = f"stackstate-mirror-{version()}-{architecture}"
        files[architecture] = f"{name}-{digest(path)[:12]}.zip"
        os.rename(path, f"{FOLDER}/{files[architecture]}")
        Path(f"{FOLDER}/{name}.cdx.json").write_text(bill_of_materials(architecture))
    shutil.copy("docs/package.md", f"{FOLDER}/README.md")
    shutil.copy("CHANGELOG.md", FOLDER)
    shutil.copytree("docs", f"{FOLDER}/docs", ignore=shutil.ignore_patterns("images"))
    with open(f"{FOLDER}/template.yaml", "w") as file:
        file.write(packaged_template(files))
    paths = sorted(path for path in Path(FOLDER).rglob("*") if path.is_file())
    sums = "".join(f"{digest(path)}  {path.relative_to(FOLDER)}\n" for path in paths)
    Path(f"{FOLDER}/SHA256SUMS").write_text(sums)
    say(f"{FOLDER} has version {version()}:")
    for path in paths:
        say(f"  {path.stat().st_size:>9,} bytes  {path.relative_to(FOLDER)}")


if __name__ == "__main__":
    sys.exit(main())
