"""What the page gives to StackState: streams, scripts and monitors in the forms that its documents publish."""

import json
import re

from playwright.sync_api import expect

from stackstate_forms import official, own

EC2 = [("Namespace", "AWS/EC2"), ("InstanceId", "i-0a1b2c3d4e5f60718")]

# Streams with odd parts, as the page has them.
GRAPH = json.dumps({"metrics": [["N", "it's", {"id": "m1", "visible": False}], [{"expression": "m1*2"}]]})
ODD = ["it's", 'say "x"', "a\\b", "$x ${y}", "back`tick`", "ünïcödé", "{{ x }}", "new\nline", "a=b and c='d'", "{{", "%s", "*"]
RENDER = """async ([form, streams, given]) => {
  const { rendered } = await import("./explore/stackstate.js");
  return rendered(form, streams, given);
}"""
GIVEN = {"source": "Mirror server", "id": "42", "urn": "urn:host:/web-1", "threshold": "90"}


def _without_expressions(text):
    """STJ as JSON: an expression outside a text becomes one."""
    return json.loads(re.sub(r'(: )\{\{ .+? \}\}(,?\n)', r'\1"{{}}"\2', text))


def _pasted(text):
    """The streams of a template into which somebody pastes."""
    return _without_expressions('{"streams": [\n' + text + '\n]}')["streams"]


def _unquoted(text, quote):
    """What Groovy reads in a text that begins here, and what follows."""
    found, at = "", 1
    while text[at] != quote:
        assert not (quote == '"' and text[at] == "$") and text[at] != "\n", text
        at += text[at] == "\\"
        found += text[at]
        at += 1
    return found, text[at + 1:]


def _script(text):
    """Data source, conditions, metric field and the rest of a script."""
    assert text.startswith("Telemetry.query("), text
    source, rest = _unquoted(text.removeprefix("Telemetry.query("), "'")
    conditions, rest = _unquoted(rest.removeprefix(", "), '"')
    rest = rest.removeprefix(")")
    metric = None
    if rest.startswith(".metricField("):
        metric, rest = _unquoted(rest.removeprefix(".metricField("), "'")
        rest = rest.removeprefix(")")
    return source, re.findall(r"(\S+) = '([^']*)'(?: and |$)", conditions), metric, rest


def _choose(page, label, option):
    page.get_by_label(label, exact=True).select_option(label=option)


def a_stream_is_copied_in_each_form(visitor):
    page = visitor.open_cloudwatch(*EC2, metric="CPUUtilization")
    text = page.locator("#form-text")
    expect(text).to_have_text(re.compile(r'"name": "CPUUtilization \(percent\)"'))
    template = text.inner_text()
    assert 'dataSource": {{ resolve "DataSource" "Mirror server" }},' in template, template
    assert _without_expressions(template)["query"] == {
        "_type": "MetricTelemetryQuery", "id": -2, "metricField": "CPUUtilization", "aggregation": "MEAN",
        "conditions": [{"key": key, "value": value} for key, value in EC2]}
    expect(page.locator("#form-notes")).to_contain_text("InstanceId is i-0a1b2c3d4e5f60718 for every component.")
    _choose(page, "Form", "Body for the API")
    expect(page.locator("#form-notes")).to_contain_text("GET /api/node/DataSource")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_disabled()
    page.get_by_label("Id of the data source").fill("277422153298283")
    body = json.loads(text.inner_text())
    assert (body["dataSource"], body["syncCreated"]) == (277422153298283, False) and "id" not in body, body
    _choose(page, "Form", "Script query")
    script = ("Telemetry.query('Mirror server', \"Namespace = 'AWS/EC2' and InstanceId = 'i-0a1b2c3d4e5f60718'\")"
              ".metricField('CPUUtilization').start('-1h').aggregation('mean', '1m')")
    expect(text).to_have_text(script)
    page.get_by_label("Aggregation").select_option("Percentile 95")
    page.get_by_label("Range").select_option("Last 30 min")
    expect(text).to_have_text(script.replace("-1h", "-30m").replace("'mean'", "'95th percentile'"))
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#toast")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == text.inner_text()
    _choose(page, "Form", "Monitor file")
    expect(page.locator("#form-notes")).to_contain_text("each component has a monitor of its own")
    page.get_by_label("URN of the component").fill("urn:aws:ec2:i-0a1b2c3d4e5f60718")
    page.get_by_label("Threshold").fill("90")
    [monitor] = _without_expressions(text.inner_text())["nodes"]
    assert [each.get("value") for each in monitor["arguments"][:2]] == [90, "urn:aws:ec2:i-0a1b2c3d4e5f60718"], monitor
    assert ".start('-10m').aggregation('95th percentile', '1m')" in monitor["arguments"][2]["script"], monitor
    expect(page.locator("#form-notes")).to_contain_text("names of its parameters")


