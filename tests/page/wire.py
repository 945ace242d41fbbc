"""What went over the wire, the curl command, the address, and secrets."""

import json
import os
import re
import subprocess
import tempfile

from playwright.sync_api import expect

from harness import KEYS, SECRET


def the_request_is_stackstates(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/SQS"), metric="ApproximateNumberOfMessagesVisible")
    with page.expect_request("**/api/metric") as asked:
        visitor.draw()
    body = asked.value.post_data_json
    query = body["query"]
    assert body["connectionDetails"] == KEYS
    assert (body["_type"], query["_type"], query["limit"]) == ("MetricsRequest", "MetricsQuery", 2147483647)
    assert query["conditions"] == [{"key": "Namespace", "_type": "EqualityCondition",
                                    "value": {"value": "AWS/SQS", "_type": "StringValue"}}]
    assert query["metricField"] == "ApproximateNumberOfMessagesVisible"
    assert query["aggregation"] == {"method": "MEAN", "bucketSizeMillis": 60000, "_type": "Aggregation"}
    assert query["endTime"] - query["startTime"] == 3600000


def calls_show_their_size_and_time(visitor):
    page = visitor.open(visitor.mirrors.random)
    calls = page.get_by_label("Call", exact=True)
    expect(calls).to_contain_text(re.compile(r"api/metric · 200 · [\d,]+ ms · [\d.]+ kB"))
    visitor.test()
    expect(calls.get_by_role("option").first).to_have_text(re.compile(r"api/connection · 200 · [\d,]+ ms · 48 B"))
    expect(page.locator("#answer")).to_contain_text('"status": "OK"')
    calls.select_option("1")
    expect(page.locator("#answer")).to_contain_text('"_type": "MetricsResponse"')


def secrets_are_hidden_until_asked_for(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/SQS"))
    visitor.enter_key("api_key")
    visitor.draw()
    wire = page.locator(".wire")
    expect(page.locator("#answer")).to_contain_text("x-mirror-api-key: (hidden)")
    expect(page.locator("#request")).to_contain_text('"connectionDetails": "(hidden)"')
    assert SECRET not in wire.inner_text() and "api_key" not in wire.inner_text()
    page.get_by_label("Show the connection details").check()
    expect(page.locator("#request")).to_contain_text(SECRET)


def the_curl_command_works_and_has_no_secret(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/Lambda"), metric="Duration")
    visitor.pick("Field", "FunctionName")
    visitor.use("Value", "it's \"$(touch run)\" `x` \\ %s")
    expect(visitor.error).to_be_visible()
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#toast")).to_contain_text("Copied.")
    command = page.evaluate("navigator.clipboard.readText()")
    assert SECRET not in command, command
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "connection-details.json"), "w") as file:
            json.dump(KEYS, file)
        done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
        assert os.listdir(folder) == ["connection-details.json"], "the shell runs nothing of the value"
    with tempfile.TemporaryDirectory() as folder:
        missing = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True)
        assert not missing.stdout and "connection-details.json" in missing.stderr, missing
    answer = json.loads(done.stdout)
    assert answer["_type"] == "MetricNotFoundError" and "it's" in json.dumps(answer), answer
    shown = json.loads(page.locator("#answer").inner_text().partition("\n\n")[2])
    assert shown == answer, (shown, answer)


