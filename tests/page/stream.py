"""Connection, filters, metric, aggregation and time, as in StackState's stream dialog."""

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from harness import KEYS, SECRET, TOKEN

EXPLORE = Path(__file__).parents[2] / "docs/explore.md"


def random_data_needs_nothing(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, 60 points, buckets of 1 min"))
    visitor.test()
    expect(page.locator("#tested")).to_have_text("✓ OK")


def cloudwatch_is_refined_filter_by_filter(visitor):
    page = visitor.open_cloudwatch()
    visitor.test()
    expect(page.locator("#tested")).to_have_text("✓ OK")
    everything = visitor.options("Field")
    assert "Namespace" in everything and "InstanceId" not in everything, everything
    visitor.pick("Field", "Namespace")
    namespaces = visitor.options("Value")
    assert namespaces == ["AWS/ApplicationELB", "AWS/EC2", "AWS/Lambda", "AWS/RDS", "AWS/S3", "AWS/SQS", "Shop"], namespaces
    visitor.pick("Value", "AWS/EC2")
    left = visitor.options("Field")
    assert "InstanceId" in left and "QueueName" not in left, left
    visitor.pick("Field", "InstanceId")
    assert visitor.options("Value") == ["i-0a1b2c3d4e5f60718", "i-0f9e8d7c6b5a41302"]
    visitor.pick("Value", "i-0a1b2c3d4e5f60718")
    assert visitor.options("Metric field") == ["CPUUtilization"]
    visitor.pick("Metric field", "CPUUtilization")
    expect(page.get_by_role("heading", name="CPUUtilization")).to_be_visible()
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, (59|60) points"))
    with page.expect_request("**/api/metric") as asked:
        page.get_by_role("button", name="Remove the filter InstanceId").click()
    assert [each["key"] for each in asked.value.post_data_json["query"]["conditions"]] == ["Namespace"]
    # Two instances have this metric, and the mirror folds their means.
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, (59|60) points"))


def a_pattern_is_a_prefix_of_the_next_list(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.pick("Field", "field1")
    assert visitor.options("Value") == ["value1", "cpu.*"]
    visitor.pick("Value", "cpu.*")
    expect(page.get_by_label("Value", exact=True)).to_have_value("cpu.")
    options = page.get_by_role("listbox", name="Value").get_by_role("option")
    expect(options).to_have_text(
        ["cpu.idle", "cpu.iowait", "cpu.nice", "cpu.steal", "cpu.system", "cpu.user", "Use “cpu.”"])
    options.get_by_text("cpu.user").click()
    expect(page.get_by_role("list", name="Filters")).to_have_text(re.compile("field1 = cpu.user"))


def long_lists_come_in_pages(visitor):
    page = visitor.open(visitor.mirrors.random)
    asked = []

    def answer(route):
        query = route.request.post_data_json["query"]
        asked.append((query["fieldValuePrefix"], query["offset"], query["limit"]))
        values = [f"v{index:04}" for index in range(1_200)][query["offset"]:][:query["limit"]]
        route.fulfill(headers={"x-mirror-api-key": "api_key"}, json={
            "values": [{"value": value, "_type": "CompleteValue"} for value in values],
            "isPartial": query["offset"] + query["limit"] < 1_200, "_type": "FieldValuesResponse"})

    page.route("**/api/field/value", answer)
    visitor.pick("Field", "field1")
    options = page.get_by_role("listbox", name="Value").get_by_role("option")
    for count in 501, 1_001, 1_200:
        expect(options).to_have_count(count)
        if count < 1_200:
            options.get_by_text("Show more").click()
    assert asked == [("", 0, 500), ("", 500, 500), ("", 1_000, 500)], asked


def values_keep_the_type_of_their_field(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.get_by_label("Show the connection details").check()
    visitor.filter("field2", "true")
    visitor.pick("Field", "field3")
    expect(page.locator("#value-picker .popup .hint")).to_have_text("Type a number.")
    visitor.use("Value", "1.5")
    expect(page.locator("#request")).to_contain_text('"value": true,\n          "_type": "BooleanValue"')
    expect(page.locator("#request")).to_contain_text('"value": 1.5,\n          "_type": "DoubleValue"')


def the_aggregation_is_asked_for(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/SQS"), metric="ApproximateNumberOfMessagesVisible")
    for method, text in [("Sum", r"^Sum, "), ("Percentile 95", r"^Percentile 95, "), ("Event count", r"^Event count, ")]:
        page.get_by_label("Aggregation").select_option(method)
        expect(visitor.summary).to_have_text(re.compile(text))
    page.get_by_label("Bucket size").select_option("5 min")
    expect(visitor.summary).to_have_text(re.compile(r"1[12] points, buckets of 5 min"))
    page.get_by_label("Aggregation").select_option("None: raw points")
    expect(visitor.summary).to_have_text(re.compile(r"^None: raw points, \d+ points, "))
    expect(page.get_by_label("Bucket size")).to_be_disabled()
    expect(page.get_by_role("columnheader")).to_have_text(["Value", "Time"])


def the_whole_way_needs_no_mouse(visitor):
    page = visitor.open_cloudwatch()
    keyboard = page.keyboard
    page.get_by_label("Field", exact=True).focus()
    keyboard.type("Names")
    options = page.get_by_role("listbox", name="Field").get_by_role("option")
    expect(options).to_have_text(["Namespace string", "Use “Names”"])
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.get_by_label("Value", exact=True)).to_be_focused()
    values = page.get_by_role("listbox", name="Value").get_by_role("option")
    expect(values.first).to_be_visible()
    keyboard.press("ArrowDown")
    expect(values.first).to_have_attribute("aria-selected", "true")
    keyboard.press("ArrowUp")
    expect(values.last).to_have_attribute("aria-selected", "true")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Namespace = AWS/EC2")
    expect(page.get_by_label("Field", exact=True)).to_be_focused()
    page.get_by_label("Metric field", exact=True).focus()
    keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox", name="Metric field").get_by_role("option")).to_have_count(1)
    keyboard.press("Escape")
    expect(page.get_by_role("listbox", name="Metric field")).to_have_count(0)
    keyboard.type("CPUUtilization")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="CPUUtilization")).to_be_visible()


def a_range_has_a_start_and_an_end(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.get_by_label("Range").select_option("Custom")
    page.get_by_label("To", exact=True).fill("2026-03-29T03:30:00")
    page.keyboard.press("Enter")
    expect(visitor.error).to_contain_text("From is after To.")
    page.get_by_label("From", exact=True).fill("2026-03-29T01:30:00")
    page.get_by_label("From", exact=True).blur()
    # In Amsterdam, this night has one hour less.
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, 60 points.*29 Mar 2026, 01:30:00 – 03:30:00"))
    page.get_by_label("To", exact=True).fill("")
    visitor.draw()
    expect(visitor.error).to_contain_text("The range is not complete.")


def a_refresh_asks_again(visitor):
    page = visitor.open(visitor.mirrors.random, frozen=True)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.get_by_label("Refresh").select_option("Every 30 s")
    calls = page.get_by_label("Call", exact=True).get_by_role("option")
    expect(calls).to_have_count(2)
    page.clock.fast_forward(29_000)
    expect(calls).to_have_count(2)
    page.clock.fast_forward(2_000)
    expect(calls).to_have_count(3)
    page.get_by_label("Refresh").select_option("Off")
    expect(calls).to_have_count(4)
    page.clock.fast_forward(120_000)
    expect(calls).to_have_count(4)


def a_wrong_key_is_told_as_stackstate_would(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.enter_key("another_key")
    visitor.draw()
    expect(visitor.error).to_contain_text("StackState would say that the Api Key is wrong.")
    visitor.test()
    expect(page.locator("#tested")).to_contain_text("The key in the answer is not the Api Key")
    visitor.enter_key("api_key")
    visitor.draw()
    expect(visitor.error).to_be_hidden()
    expect(visitor.summary).to_have_text(re.compile("60 points"))


def a_wrong_token_is_told(visitor):
    page = visitor.open(visitor.mirrors.restricted)
    expect(visitor.error).to_contain_text("The mirror does not know the caller")
    expect(visitor.error).to_contain_text("connectionDetails.accessToken: expected the access token")
    with page.expect_request("**/api/field/name") as asked:
        visitor.enter({"accessToken": "not-" + TOKEN})
    assert asked.value.post_data_json["connectionDetails"] == {"accessToken": "not-" + TOKEN}
    expect(visitor.error).to_contain_text("StackState would say that the Api Key is wrong, because this answer has no key.")
    visitor.enter({"accessToken": TOKEN})
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    assert page.url.count(TOKEN) == 0, page.url


def an_unknown_metric_is_told(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/SQS"))
    visitor.use("Metric field", "NumberOfNothing")
    expect(visitor.error).to_contain_text("There is no such metric.")
    expect(visitor.error).to_contain_text("NumberOfNothing")
    expect(page.locator("#chart")).to_be_hidden()


def connection_details_that_are_not_json_are_told(visitor):
    page = visitor.open(visitor.mirrors.random)
    for text, told in [('{"seed": ', "The text ends in line 1, before it is complete."), ("[]", "must be a JSON object"),
                       ("", "must be a JSON object"), (" \n ", "must be a JSON object"),
                       ('{"source": "cloudwatch",\n "region": "eu-west-1" "x": 1}', "The mistake is in line 2, at or before character 24."),
                       ('{"source": "cloudwatch",\n  "region": Ireland}', "The mistake is in line 2, at or before character 13."),
                       ('{\u201cseed\u201d: 1}', "The mistake is in line 1, at or before character 2."),
                       ('{"seed": 1,\n}', "The mistake is in line 2, at or before character 1.")]:
        visitor.enter(text)
        expect(visitor.error).to_contain_text(told)


def examples_can_be_inserted(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.unfold()
    for option, part in [("CloudWatch, access key", '"accessKeyId"'), ("CloudWatch, role", '"roleArn"'),
                         ("CloudWatch, own role", '"cloudwatch"'), ("Random data", "{}")]:
        visitor.insert(option)
        expect(page.get_by_label("Connection details JSON")).to_have_value(re.compile(part))


def a_list_that_fails_says_why(visitor):
    page = visitor.open(visitor.mirrors.cloudwatch)
    visitor.enter({**KEYS, "region": "Ireland"})
    page.get_by_label("Field", exact=True).click()
    expect(page.locator("#field-picker .popup .hint")).to_contain_text("region")
    assert SECRET not in page.locator("#field-picker").inner_text()


def a_list_of_fields_that_is_not_whole_says_so(visitor):
    page = visitor.open(visitor.mirrors.random)
    field = {"fieldName": "Namespace", "fieldType": "STRING", "classified": False, "_type": "FieldDescriptor"}
    page.route("**/api/field/name", lambda route: route.fulfill(headers={"x-mirror-api-key": "api_key"}, json={
        "fields": [field], "isPartial": True, "_type": "FieldNamesResponse"}))
    assert visitor.options("Field") == ["Namespace"]
    hint = page.locator("#field-picker .popup .hint")
    expect(hint).to_have_text("Not all are here. Add a filter, or type the whole name.")
    page.get_by_label("Field", exact=True).fill("x")
    expect(hint).to_have_text("Nothing fits. Not all are here. Add a filter, or type the whole name.")


def a_test_of_other_details_does_not_stand(visitor):
    page = visitor.open(visitor.mirrors.random)
    tested = page.locator("#tested")
    visitor.unfold()
    for change in (
        lambda: visitor.insert("Random data"),
        lambda: visitor.enter_key("another"),
        lambda: visitor.enter({"seed": 1}),
    ):
        visitor.test()
        expect(tested).to_have_text(re.compile("OK|wrong"))
        change()
        page.keyboard.press("Tab")
        expect(tested).to_be_empty()


def a_chart_of_other_details_does_not_stand(visitor):
    page = visitor.open(visitor.mirrors.cloudwatch)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    visitor.enter(KEYS)
    expect(page.locator("#state")).to_contain_text("Select a metric field")
    expect(page.locator("#chart")).to_be_hidden()
    expect(page.locator("#rows tr")).to_have_count(0)


def filters_without_a_metric_are_no_error(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"))
    expect(page.locator("#state")).to_contain_text("Select a metric field")
    expect(visitor.error).to_be_hidden()


def a_click_shows_the_whole_list(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/Lambda"), metric="Duration")
    expect(page.get_by_label("Metric field", exact=True)).to_have_value("Duration")
    assert visitor.options("Metric field") == ["Duration", "Errors", "Invocations"]


def a_mistake_in_the_details_is_not_quoted(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.enter(f'{{"secretAccessKey": {SECRET}}}')
    expect(visitor.error).to_contain_text("straight double quotes")
    assert SECRET[:5] not in visitor.error.inner_text()


def a_refresh_repeats_what_was_drawn(visitor):
    page = visitor.open(visitor.mirrors.random, frozen=True)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.get_by_label("Refresh").select_option("Every 10 s")
    page.get_by_label("Metric field", exact=True).fill("half a na")
    visitor.unfold()
    page.get_by_label("Connection details JSON").fill("{half")
    with page.expect_request("**/api/metric") as asked:
        page.clock.run_for(11_000)
    body = asked.value.post_data_json
    assert body["connectionDetails"] == {} and "metricField" not in body["query"], body
    assert "half" not in page.url


def half_a_name_is_never_taken(visitor):
    page = visitor.open_cloudwatch()
    keyboard = page.keyboard
    field, value = (page.get_by_label(label, exact=True) for label in ("Field", "Value"))
    field.click()
    # Faster than any list: what is typed is searched first.
    keyboard.type("Namesp")
    keyboard.press("Enter")
    expect(value).to_be_focused()
    expect(field).to_have_value("Namespace")
    keyboard.type("EC2")
    keyboard.press("Enter")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Namespace = AWS/EC2")
    for typed in "cpu", "CPU", "utili":
        page.get_by_label("Metric field", exact=True).fill(typed)
        keyboard.press("Enter")
        expect(page.get_by_role("heading", name="CPUUtilization")).to_be_visible()
    # What is typed and not chosen does not stay.
    page.get_by_label("Metric field", exact=True).fill("half a na")
    keyboard.press("Tab")
    expect(page.get_by_label("Metric field", exact=True)).to_have_value("CPUUtilization")
    # A closed list takes nothing.
    field.fill("Insta")
    expect(page.get_by_role("listbox", name="Field").get_by_role("option").first).to_contain_text("InstanceId")
    keyboard.press("Escape")
    keyboard.press("Tab")
    expect(field).to_have_value("")
    expect(value).to_be_disabled()
    # An empty field is a choice.
    page.get_by_label("Metric field", exact=True).fill("")
    keyboard.press("Tab")
    expect(page.locator("#state")).to_contain_text("Select a metric field")


def text_as_typed_is_a_choice(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"))
    visitor.pick("Field", "InstanceId")
    value = page.get_by_label("Value", exact=True)
    options = page.get_by_role("listbox", name="Value").get_by_role("option")
    for text, offered in [
        ("i-0a", ["i-0a1b2c3d4e5f60718", "Use “i-0a”"]),
        ("8D7C", ["i-0f9e8d7c6b5a41302", "Use “8D7C”"]),
        ("i-0a1b2c3d4e5f60718", ["i-0a1b2c3d4e5f60718"]),
        ("none", ["Use “none”"]),
        # A wildcard is meant, and the list shows what it stands for.
        ("i-*2", ["Use “i-*2”", "i-0f9e8d7c6b5a41302"]),
    ]:
        value.fill(text)
        expect(options).to_have_text(offered)
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("InstanceId = i-*2")
    visitor.pick("Metric field", "CPUUtilization")
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, (59|60) points"))


def several_values_are_a_set(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"), metric="CPUUtilization")
    both = ["i-0a1b2c3d4e5f60718", "i-0f9e8d7c6b5a41302"]
    visitor.filter("InstanceId", both[0])
    expect(page.locator("#set")).to_be_hidden()
    with page.expect_request("**/api/metric") as asked:
        visitor.filter("InstanceId", both[1])
    condition = {"key": "InstanceId", "value": {"value": both, "_type": "InSetValue"}, "_type": "EqualityCondition"}
    assert condition in asked.value.post_data_json["query"]["conditions"], asked.value.post_data_json
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, (59|60) points"))
    filters = page.get_by_role("list", name="Filters")
    expect(filters.get_by_role("listitem")).to_have_count(2)
    expect(filters).to_contain_text(f"InstanceId = {both[0]}")
    expect(page.locator("#set")).to_contain_text("InstanceId: several values are a set.")
    # The same value again changes nothing, and an address has the set.
    visitor.filter("InstanceId", both[1])
    page = visitor.open(visitor.mirrors.cloudwatch, page.url.removeprefix(visitor.mirrors.cloudwatch))
    visitor.enter(KEYS)
    expect(page.get_by_role("list", name="Filters").get_by_role("button")).to_have_count(3)
    with page.expect_request("**/api/metric") as asked:
        page.get_by_role("button", name=f"Remove the filter InstanceId = {both[0]}").click()
    condition["value"] = {"value": both[1], "_type": "StringValue"}
    assert condition in asked.value.post_data_json["query"]["conditions"], asked.value.post_data_json
    expect(page.locator("#set")).to_be_hidden()


def a_graph_is_pasted(visitor):
    page = visitor.open_cloudwatch()
    graph = {"title": "CPU", "period": 300, "stat": "Maximum", "metrics": [
        ["AWS/EC2", "CPUUtilization", "InstanceId", "i-0f9e8d7c6b5a41302", {"id": "m1", "visible": False}],
        ["...", "i-0a1b2c3d4e5f60718", {"id": "m2", "label": "web"}],
    ]}
    source = page.get_by_label("Source of the graph")
    expect(source).to_be_hidden()
    [example] = re.findall(r"```json\n(.*?)```", EXPLORE.read_text(), re.DOTALL)
    page.get_by_text("Paste a graph of CloudWatch").click()
    # Nothing is asked without a text.
    page.get_by_role("button", name="Draw the graph").click()
    expect(source).to_be_focused()
    source.fill(json.dumps(graph, indent=2))
    with page.expect_request("**/api/metric") as asked:
        page.get_by_role("button", name="Draw the graph").click()
    packed = json.dumps(graph, separators=(",", ":"))
    query = asked.value.post_data_json["query"]
    assert query["metricField"] == "value", query
    assert query["conditions"] == [
        {"key": "~", "value": {"value": packed, "_type": "StringValue"}, "_type": "EqualityCondition"}], query
    expect(visitor.summary).to_have_text(re.compile(r"^Expression, (59|60) points"))
    expect(page.get_by_role("list", name="Filters")).to_contain_text(f"~ = {packed[:80]}…")
    expect(page.locator("#chart-title")).to_have_text("CPU")
    expect(page.locator("#form-text")).to_contain_text('"name": "CPU"')
    # A reader of an address has the graph, too.
    page = visitor.open(visitor.mirrors.cloudwatch, page.url.removeprefix(visitor.mirrors.cloudwatch))
    with page.expect_request("**/api/metric") as asked:
        visitor.enter(KEYS)
    assert asked.value.post_data_json["query"]["conditions"] == query["conditions"]
    # The box has it, as long as it is a filter.
    page.get_by_text("Paste a graph of CloudWatch").click()
    expect(page.get_by_label("Source of the graph")).to_have_value(packed)
    page.get_by_role("button", name="Remove the filter ~").click()
    expect(page.get_by_label("Source of the graph")).to_have_value("")
    # The example of the document.
    page.get_by_label("Source of the graph").fill(example)
    page.get_by_role("button", name="Draw the graph").click()
    expect(page.locator("#chart-title")).to_have_text("The busiest minute")
    expect(visitor.summary).to_have_text(re.compile(r"^Expression, (59|60) points"))
    # Without a title, the label is the name.
    del graph["title"]
    page.get_by_label("Source of the graph").fill(json.dumps(graph))
    page.get_by_role("button", name="Draw the graph").click()
    expect(page.locator("#chart-title")).to_have_text("web")
    # The mirror says what is wrong, with its place.
    for text, told in [
        ('{"metrics": [\n["AWS/EC2" "CPUUtilization"]]}', "found a mistake: expected `,` or `]` at line 2 column 12"),
        ('{"metrics": [["AWS/EC2", "CPUUtilization", {"stat": "Mean"}]]}', "metrics[0][2].stat: expected one of CloudWatch"),
        ('{"metrics": [["AWS/EC2", "CPUUtilisation"]]}', "compare names and dimensions"),
        ('{"widgets": []}', "widgets: expected one graph, not all of a dashboard"),
    ]:
        page.get_by_label("Source of the graph").fill(text)
        page.get_by_role("button", name="Draw the graph").click()
        expect(page.locator("#state, #error").filter(has_text=told)).to_be_visible()
    # On a phone, it is brought into view.
    page.set_viewport_size({"width": 360, "height": 800})
    page.get_by_label("Source of the graph").fill(json.dumps(graph))
    page.get_by_role("button", name="Draw the graph").click()
    expect(page.locator("#chart-title")).to_be_in_viewport()


def a_tag_is_typed(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"), metric="CPUUtilization")
    for label, text in ("Field", "Tag.Environment"), ("Value", "Prod"):
        page.get_by_label(label, exact=True).fill(text)
        page.get_by_role("option", name=f"Use “{text}”").click()
    expect(visitor.error).to_contain_text("with a value or with * for any, as one of these sets: {InstanceId}")
    visitor.pick("Field", "InstanceId")
    page.get_by_label("Value", exact=True).fill("*")
    with page.expect_request("**/api/metric") as asked:
        page.get_by_role("option", name="Use “*”").click()
    keys = [condition["key"] for condition in asked.value.post_data_json["query"]["conditions"]]
    assert keys == ["Namespace", "Tag.Environment", "InstanceId"], keys


def nothing_is_asked_before_a_metric_is_chosen(visitor):
    page = visitor.open(visitor.mirrors.cloudwatch)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/api/")[2]))
    failed = []
    page.on("response", lambda response: response.status >= 400 and failed.append(response.url))
    visitor.enter(KEYS)
    expect(page.locator("#state")).to_contain_text("Choose the filter Namespace first.")
    assert visitor.options("Field")[0] == "Namespace"
    expect(page.get_by_role("listbox", name="Field").get_by_text("expression")).to_be_visible()
    page.keyboard.press("Escape")
    visitor.filter("Namespace", "AWS/EC2")
    expect(page.locator("#state")).to_contain_text("Its list has the metrics that the filters leave.")
    assert "metric" not in asked and not failed, (asked, failed)
    # These name the metric themselves.
    visitor.pick("Field", "MetricName")
    visitor.pick("Value", "CPUUtilization")
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, (59|60) points"))


def the_page_says_which_source_answers(visitor):
    page = visitor.open(visitor.mirrors.cloudwatch)
    source = page.locator("#source")
    expect(source).to_have_text("random data")
    visitor.enter({"seed": 42})
    expect(source).to_have_text("random data")
    # No metric is needed, as the mirror says.
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    visitor.enter(KEYS)
    expect(source).to_have_text("CloudWatch, eu-west-1, access key")
    page.get_by_label("Connection details JSON").fill(json.dumps({"region": "eu-west-1"}))
    expect(source).to_be_empty()
    page.get_by_label("Connection details JSON").blur()
    expect(visitor.error).to_contain_text("connectionDetails: found region, but no credential")
    expect(source).to_be_empty()


def the_connection_is_one_line_once_its_test_passed(visitor):
    page = visitor.open(visitor.mirrors.random)
    details = page.get_by_label("Connection details JSON")
    expect(details).to_be_hidden()
    visitor.enter({"source": "cloudwatch"})
    visitor.test()
    expect(page.locator("#tested")).to_contain_text("FAILURE")
    expect(details).to_be_visible()
    visitor.enter({})
    visitor.test()
    expect(page.locator("#tested")).to_have_text("✓ OK")
    expect(details).to_be_hidden()
    expect(page.locator("#connection summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(details).to_be_visible()


def an_example_is_not_sent(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    asked = []
    page.on("request", lambda request: "/api/" in request.url and asked.append(request.url))
    visitor.insert("CloudWatch, access key")
    expect(page.locator("#state")).to_contain_text("Replace each … by a value of your own.")
    expect(page.locator("#chart")).to_be_hidden()
    visitor.test()
    expect(page.locator("#tested")).to_contain_text("Replace each …")
    page.get_by_label("Field", exact=True).click()
    expect(page.locator("#field-picker .popup .hint")).to_contain_text("Replace each …")
    assert not asked, asked
    visitor.insert("Random data")
    expect(visitor.summary).to_have_text(re.compile("60 points"))


def a_longer_bucket_is_told(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/Lambda"), metric="Duration")
    longer = page.locator("#longer")
    expect(visitor.summary).to_have_text(re.compile("buckets of 1 min"))
    expect(longer).to_be_hidden()
    page.get_by_label("Bucket size").select_option("10 s")
    expect(longer).to_contain_text("The buckets are 1 min long, not 10 s")
    page.get_by_label("Aggregation").select_option("None: raw points")
    expect(visitor.summary).to_have_text(re.compile("raw points"))
    expect(longer).to_be_hidden()


def enter_takes_nothing_that_was_not_seen(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"))
    field, value, metric = (page.get_by_label(label, exact=True) for label in ("Field", "Value", "Metric field"))
    options = page.locator(".popup").get_by_role("option")
    # Nothing fits, and Enter came before the list.
    field.click()
    page.keyboard.type("Nothing")
    page.keyboard.press("Enter")
    expect(options).to_have_text(["Use “Nothing”"])
    expect(value).to_be_disabled()
    # Only something similar fits, and a second Enter takes it.
    field.fill("Regio n")
    page.keyboard.press("Enter")
    expect(options).to_have_text(["Region similar", "Use “Regio n”"])
    expect(value).to_be_disabled()
    page.keyboard.press("Enter")
    expect(field).to_have_value("Region")
    expect(value).to_be_focused()
    # A list that fails.
    page.route("**/api/field/name", lambda route: route.abort())
    page.get_by_role("button", name="Draw again").click()
    metric.fill("CPUUtil")
    page.keyboard.press("Enter")
    expect(page.locator("#metric-picker .popup .hint")).to_contain_text("The mirror cannot be reached.")
    expect(options).to_have_text(["Use “CPUUtil”"])
    expect(page.locator("#state")).to_contain_text("Select a metric field")
    page.unroute("**/api/field/name")
    # The list of all fields, and text from before.
    field.fill("instance")
    page.keyboard.press("Escape")
    field.click()
    expect(options.first).to_have_text("Namespace string")
    page.keyboard.press("Enter")
    expect(field).to_have_value("InstanceId")
    # A line that was marked before the text changed.
    value.fill("i-0")
    expect(options).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.type("f")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("InstanceId = i-0f9e8d7c6b5a41302")
    # A field keeps its type.
    page = visitor.open(visitor.mirrors.random)
    visitor.pick("Field", "field3")
    page.get_by_label("Field", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#value-picker .popup .hint")).to_have_text("Type a number.")


def what_is_typed_meanwhile_is_not_sent(visitor):
    page = visitor.open(visitor.mirrors.random, frozen=True)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.get_by_label("Refresh").select_option("Every 10 s")
    visitor.insert("CloudWatch, access key")
    expect(page.locator("#state")).to_contain_text("Replace each …")
    asked = []
    page.on("request", lambda request: "/api/" in request.url and asked.append(request.post_data))
    page.get_by_label("Connection details JSON").fill(json.dumps({**KEYS, "secretAccessKey": "half"}))
    page.clock.run_for(61_000)
    assert not asked, asked
    # A range that is not complete repeats nothing either.
    visitor.enter({})
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.get_by_label("Range").select_option("Custom")
    page.get_by_label("To", exact=True).fill("")
    page.keyboard.press("Enter")
    expect(visitor.error).to_contain_text("The range is not complete.")
    del asked[:]
    page.clock.run_for(61_000)
    assert not asked and visitor.error.is_visible(), asked


def details_that_were_cleared_are_not_random(visitor):
    address = "explore#connection=other&metric=CPUUtilization&filter=%5B%22Namespace%22%2C%22AWS%2FEC2%22%5D"
    page = visitor.open(visitor.mirrors.cloudwatch, address)
    expect(page.locator("#state")).to_contain_text("This chart needs connection details")
    page.get_by_label("Range").select_option("Last 3 h")
    expect(visitor.error).to_contain_text("must be a JSON object")
    assert "connection=other" in page.url, page.url
    expect(page.locator("#source")).to_be_empty()


def a_whole_name_counts_without_enter(visitor):
    page = visitor.open_cloudwatch()
    keyboard = page.keyboard
    field, value, metric = (page.get_by_label(label, exact=True) for label in ("Field", "Value", "Metric field"))
    metric.click()
    expect(page.locator("#metric-picker .popup .hint")).to_have_text("Choose the filter Namespace first.")
    field.click()
    keyboard.type("namespace")
    keyboard.press("Tab")
    expect(value).to_be_focused()
    keyboard.type("AWS/Lambda")
    keyboard.press("Tab")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Namespace = AWS/Lambda")
    metric.click()
    keyboard.type("Errors")
    keyboard.press("Tab")
    expect(page.get_by_role("heading", name="Errors")).to_be_visible()
    # What is typed replaces what was chosen.
    metric.click()
    keyboard.type("Dur")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Duration")).to_be_visible()
    # Down marks the first line.
    field.focus()
    keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox", name="Field").get_by_role("option").first).to_have_attribute("aria-selected", "true")
    keyboard.press("Escape")
    # An expression is found by its meaning.
    field.fill("expr")
    expect(page.get_by_role("listbox", name="Field").get_by_role("option").first).to_have_text("~ expression or graph")


def enter_in_the_key_tests_the_connection(visitor):
    page = visitor.open(visitor.mirrors.random)
    visitor.unfold()
    page.get_by_label("Api Key").fill("api_key")
    page.keyboard.press("Enter")
    expect(page.locator("#tested")).to_have_text("✓ OK")
