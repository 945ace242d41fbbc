"""Accessibility, by axe-core, and sizes of screens."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

# The elements that reach past the right side of the window, unless something scrolls them.
WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")].filter((each) =>
    each.getBoundingClientRect().right > innerWidth && !each.closest(".scroll, pre, .popup")
  ).map((each) => each.tagName + "#" + each.id)"""

SIZES = [(360, 740), (768, 1024), (1440, 1000), (1920, 1080), (3840, 2160)]


def _axe(visitor, state):
    results = Axe().run(visitor.page).response
    found = [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in results["violations"]]
    assert not found, (state, found)
    return len(results["passes"])


def _states(visitor, scheme, size):
    """Brings the page into each of its states."""
    page = visitor.open(visitor.mirrors.random, scheme=scheme, size=size)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    yield "a chart"
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#tested")).to_contain_text("OK")
    visitor.filter("field2", "true")
    visitor.options("Field")
    yield "an open list"
    page.get_by_label("Field", exact=True).press("ArrowDown")
    yield "a chosen line of a list"
    page.get_by_label("Field", exact=True).press("Escape")
    page.get_by_label("Limit").fill("10")
    visitor.draw()
    expect(page.locator("#partial")).to_be_visible()
    yield "a partial answer"
    page.get_by_label("Range").select_option("From … to …")
    visitor.answer_with([])
    visitor.draw()
    expect(page.locator("#state")).to_contain_text("No points")
    yield "no points"
    page.get_by_label("Api Key").fill("wrong")
    visitor.draw()
    expect(visitor.error).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#tested")).to_contain_text("wrong")
    yield "an error"
    held = visitor.hold_answers()
    visitor.draw()
    expect(page.locator("#state")).to_contain_text("Waiting")
    yield "a wait"
    held.pop().abort()


def axe_finds_nothing(visitor):
    for scheme in "light", "dark":
        for size in (360, 740), (1440, 1000):
            passes = [_axe(visitor, (scheme, size, state)) for state in _states(visitor, scheme, size)]
            visitor.notes.append(f"axe-core, {scheme}, {size[0]} px: {len(passes)} states, no violation, up to {max(passes)} rules passed")


def every_screen_from_360_pixels_to_4k_fits(visitor):
    for size in SIZES:
        for state in _states(visitor, "light", size):
            wide = visitor.page.evaluate(WIDE)
            assert not wide, (size, state, wide)


def the_chart_follows_the_window_and_the_colours(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.set_viewport_size({"width": 800, "height": 900})
    expect(page.locator(".u-over")).to_be_visible()
    page.wait_for_function("document.querySelector('.uplot').offsetWidth <= document.querySelector('#chart').clientWidth")
    before = page.evaluate("document.querySelector('canvas').toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
