"""A person with a browser."""

import contextlib
import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Error, expect

from local_mirror import CLOUDWATCH

TOKEN = "a-token-of-24-characters"
SECRET = "a-secret-of-the-tests"

KEYS = {**CLOUDWATCH, "secretAccessKey": SECRET}

PATIENCE = 15_000

expect.set_options(timeout=10_000)


@dataclass
class Mirrors:
    random: str
    restricted: str
    cloudwatch: str


class Visitor:
    """One tab of a browser that has never been here. Notes what must not happen."""

    def __init__(self, browser, mirrors):
        self.browser = browser
        self.mirrors = mirrors
        self.notes = []
        self.context = None
        self.page = None

    def open(self, url, path="explore", size=(1440, 1000), scheme="light", frozen=False):
        """Opens the page of a mirror."""
        self.close()
        self.faults = []
        self.context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme,
            timezone_id="Europe/Amsterdam", locale="en-GB",
        )
        self.context.set_default_timeout(PATIENCE)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = self.page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"an error in the page: {error}"))
        page.on("console", lambda message: message.type == "error"
                and "the server responded with a status of" not in message.text
                and "ERR_FAILED" not in message.text
                and self.faults.append(f"the console: {message.text}"))
        origin = urlsplit(url).netloc
        page.on("request", lambda request: urlsplit(request.url).netloc != origin
                and self.faults.append(f"a request to elsewhere: {request.url}"))
        if frozen:
            page.clock.install()
        page.goto(url + path)
        return page

    def open_cloudwatch(self, *filters, metric=None, **others):
        """Opens the CloudWatch mirror's page with connection details, filters and a metric."""
        page = self.open(self.mirrors.cloudwatch, **others)
        self.enter(KEYS)
        for name, value in filters:
            self.filter(name, value)
        if metric:
            self.pick("Metric field", metric)
        return page

    def unfold(self):
        """Opens the part of the page with the connection, if it is folded."""
        if not self.page.get_by_label("Connection details JSON").is_visible():
            self.page.locator("#connection summary").click()

    def enter(self, details):
        """Enters connection details, and leaves their field."""
        self.unfold()
        field = self.page.get_by_label("Connection details JSON")
        field.fill(details if isinstance(details, str) else json.dumps(details))
        field.blur()

    def insert(self, example):
        self.unfold()
        options = self.page.get_by_label("Example").get_by_role("option").all_inner_texts()
        self.page.get_by_label("Example").select_option(label=[text for text in options if text.startswith(example)][0])
        self.page.get_by_role("button", name="Insert").click()

    def test(self):
        self.unfold()
        self.page.get_by_role("button", name="Test connection").click()

    def enter_key(self, key):
        self.unfold()
        self.page.get_by_label("Api Key").fill(key)
        self.page.get_by_label("Api Key").blur()

    def options(self, label):
        """What the list of a field offers."""
        self.page.get_by_label(label, exact=True).click()
        options = self.page.get_by_role("listbox", name=label).get_by_role("option")
        expect(options.first).to_be_visible()
        return [text.split(" ")[0] for text in options.all_inner_texts()]

    def pick(self, label, text):
        field = self.page.get_by_label(label, exact=True)
        if self.page.get_by_role("listbox", name=label).count() == 0:
            field.click()
        options = self.page.get_by_role("listbox", name=label).get_by_role("option")
        options.filter(has_text=re.compile(rf"^{re.escape(text)}( \w+)?$")).click()

    def use(self, label, text):
        """Types a text that no list has, and takes it as it is."""
        self.page.get_by_label(label, exact=True).fill(text)
        self.page.get_by_role("listbox", name=label).get_by_role("option", name=f"Use “{text}”").click()

    def filter(self, name, value):
        self.pick("Field", name)
        self.pick("Value", value)
        expect(self.page.get_by_role("list", name="Filters").get_by_text(name)).to_be_visible()

    @property
    def summary(self):
        return self.page.locator("#summary")

    @property
    def error(self):
        return self.page.get_by_role("alert")

    def answer_with(self, points, is_partial=False):
        """The next answers to `/api/metric`, whatever is asked."""
        is_raw = not points or len(points[0]) == 2
        columns = ["value", "timestamp"] if is_raw else ["value", "startTimestamp", "endTimestamp"]
        kind = "RawMetricTelemetry" if is_raw else "AggregatedMetricTelemetry"
        body = {"telemetry": {"points": points, "dataFormat": columns, "isPartial": is_partial,
                              "_type": kind}, "_type": "MetricsResponse"}
        self.page.unroute("**/api/metric")
        self.page.route("**/api/metric", lambda route: route.fulfill(
            json=body, headers={"x-mirror-api-key": "api_key"}))

    def hold_answers(self):
        """A list of the requests to `/api/metric` from now on, which wait for their answers."""
        held = []
        self.page.route("**/api/metric", lambda route: held.append(route))
        return held

    def draw(self):
        self.page.get_by_role("button", name="Draw again").click()

    def check(self):
        """Nothing went wrong that nobody asked for, and nothing is kept."""
        kept = self.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        assert kept == [0, 0, ""], kept
        assert not self.faults, self.faults
        assert SECRET not in self.page.url, self.page.url

    def picture(self, name):
        """Writes what the page shows into target/page, if the browser still can."""
        if self.page:
            with contextlib.suppress(Error):
                self.page.screenshot(path=f"target/page/{name}.png")

    def close(self):
        if self.context:
            self.page.unroute_all(behavior="ignoreErrors")
            self.context.close()
            self.context = self.page = None
