"""What a person reads while a command takes long, and when it fails. Standard library only."""

import os
import subprocess
import sys
import time

# A command that prints nothing for this long could look as if it hung.
SECONDS_BETWEEN_SIGNS = 10


class Failure(SystemExit):
    """Ends the program with one line for the person who started it."""

    def __init__(self, text):
        super().__init__("\nIt did not work: " + text)


def is_set(name):
    """Whether a variable such as SHOW_SECRETS=1 is set."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "no", "false")


def say(text=""):
    print(text, flush=True)


def run(command, doing, env=None, shows_progress=False):
    """Runs a command, with a line every ten seconds. Returns its exit status.

    `shows_progress` says that the command draws its own progress on a terminal.
    """
    is_quiet = shows_progress and sys.stderr.isatty()
    started = time.monotonic()
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL)
    while True:
        try:
            return process.wait(SECONDS_BETWEEN_SIGNS)
        except subprocess.TimeoutExpired:
            if not is_quiet:
                say("  ... %s, %d s" % (doing, time.monotonic() - started))
        except KeyboardInterrupt:
            # The command has the signal too.
            process.wait()
            raise
