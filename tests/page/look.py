"""Accessibility, by axe-core, and sizes of screens."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

# The elements that reach past the right side of the window, unless something scrolls them.
WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")].filter((each) =>
    each.getBoundingClientRect().right > innerWidth && !each.closest(".scroll, pre, .popup")
  ).map((each) => each.tagName + "#" + each.id)"""

# The controls that another element covers, or whose text is cut.
COVERED = """() => [...document.querySelectorAll("main button, main input, main select, summary")].flatMap((each) => {
  const box = each.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  if (!each.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }) || !box.width || x < 0 || y < 0 || x > innerWidth || y > innerHeight) return [];
  const found = document.elementFromPoint(x, y);
  return each.contains(found) ? [] : [`${each.id} is under ${found?.outerHTML.slice(0, 80)}`];
})"""
CUT = """() => [...document.querySelectorAll("main input[placeholder], main select")].flatMap((each) => {
  const style = getComputedStyle(each);
  const [left, right] = [parseFloat(style.paddingLeft), parseFloat(style.paddingRight)];
  const text = each.tagName === "SELECT" ? each.selectedOptions[0]?.text ?? "" : each.placeholder;
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const room = each.clientWidth - left - right - (each.tagName === "SELECT" ? 16 : 0);
  return each.checkVisibility({ contentVisibilityAuto: true }) && pen.measureText(text).width > room ? [`${each.id}: ${text}`] : [];
})"""

SIZES = [(360, 800), (768, 1024), (1280, 900), (1440, 1000), (1920, 1080), (3840, 2160)]


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
    visitor.test()
    expect(page.locator("#tested")).to_contain_text("OK")
    visitor.filter("field2", "true")
    page.get_by_text("Paste a graph of CloudWatch").click()
    yield "a place for a graph"
    page.get_by_text("Paste a graph of CloudWatch").click()
    visitor.options("Field")
    yield "an open list"
    page.get_by_label("Field", exact=True).press("ArrowDown")
    yield "a chosen line of a list"
    page.get_by_label("Field", exact=True).press("Escape")
    page.get_by_label("Limit").fill("10")
    visitor.draw()
    expect(page.locator("#partial")).to_be_visible()
    yield "a partial answer"
    page.get_by_label("Range").select_option("Custom")
    visitor.answer_with([])
    visitor.draw()
    expect(page.locator("#state")).to_contain_text("No points")
    yield "no points"
    visitor.enter_key("wrong")
    visitor.draw()
    expect(visitor.error).to_be_visible()
    visitor.test()
    expect(page.locator("#tested")).to_contain_text("wrong")
    yield "an error"
    held = visitor.hold_answers()
    visitor.draw()
    expect(page.locator("#waiting")).to_contain_text("Waiting")
    yield "a wait"
    held.pop().abort()


def axe_finds_nothing(visitor):
    for scheme in "light", "dark":
        for size in (360, 800), (1440, 1000):
            passes = [_axe(visitor, (scheme, size, state)) for state in _states(visitor, scheme, size)]
            visitor.notes.append(f"axe-core, {scheme}, {size[0]} px: {len(passes)} states, no violation, up to {max(passes)} rules passed")


def every_screen_from_360_pixels_to_4k_fits(visitor):
    for size in SIZES:
        for state in _states(visitor, "light", size):
            wide = visitor.page.evaluate(WIDE)
            assert not wide, (size, state, wide)
            cut = visitor.page.evaluate(CUT)
            assert not cut, (size, state, cut)
            if "list" not in state:
                visitor.page.evaluate("scrollTo(0, 0)")
                covered = visitor.page.evaluate(COVERED)
                assert not covered, (size, state, covered)


def a_phone_shows_the_chart_in_its_first_screen(visitor):
    for size in (360, 800), (1280, 900):
        page = visitor.open_cloudwatch(
            ("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718"), metric="CPUUtilization", size=size)
        expect(visitor.summary).to_have_text(re.compile("points"))
        visitor.test()
        expect(page.locator("#tested")).to_have_text("✓ OK")
        page.evaluate("scrollTo(0, 0)")
        box = page.locator(".u-over").bounding_box()
        assert box["y"] + box["height"] < size[1], (size, box)
        # A name or a value is broken only where it is longer than a line.
        heights = page.locator("#filters b, #filters span span").evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight))")
        assert max(heights) < 1.5, heights


def the_chart_follows_the_window_and_the_colours(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.set_viewport_size({"width": 800, "height": 900})
    expect(page.locator(".u-over")).to_be_visible()
    page.wait_for_function("document.querySelector('.uplot').offsetWidth <= document.querySelector('#chart').clientWidth")
    before = page.evaluate("document.querySelector('canvas').toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