def the_address_has_the_chart_and_no_secret(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"), metric="CPUUtilization")
    page.get_by_label("Aggregation").select_option("Max")
    page.get_by_label("Range").select_option("Last 30 min")
    expect(visitor.summary).to_have_text(re.compile(r"^Max, (29|30) points"))
    visitor.enter_key("api_key")
    page.get_by_role("button", name="Copy address").click()
    expect(page.locator("#toast")).to_contain_text("Copied.")
    address = page.evaluate("navigator.clipboard.readText()")
    assert SECRET not in address and "api_key" not in address and "AWS%2FEC2" in address, address
    page = visitor.open(visitor.mirrors.cloudwatch, address.removeprefix(visitor.mirrors.cloudwatch))
    expect(page.locator("#state")).to_contain_text("This chart needs connection details")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Namespace = AWS/EC2")
    visitor.enter(KEYS)
    expect(page.get_by_role("heading", name="CPUUtilization")).to_be_visible()
    expect(visitor.summary).to_have_text(re.compile(r"^Max, (29|30) points"))


def times_in_the_address_are_the_same_everywhere(visitor):
    page = visitor.open(visitor.mirrors.random, "explore#range=custom&from=1790000000000&to=1790003600000")
    expect(visitor.summary).to_have_text(re.compile(r"60 points.* 21 Sept? 2026, 16:13:20 – 17:13:20 \(Europe/Amsterdam\)"))
    visitor.draw()
    assert "from=1790000000000&to=1790003600000" in page.url, page.url


def another_address_is_another_chart(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("^Mean"))
    page.evaluate("location.hash = '#method=MAX'")
    expect(visitor.summary).to_have_text(re.compile("^Max"))
    page.evaluate("location.hash = '#method=MAX&connection=other'")
    expect(page.locator("#state")).to_contain_text("This chart needs connection details")
    expect(page.locator("#chart")).to_be_hidden()
    expect(page.locator("#rows tr")).to_have_count(0)


def the_skip_link_changes_nothing(visitor):
    page = visitor.open(visitor.mirrors.random, "explore#method=MAX")
    expect(visitor.summary).to_have_text(re.compile("^Max"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_be_focused()
    assert page.url.endswith("#method=MAX"), page.url


def an_older_call_stays_while_it_is_read(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.test()
    expect(page.locator("#tested")).to_contain_text("OK")
    calls = page.get_by_label("Call", exact=True)
    calls.select_option("1")
    visitor.draw()
    expect(calls.get_by_role("option")).to_have_count(3)
    expect(calls).to_have_value("2")
    expect(page.locator("#request")).to_contain_text("MetricsRequest")
    for _ in range(20):
        visitor.test()
        expect(page.locator("#tested")).to_contain_text("OK")
    expect(calls.get_by_role("option")).to_have_count(20)


def a_strange_address_breaks_nothing(visitor):
    for address in ["#filter=%7B&filter=[1,2]&filter=[%22a%22,null]&method=NONE&range=-5&bucket=x&live=1",
                    "#filter=%5B%22a%22%2C%22%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22%5D", "#%", "#range=custom"]:
        page = visitor.open(visitor.mirrors.random, "explore" + address)
        if "custom" in address:
            expect(visitor.error).to_contain_text("The range is not complete.")
        else:
            expect(visitor.summary).to_have_text(re.compile("^Mean, 60 points"))
        assert page.locator("#filters img").count() == 0


def nothing_of_an_answer_becomes_markup(visitor):
    page = visitor.open(visitor.mirrors.random)
    markup = "<img src=x onerror=alert(1)>"
    page.route("**/api/metric", lambda route: route.fulfill(
        status=500, headers={"x-mirror-api-key": "api_key"},
        json={"_type": "RemoteMirrorError", "summary": markup, "details": markup}))
    visitor.draw()
    expect(visitor.error).to_contain_text(markup)
    assert page.locator("main img").count() == 0


def a_slash_behind_the_address_does_no_harm(visitor):
    page = visitor.open(visitor.mirrors.random, "explore/")
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    assert page.url.partition("#")[0] == visitor.mirrors.random + "explore", page.url


def names_of_any_form_are_shown_at_once(visitor):
    """The text of an answer is made without a search that takes longer than the text is long."""
    page = visitor.open(visitor.mirrors.random)
    took = page.evaluate("""async () => {
        const { answerText } = await import("./explore/mirror.js");
        const values = Array.from({ length: 18 }, () => "[" + " ".repeat(1015));
        const body = { values, points: [[1.5, 2, 3], []], none: null, nested: [{ a: [] }] };
        const started = performance.now();
        const text = answerText({ status: 200, key: null, text: JSON.stringify(body) });
        const took = performance.now() - started;
        if (JSON.stringify(JSON.parse(text.split("\\n\\n").slice(1).join("\\n\\n"))) !== JSON.stringify(body)) throw text;
        if (!text.includes("[1.5, 2, 3]")) throw text;
        return took;
    }""")
    assert took < 500, f"{took} ms"