def what_a_form_cannot_hold_is_said(visitor):
    page = visitor.open(visitor.mirrors.random)
    stream = {"filters": [["Namespace", "AWS/EC2"]], "metric": "M", "method": "MEAN", "bucket": 60_000, "span": 3_600_000,
              "name": "M", "threshold": "1"}
    for form, changed, given, told in [
        ("template", {"filters": [["A", "1"], ["A", "2"]]}, {}, "A has several values, and a stream has no sets."),
        ("api", {"method": ""}, {}, "a stream always has an aggregation"),
        ("script", {"filters": [["Availability Zone", "a"]]}, {}, "Availability Zone has a space or a sign"),
        ("script", {"filters": [["Host", "it's"]]}, {}, "no document shows a script with an apostrophe"),
        ("script", {"filters": [["~", '{"metrics":[["N","M"]]}']]}, {}, "A graph is for streams only"),
        ("monitor", {"filters": [["Expression", ' {"metrics":[["N","M"]]}']]}, {"urn": ""}, "A graph is for streams only"),
        ("script", {"method": "EVENT_COUNT"}, {}, "No published script has the aggregation EVENT_COUNT."),
        ("monitor", {"threshold": "x"}, {}, "Enter the threshold."),
        ("monitor", {}, {"urn": "web-1"}, "Enter the URN of the component."),
        ("template", {"filters": [["Host", "{{ get }}"]]}, {}, "{{ begins an expression"),
        ("template", {}, {"source": 'a"b'}, "Enter the data source's name"),
        ("api", {}, {"id": "-1"}, "Enter the data source's id"),
        ("api", {}, {"id": "9007199254740993"}, "Enter the data source's id"),
    ]:
        answer = page.evaluate(RENDER, [form, [{**stream, **changed}], {**GIVEN, **given}])
        assert answer["text"] is None and any(told in note for note in answer["notes"]), (form, changed, given, answer)
    for form, changed, told in [
        ("api", {"filters": [["Port", 443]]}, "became its text"),
        ("api", {"filters": [["~", '{"metrics":[["N","M"]]}'], ["Port", 443]]}, "became its text"),
        ("script", {"filters": [["~", "SELECT 1"]]}, "Expression is the condition ~"),
        ("script", {"method": "SUM"}, "none with sum"),
        ("template", {"method": "EVENT_COUNT"}, "leaves EVENT_COUNT out"),
    ]:
        answer = page.evaluate(RENDER, [form, [{**stream, **changed}], GIVEN])
        assert answer["text"] and any(told in note for note in answer["notes"]), (form, answer)
    raw = page.evaluate(RENDER, ["script", [{**stream, "method": ""}], GIVEN])["text"]
    assert "aggregation" not in raw, raw


