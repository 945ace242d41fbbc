"""The chart, the table, partial and slow answers."""

import re

from playwright.sync_api import expect

START = 1_790_000_000_000
MINUTE = 60_000

# Counts the time between frames, in milliseconds, until `stop` is called.
FRAMES = """() => {
  const gaps = [];
  let last = performance.now(), runs = true;
  const frame = (now) => { gaps.push(now - last); last = now; if (runs) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  window.stopFrames = () => { runs = false; return gaps.slice(1); };
}"""


def _buckets(*minutes):
    return [[float(minute), START + minute * MINUTE, START + (minute + 1) * MINUTE] for minute in minutes]


def _box(page):
    """Where the chart is, in sight."""
    page.locator(".u-over").scroll_into_view_if_needed()
    return page.locator(".u-over").bounding_box()


def _hover(page, share):
    box = _box(page)
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


def _shows(visitor, points, minutes):
    """Shows these points in a range of so many minutes from START."""
    visitor.page.get_by_label("Range").select_option("Custom")
    visitor.answer_with(points)
    for label, millis in [("From", START), ("To", START + minutes * MINUTE)]:
        text = visitor.page.evaluate(
            "millis => new Date(millis - new Date(millis).getTimezoneOffset() * 60000).toISOString().slice(0, 19)", millis)
        visitor.page.get_by_label(label, exact=True).fill(text)
    visitor.draw()
    expect(visitor.summary).to_have_text(re.compile(rf", {len(points)} points"))


def buckets_have_their_true_start_and_end(visitor):
    page = visitor.open(visitor.mirrors.random)
    _shows(visitor, _buckets(0, 1, 2, 5, 6, 7, 8, 9), 10)
    reading = page.locator("#reading")
    for share, text in [(0.05, "0 from"), (0.19, "1 from"), (0.21, "2 from"), (0.4, "no point here"), (0.55, "5 from"), (0.95, "9 from")]:
        _hover(page, share)
        expect(reading).to_have_text(re.compile(f"^{text}"))
    _hover(page, 0.25)
    expect(reading).to_have_text(re.compile(r"^2 from 21 Sept? 2026, \d\d:\d\d:\d\d, for 1 min$"))


def raw_points_are_read_at_their_time(visitor):
    page = visitor.open(visitor.mirrors.random)
    _shows(visitor, [[1.5, START], [2.5, START + 5 * MINUTE], [3.5, START + 10 * MINUTE]], 10)
    for share, text in [(0.1, "1.5 at"), (0.4, "2.5 at"), (0.6, "2.5 at"), (0.9, "3.5 at")]:
        _hover(page, share)
        expect(page.locator("#reading")).to_have_text(re.compile(f"^{text}"))


def a_part_can_be_zoomed_into(visitor):
    page = visitor.open(visitor.mirrors.random)
    _shows(visitor, _buckets(*range(60)), 60)
    box = _box(page)
    y = box["y"] + 50
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, y, steps=5)
    page.mouse.up()
    expect(page.get_by_role("button", name="Zoom out")).to_be_enabled()
    _hover(page, 0.01)
    expect(page.locator("#reading")).to_have_text(re.compile("^30 from"))
    _hover(page, 0.99)
    expect(page.locator("#reading")).to_have_text(re.compile("^44 from"))
    page.locator(".u-over").dblclick()
    expect(page.get_by_role("button", name="All", exact=True)).to_be_disabled()
    _hover(page, 0.99)
    expect(page.locator("#reading")).to_have_text(re.compile("^59 from"))
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_role("button", name="Zoom out")).to_be_enabled()


def the_chart_is_read_with_the_keyboard(visitor):
    page = visitor.open(visitor.mirrors.random)
    _shows(visitor, _buckets(*range(60)), 60)
    page.locator("#chart").focus()
    for key, text in [("ArrowRight", "0 from"), ("ArrowRight", "1 from"), ("PageDown", "11 from"), ("ArrowLeft", "10 from"),
                      ("End", "59 from"), ("ArrowRight", "59 from"), ("+", "59 from"), ("Home", "0 from"), ("0", "0 from")]:
        page.keyboard.press(key)
        expect(page.locator("#reading")).to_have_text(re.compile(f"^{text}"))
    expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()


