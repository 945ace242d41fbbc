"""The build of the function for a processor architecture."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

from console import Failure, run, say

# Lambda's name of an architecture, cargo-lambda's option for it, Rust's target, and the number in
# the binary's ELF header (e_machine).
ARCHITECTURES = {
    "arm64": ("--arm64", "aarch64-unknown-linux-gnu", 183),
    "x86_64": ("--x86-64", "x86_64-unknown-linux-gnu", 62),
}


def lacks_target(architecture):
    """Whether Rust's standard library for the architecture is missing. It fails if nothing can add it."""
    target = ARCHITECTURES[architecture][1]
    libraries = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", target], capture_output=True, text=True,
    )
    if libraries.returncode:
        raise Failure(f"Rust does not work: {libraries.stderr.strip().splitlines()[-1]}")
    is_missing = not Path(libraries.stdout.strip()).is_dir()
    if is_missing and not shutil.which("rustup"):
        raise Failure(
            f"Rust has no standard library for {target}, and there is no rustup to add it. Install "
            "Rust from https://rustup.rs, or build for this machine's own architecture."
        )
    return is_missing


def add_target(architecture):
    """Adds Rust's standard library for the architecture, if it is missing."""
    if not lacks_target(architecture):
        return
    target = ARCHITECTURES[architecture][1]
    say(f"Adding Rust's target {target}.")
    if subprocess.run(["rustup", "target", "add", target]).returncode:
        raise Failure(f"rustup cannot add the target {target}; its reason is above.")


def environment():
    """The environment of a build: it has none of the variables that make's SECRETS names."""
    secrets = os.environ["SECRETS"].split()
    return {name: value for name, value in os.environ.items() if name not in secrets}


def build(architecture):
    """Builds the release. SAM's own build then finds the work done."""
    option, target = ARCHITECTURES[architecture][:2]
    is_first = not Path("target", target, "release").is_dir()
    say(f"Building the function for {architecture}{'; the first time takes a few minutes' if is_first else ''}.")
    command = ["cargo", "lambda", "build", "--locked", "--release", option]
    if run(command, "building", environment(), shows_progress=True):
        raise Failure("the build failed; cargo's reason is above.")


def check_architecture(binary, architecture):
    """Fails if the binary is not one of the architecture that is to be deployed."""
    with open(binary, "rb") as file:
        machine = struct.unpack_from("<H", file.read(20), 18)[0]
    if machine != ARCHITECTURES[architecture][2]:
        raise Failure(f"{binary} was not built for {architecture}. Run `make clean`, and try again.")
