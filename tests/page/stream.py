"""Connection, filters, metric, aggregation and time, as in StackState's stream dialog."""

import re

from playwright.sync_api import expect

from harness import KEYS, SECRET, TOKEN


def random_data_needs_nothing(visitor):
    page = visitor.open(visitor.mirrors.random)
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, 60 points, buckets of 1 min"))
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#tested")).to_have_text("OK: StackState can use this mirror.")


def cloudwatch_is_refined_filter_by_filter(visitor):
    page = visitor.open_cloudwatch()
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#tested")).to_have_text("OK: StackState can use this mirror.")
    everything = visitor.options("Field")
    assert "Namespace" in everything and "InstanceId" not in everything, everything
    visitor.pick("Field", "Namespace")
    namespaces = visitor.options("Value")
    assert namespaces == ["AWS/EC2", "AWS/Lambda", "AWS/SQS", "Shop"], namespaces
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
    expect(options).to_have_text(["cpu.idle", "cpu.iowait", "cpu.nice", "cpu.steal", "cpu.system", "cpu.user"])
    options.get_by_text("cpu.user").click()
    expect(page.get_by_role("list", name="Filters")).to_have_text(re.compile("field1 = cpu.user"))


def long_lists_come_in_pages(visitor):
    page = visitor.open(visitor.mirrors.random)
    asked = []

    def answer(route):
        query = route.request.post_data_json["query"]
        asked.append((query["fieldValuePrefix"], query["offset"], query["limit"]))
        values = [f"v{index:03}" for index in range(120)][query["offset"]:][:query["limit"]]
        route.fulfill(headers={"x-mirror-api-key": "api_key"}, json={
            "values": [{"value": value, "_type": "CompleteValue"} for value in values],
            "isPartial": query["offset"] + query["limit"] < 120, "_type": "FieldValuesResponse"})

    page.route("**/api/field/value", answer)
    visitor.pick("Field", "field1")
    options = page.get_by_role("listbox", name="Value").get_by_role("option")
    for count in 51, 101, 120:
        expect(options).to_have_count(count)
        if count < 120:
            options.get_by_text("Show more").click()
    assert asked == [("", 0, 50), ("", 50, 50), ("", 100, 50)], asked


