"""A browser on this machine."""

import contextlib
import os
import shutil

from playwright.sync_api import sync_playwright

from console import Failure, say

BROWSERS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]


def find():
    """The path of the browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def browser():
    path = find()
    if path is None:
        raise Failure("there is no Chromium on the PATH. On Debian and Ubuntu: apt-get install chromium")
    # Chromium's own sandbox does not work for root, and this browser sees no page but the mirror's.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        say(f"Chromium {started.version}")
        try:
            yield started
        finally:
            started.close()
