"""Writes the documents' pictures of the page at /explore, from running mirrors.

`make screenshots` runs it.
"""

import contextlib
import os
import re

from playwright.sync_api import expect

from browser import browser
from console import say
from harness import Mirrors, Visitor
from local_mirror import CLOUDWATCH, mirror

FOLDER = "docs/images"
LAPTOP, PHONE = (1440, 900), (360, 800)
# Connection details to look at.
SEED = {"seed": 42}


def random(visitor, scheme):
    page = visitor.open(visitor.mirrors.random, size=LAPTOP, scheme=scheme)
    visitor.enter(SEED)
    visitor.pick("Metric field", "field3")
    visitor.test()
    expect(page.locator("#tested")).to_have_text("✓ OK")


def cloudwatch(visitor, scheme, size=LAPTOP):
    page = visitor.open(visitor.mirrors.cloudwatch, size=size, scheme=scheme)
    visitor.enter(CLOUDWATCH)
    visitor.test()
    expect(page.locator("#tested")).to_have_text("✓ OK")
    visitor.filter("Namespace", "AWS/EC2")
    visitor.filter("InstanceId", "i-0a1b2c3d4e5f60718")
    visitor.pick("Metric field", "CPUUtilization")


def phone(visitor, scheme):
    cloudwatch(visitor, scheme, PHONE)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    with contextlib.ExitStack() as stack:
        started = stack.enter_context(browser())
        visitor = Visitor(started, Mirrors(
            random=stack.enter_context(mirror("run")), restricted=None,
            cloudwatch=stack.enter_context(mirror("run-cloudwatch")),
        ))
        for show in random, cloudwatch, phone:
            for scheme in "light", "dark":
                show(visitor, scheme)
                expect(visitor.summary).to_have_text(re.compile(r"points"))
                page = visitor.page
                page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
                box = page.locator(".u-over").bounding_box()
                page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
                path = f"{FOLDER}/explore-{show.__name__}-{scheme}.png"
                page.screenshot(path=path)
                say(path)
        visitor.close()


if __name__ == "__main__":
    main()