def values_keep_the_type_of_their_field(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.get_by_label("Show the connection details").check()
    visitor.filter("field2", "true")
    page.get_by_label("Field", exact=True).fill("field3")
    visitor.pick("Field", "field3")
    page.get_by_label("Value", exact=True).fill("1.5")
    page.get_by_role("button", name="Add filter").click()
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
    expect(options).to_have_count(1)
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
    page.get_by_label("Range").select_option("From … to …")
    page.get_by_label("To", exact=True).fill("2026-03-29T03:30:00")
    expect(visitor.error).to_contain_text("query.endTime: expected startTime")
    page.get_by_label("From", exact=True).fill("2026-03-29T01:30:00")
    # In Amsterdam, this night has one hour less.
    expect(visitor.summary).to_have_text(re.compile(r"^Mean, 60 points.*29 Mar 2026, 01:30:00 to 29 Mar 2026, 03:30:00"))
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
    page.get_by_label("Api Key").fill("another_key")
    visitor.draw()
    expect(visitor.error).to_contain_text("StackState would say that the Api Key is wrong.")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#tested")).to_contain_text("The key in the answer is not the Api Key")
    page.get_by_label("Api Key").fill("api_key")
    visitor.draw()
    expect(visitor.error).to_be_hidden()
    expect(visitor.summary).to_have_text(re.compile("60 points"))


def a_wrong_token_is_told(visitor):
    page = visitor.open(visitor.mirrors.restricted)
    expect(visitor.error).to_contain_text("The mirror does not know the caller")
    expect(visitor.error).to_contain_text("connectionDetails.accessToken: expected the access token")
    visitor.enter({"accessToken": "not-" + TOKEN})
    with page.expect_request("**/api/metric") as asked:
        visitor.draw()
    assert asked.value.post_data_json["connectionDetails"] == {"accessToken": "not-" + TOKEN}
    expect(visitor.error).to_contain_text("StackState would say that the Api Key is wrong.")
    visitor.enter({"accessToken": TOKEN})
    visitor.draw()
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    assert page.url.count(TOKEN) == 0, page.url


def an_unknown_metric_is_told(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/SQS"))
    page.get_by_label("Metric field", exact=True).fill("NumberOfNothing")
    visitor.draw()
    expect(visitor.error).to_contain_text("There is no such metric.")
    expect(visitor.error).to_contain_text("NumberOfNothing")
    expect(page.locator("#chart")).to_be_hidden()


def connection_details_that_are_not_json_are_told(visitor):
    page = visitor.open(visitor.mirrors.random)
    for text, told in [("{", "are not JSON"), ("[]", "must be a JSON object"), ("", "must be a JSON object")]:
        page.get_by_label("Connection details JSON").fill(text)
        visitor.draw()
        expect(visitor.error).to_contain_text(told)


def examples_can_be_inserted(visitor):
    page = visitor.open(visitor.mirrors.random)
    for option, part in [("CloudWatch with an access key", '"accessKeyId"'), ("CloudWatch with a role", '"roleArn"'),
                         ("CloudWatch with the function's own role", '"cloudwatch"'), ("Random data", "{}")]:
        page.get_by_label("Insert an example").select_option(label=[
            text for text in page.get_by_label("Insert an example").get_by_role("option").all_inner_texts()
            if text.startswith(option)][0])
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
    expect(hint).to_have_text("Not all are here. Type to find others.")
    page.get_by_label("Field", exact=True).fill("x")
    expect(hint).to_have_text("Nothing fits. Not all are here. Type to find others.")


def a_test_of_other_details_does_not_stand(visitor):
    page = visitor.open(visitor.mirrors.random)
    tested = page.locator("#tested")
    for change in (
        lambda: page.get_by_label("Insert an example").select_option("Random data"),
        lambda: page.get_by_label("Api Key").fill("another"),
        lambda: visitor.enter({"seed": 1}),
    ):
        page.get_by_role("button", name="Test connection").click()
        expect(tested).to_have_text(re.compile("OK|wrong"))
        change()
        page.keyboard.press("Tab")
        expect(tested).to_be_empty()


def a_chart_of_other_details_does_not_stand(visitor):
    page = visitor.open(visitor.mirrors.cloudwatch)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    visitor.enter(KEYS)
    page.keyboard.press("Tab")
    expect(page.locator("#state")).to_contain_text("Other connection details")
    expect(page.locator("#chart")).to_be_hidden()
    expect(page.locator("#rows tr")).to_have_count(0)


def filters_without_a_metric_are_no_error(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/EC2"))
    expect(page.locator("#state")).to_contain_text("Select a metric field")
    expect(visitor.error).to_be_hidden()


def a_click_shows_the_whole_list(visitor):
    page = visitor.open_cloudwatch(("Namespace", "AWS/Lambda"), metric="Duration")
    expect(page.get_by_label("Metric field", exact=True)).to_have_value("Duration")
    assert visitor.options("Metric field") == ["Duration", "Invocations"]


def a_mistake_in_the_details_is_not_quoted(visitor):
    page = visitor.open(visitor.mirrors.random)
    page.get_by_label("Connection details JSON").fill(f'{{"secretAccessKey": {SECRET}}}')
    visitor.draw()
    expect(visitor.error).to_contain_text("Check the quotes, commas and braces.")
    assert SECRET[:5] not in visitor.error.inner_text()


def a_refresh_repeats_what_was_drawn(visitor):
    page = visitor.open(visitor.mirrors.random, frozen=True)
    expect(visitor.summary).to_have_text(re.compile("60 points"))
    page.get_by_label("Refresh").select_option("Every 10 s")
    page.get_by_label("Metric field", exact=True).fill("half a na")
    page.get_by_label("Connection details JSON").fill("{half")
    with page.expect_request("**/api/metric") as asked:
        page.clock.run_for(11_000)
    body = asked.value.post_data_json
    assert body["connectionDetails"] == {} and "metricField" not in body["query"], body
    assert "half" not in page.url