def every_text_has_the_published_form(visitor):
    page = visitor.open(visitor.mirrors.random)
    published = official("MetricStream")
    if published is None:
        visitor.notes.append("left out: StackState's own API description is not beside the repository")
    forms = {name: own(name) for name in ("api", "template", "monitor")}
    methods = page.locator("#method option").evaluate_all("all => all.map(each => each.value).filter(Boolean)")
    counts = dict.fromkeys([*forms, "script"], 0)
    streams = [
        {"filters": [["Namespace", namespace], [key, value]], "metric": metric, "method": method, "bucket": bucket,
         "span": 3_600_000, "name": f"{metric} (short)", "threshold": "0.5"}
        for namespace, metric in (("AWS/EC2", "CPUUtilization"), ("Shop", ODD[1]))
        for key in ("InstanceId", "~", "Availability Zone", ODD[0])
        for value in [*ODD, GRAPH, 443, True]
        for method, bucket in zip(methods, [10_000, 60_000, 90_000, 3_600_000, 86_400_000] * 3)
    ]
    for form in counts:
        for stream in streams:
            text = page.evaluate(RENDER, [form, [stream], GIVEN])["text"]
            if text is None:
                continue
            counts[form] += 1
            if form == "script":
                source, conditions, metric, rest = _script(text)
                wanted = [(key.replace("~", "Expression"), str(value).replace("True", "true")) for key, value in stream["filters"]]
                assert (source, conditions, metric) == ("Mirror server", wanted, stream["metric"]), (text, conditions)
                assert re.fullmatch(r"\.start\('-1h'\)\.aggregation\('[\w ]+', '\d+[smhd]'\)", rest), rest
                continue
            parsed = json.loads(text) if form == "api" else _without_expressions(text)
            forms[form].validate(parsed)
            if form == "api" and published:
                published.validate(parsed)
            if form != "monitor":
                found = [(each["key"], each["value"]) for each in parsed["query"]["conditions"]]
                as_text = lambda value: value if isinstance(value, str) or form == "template" else json.dumps(value)
                assert found == [(key, as_text(value)) for key, value in stream["filters"]], (found, stream)
    assert all(count > 20 for count in counts.values()), counts
    visitor.notes.append(f"texts: {counts}")


def a_ready_set_is_copied(visitor):
    page = visitor.open_cloudwatch(*EC2, metric="CPUUtilization")
    _choose(page, "Streams", "Amazon EC2 instance: 6 streams")
    text = page.locator("#form-text")
    streams = _pasted(text.inner_text())
    with open("docs/stackstate.md") as file:
        documented = file.read()
    assert all(f"| {each['name']} | `{each['query']['metricField']}` |" in documented for each in streams), streams
    assert len(streams) == 6 and len({each["id"] for each in streams} | {each["query"]["id"] for each in streams}) == 12, streams
    for each in streams:
        own("template").validate(each)
        assert {"key": "InstanceId", "value": "{{ element.data.InstanceId }}"} in each["query"]["conditions"], each
    expect(page.locator("#form-notes")).to_contain_text("Compare element.data")
    _choose(page, "Form", "Monitor file")
    page.get_by_label("URN of the component").fill("urn:host:/web-1")
    nodes = _without_expressions(text.inner_text())["nodes"]
    assert [node["arguments"][0]["value"] for node in nodes] == [90, 0], nodes
    assert nodes[0]["name"] == "CPU utilization (percent): i-0a1b2c3d4e5f60718", nodes[0]
    expect(page.locator("#form-notes")).to_contain_text("4 of 6 streams have no threshold")
    assert len({node["identifier"] for node in nodes}) == 2 and "i-0a1b2c3d4e5f60718" in nodes[0]["arguments"][2]["script"]
    # Two streams of one metric are two monitors.
    identifiers = [page.evaluate(RENDER, ["monitor", [{
        "filters": [["Namespace", "N"]], "metric": "Duration", "method": method, "bucket": 60_000, "span": 0, "name": "D", "threshold": "1",
    }], GIVEN])["text"] for method in ("MEAN", "MAX")]
    identifiers = {_without_expressions(each)["nodes"][0]["identifier"] for each in identifiers}
    assert len(identifiers) == 2, identifiers
    # A set is for one resource.
    page.get_by_role("button", name="Remove the filter InstanceId").click()
    expect(page.locator("#form-notes")).to_contain_text("Add the filter InstanceId")
    expect(text).to_be_empty()


def a_set_without_thresholds_has_no_monitors(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/SQS"), ("QueueName", "orders"), metric="ApproximateNumberOfMessagesVisible")
    _choose(page, "Streams", "Amazon SQS queue: 5 streams")
    _choose(page, "Form", "Monitor file")
    page.get_by_label("URN of the component").fill("urn:host:/web-1")
    expect(page.locator("#form-notes")).to_contain_text("No stream of this set has a threshold.")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_disabled()
