"""Uses the page at /explore in a real browser, as a person does, with mirrors that `make run` and
`make run-cloudwatch` serve.

`make test-page` runs it. Names of tests on the command line run only those.
"""

import contextlib
import inspect
import os
import sys
import traceback

import chart
import forms
import look
import stream
import wire
from browser import browser, find
from harness import TOKEN, Mirrors, Visitor
from local_mirror import mirror

MODULES = [stream, chart, forms, wire, look]


def tests():
    for module in MODULES:
        for name, test in vars(module).items():
            if inspect.isfunction(test) and test.__module__ == module.__name__ and not name.startswith("_"):
                if list(inspect.signature(test).parameters) == ["visitor"]:
                    yield name, test


def place():
    """The error that is being handled, with the lines of the tests that led to it."""
    _, error, trace = sys.exc_info()
    frames = [frame for frame in traceback.extract_tb(trace) if "/tests/page/" in frame.filename]
    return "".join(traceback.format_list(frames[1:]) + traceback.format_exception_only(error))


def main(wanted):
    if find() is None:
        print("The tests of the page are left out: there is no Chromium on the PATH.")
        return 0
    passed = failed = 0
    with contextlib.ExitStack() as stack:
        started = stack.enter_context(browser())
        mirrors = Mirrors(
            random=stack.enter_context(mirror("run")),
            restricted=stack.enter_context(mirror("run", MIRROR_ACCESS_TOKEN=TOKEN)),
            cloudwatch=stack.enter_context(mirror("run-cloudwatch")),
        )
        for name, test in tests():
            if wanted and name not in wanted:
                continue
            visitor = Visitor(started, mirrors)
            try:
                test(visitor)
                visitor.check()
                passed += 1
                print(f"ok      {name}" + "".join(f"\n        {line}" for line in visitor.notes), flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {name}\n{place()}", flush=True)
                visitor.picture(name)
            finally:
                visitor.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    os.makedirs("target/page", exist_ok=True)
    sys.exit(main(sys.argv[1:]))
