"""Installs tools from PyPI into .tools, each into a Python environment of its own.

`python3 dev/tools.py NAME …` installs what .ci/tools/NAME.txt lists, with the hashes there, and
links the programs that other tools look for into .tools/bin. Standard library only.
"""

import os
import subprocess
import sys
import venv

from console import Failure, run, say

OLDEST_PYTHON = (3, 10)
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(TOP, ".tools")

# The programs of each tool that go into .tools/bin, which is on the PATH of every task. The
# environments themselves are not: their `python3` must not hide the system's.
PROGRAMS = {
    "cargo-lambda": ["cargo-lambda"],
    "sam": ["sam"],
    "checkov": ["checkov"],
    "awscli": ["aws"],
    "schemathesis": ["schemathesis"],
}


def check_python():
    if sys.version_info < OLDEST_PYTHON:
        raise Failure(
            "this is Python %d.%d (%s), and the tools need %d.%d or later. Install a later one, "
            "and name it: make PYTHON=python3.12 ..."
            % (sys.version_info[:2] + (sys.executable,) + OLDEST_PYTHON)
        )


def install(name):
    folder = os.path.join(TOOLS, name)
    say("Fetching %s into .tools/%s, once; this takes a minute or two." % (name, name))
    try:
        venv.EnvBuilder(clear=True, with_pip=True, symlinks=os.name != "nt").create(folder)
    except subprocess.CalledProcessError:
        raise Failure(
            "Python cannot make an environment. On Debian and Ubuntu it needs the package "
            "python3-venv: apt-get install python3-venv"
        )
    pip = [os.path.join(folder, "bin", "python"), "-m", "pip"]
    status = run(
        # What is imported is compiled then; most is not.
        pip + ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile",
               "--no-deps", "--require-hashes", "--requirement", os.path.join(TOP, ".ci", "tools", name + ".txt")],
        "fetching and installing " + name,
    )
    if status:
        raise Failure(
            "pip could not install %s; its reason is above. It needs PyPI; behind a proxy, set "
            "HTTPS_PROXY." % name
        )
    programs = os.path.join(TOOLS, "bin")
    os.makedirs(programs, exist_ok=True)
    for program in PROGRAMS.get(name, []):
        link = os.path.join(programs, program)
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(os.path.join("..", name, "bin", program), link)
    open(os.path.join(folder, ".ready"), "w").close()


if __name__ == "__main__":
    check_python()
    for tool in sys.argv[1:]:
        install(tool)