def a_partial_answer_is_continued_as_stackstate_does(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/Lambda"), metric="Duration")
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, (59|60) points"))
    whole = int(re.search(r"(\d+) points", visitor.summary.inner_text())[1])
    page.get_by_label("Limit").fill("25")
    visitor.draw()
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, 25 points"))
    notice = page.locator("#partial")
    expect(notice).to_contain_text("This answer is partial.")
    page.get_by_role("button", name="Load the rest").click()
    expect(visitor.summary).to_have_text(re.compile(rf"^Mean, {whole} points"))
    expect(notice).to_be_hidden()
    starts = page.locator("#rows tr td:nth-child(2)").all_inner_texts()
    assert len(set(starts)) == len(starts) == whole, "each bucket is there once"
    # Each answer begins with the last point, so this limit leads nowhere.
    page.get_by_label("Limit").fill("1")
    visitor.draw()
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, 1 point,"))
    page.get_by_role("button", name="Load the rest").click()
    expect(visitor.error).to_contain_text("Use a limit above 1.")
    expect(notice).to_be_visible()


def an_empty_answer_is_told(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.answer_with([])
    visitor.draw()
    expect(page.locator("#state")).to_contain_text("No points")
    expect(page.locator("#chart")).to_be_hidden()
    expect(page.locator("#page")).to_have_text("No points.")


def a_slow_mirror_is_waited_for(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    held = visitor.hold_answers()
    visitor.draw()
    expect(page.locator("#waiting")).to_contain_text("Waiting for the mirror")
    held.pop().continue_()
    expect(page.locator("#waiting")).to_be_hidden()
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    # Another choice gives up the answer that is waited for.
    visitor.draw()
    expect(page.locator("#waiting")).to_contain_text("Waiting for the mirror")
    given_up = held.pop()
    page.route("**/api/metric", lambda route: route.continue_())
    page.get_by_label("Aggregation").select_option("Max")
    expect(visitor.summary).to_have_text(re.compile("^Max, 60 points"))
    given_up.abort()
    expect(visitor.error).to_be_hidden()


def a_mirror_that_is_gone_is_told(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.route("**/api/metric", lambda route: route.abort())
    visitor.draw()
    expect(visitor.error).to_contain_text("The mirror cannot be reached.")
    expect(page.get_by_label("Call", exact=True)).to_contain_text("no answer")


def the_table_has_pages(visitor):
    page = visitor.open(visitor.mirrors.random)
    _shows(visitor, _buckets(*range(250)), 250)
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(50)
    expect(page.locator("#page")).to_have_text("201 to 250 of 250 points")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_role("button", name="Previous").click()
    expect(page.locator("#page")).to_have_text("101 to 200 of 250 points")


def extreme_values_stay_readable(visitor):
    page = visitor.open(visitor.mirrors.random)
    values = [0, 1e-300, 1.7976931348623157e308, -5e-324, 123456789.123, -0.5]
    _shows(visitor, [[value, START + index * MINUTE, START + (index + 1) * MINUTE] for index, value in enumerate(values)], 6)
    expect(page.locator("#rows .number")).to_have_text(["0", "1E-300", "1.798E308", "-5E-324", "123,456,800", "-0.5"])


def twenty_thousand_points_stay_smooth(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.get_by_label("Range").select_option("Last 15 d")
    expect(visitor.summary).to_have_text(re.compile("21,600 points"))
    box = _box(page)
    left, width, y = box["x"], box["width"], box["y"] + 80

    def longest(name, act):
        page.evaluate(FRAMES)
        act()
        gaps = page.evaluate("stopFrames()")
        visitor.notes.append(f"{name}: {len(gaps)} frames, longest {max(gaps):.0f} ms")
        assert max(gaps) < 200, (name, sorted(gaps)[-5:])

    def hover():
        for share in range(0, 100, 2):
            page.mouse.move(left + width * share / 100, y)

    def zoom():
        page.mouse.move(left + width * 0.2, y)
        page.mouse.down()
        page.mouse.move(left + width * 0.8, y, steps=20)
        page.mouse.up()
        for _ in range(3):
            page.get_by_role("button", name="Zoom in").click()
        page.get_by_role("button", name="All", exact=True).click()

    longest("hover over 21,600 points", hover)
    longest("zoom into 21,600 points", zoom)


def the_rest_is_that_of_the_chart(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.get_by_label("Limit").fill("25")
    visitor.draw()
    expect(visitor.summary).to_have_text(re.compile("^Mean, 25 points"))
    held = visitor.hold_answers()
    # While another chart is on its way, there is nothing to continue.
    page.get_by_label("Aggregation").select_option("Max")
    expect(page.get_by_role("button", name="Load the rest")).to_be_hidden()
    page.route("**/api/metric", lambda route: route.continue_())
    held.pop().continue_()
    expect(visitor.summary).to_have_text(re.compile("^Max, 25 points"))
    page.get_by_label("Metric field", exact=True).fill("half a na")
    with page.expect_request("**/api/metric") as asked:
        page.get_by_role("button", name="Load the rest").click()
    query = asked.value.post_data_json["query"]
    assert "metricField" not in query and query["aggregation"]["method"] == "MAX", query
    expect(visitor.summary).to_have_text(re.compile("^Max, 60 points"))


def buckets_that_begin_before_the_range_are_whole(visitor):
    page = visitor.open(visitor.mirrors.random)
    points = [[value, start - MINUTE // 2, end - MINUTE // 2] for value, start, end in _buckets(*range(10))]
    _shows(visitor, points, 10)
    page.locator("#chart").focus()
    for key, text in ("Home", "0 from"), ("End", "9 from"), ("0", "9 from"):
        page.keyboard.press(key)
        expect(page.locator("#reading")).to_have_text(re.compile(f"^{text}"))
        expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()


def before_the_first_bucket_is_no_point(visitor):
    page = visitor.open(visitor.mirrors.random)
    _shows(visitor, _buckets(5, 6, 7, 8, 9), 10)
    _hover(page, 0.25)
    expect(page.locator("#reading")).to_have_text("no point here")


def the_browsers_keys_stay_the_browsers(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    taken = page.locator("#chart").evaluate("""chart => ["ctrlKey", "metaKey", "altKey", "shiftKey"].map(key => {
      const event = new KeyboardEvent("keydown", { key: "+", [key]: true, bubbles: true, cancelable: true });
      chart.dispatchEvent(event);
      return event.defaultPrevented;
    })""")
    assert taken == [False, False, False, True], taken


def an_answer_of_another_form_is_told(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.route("**/api/metric", lambda route: route.fulfill(json={}, headers={"x-mirror-api-key": "api_key"}))
    visitor.draw()
    expect(visitor.error).to_contain_text("The mirror's answer is not one of the Mirror REST API.")
    expect(page.locator("#chart")).to_be_hidden()
    expect(page.get_by_role("button", name="All", exact=True)).to_be_disabled()
