"""Which alarm fires when: the templates' metric filters on log lines of the real binary.

A line is written by the mirror, a metric is made of it as CloudWatch Logs does ("Filter pattern syntax for
metric filters", CloudWatch Logs user guide), and an alarm looks at three periods of it. What Lambda and API
Gateway measure themselves is given.
"""

import functools
import json
import operator
import re
import subprocess

from deploy.stack import read_template
from parameters import BINARY
from runtime_api import RuntimeApi

TOKEN = "0123456789abcdef"
GOOD, STRANGER = {"accessToken": TOKEN}, {}
QUERY = {"startTime": 0, "endTime": 60_000}
COMPARISONS = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}


def event(path, details, query=QUERY, method="POST", body=None):
    return {
        "rawPath": path, "isBase64Encoded": False,
        "body": body or json.dumps({"connectionDetails": details, "query": query}),
        "requestContext": {"stage": "$default", "http": {"method": method, "sourceIp": "203.0.113.7"}},
    }


REQUESTS = {
    "answered": event("/api/metric", GOOD),
    "tested": event("/api/connection", GOOD),
    "failed": event("/api/metric", GOOD, {"startTime": 1, "endTime": 0}),
    "without the token": event("/api/metric", STRANGER),
    "another path": event("/wp-login.php", STRANGER),
    "another method": event("/api/metric", STRANGER, method="PUT"),
    "too long": event("/api/metric", GOOD, body=json.dumps(
        {"connectionDetails": GOOD, "query": {**QUERY, "filler": "x" * 300_000}})),
    "opened in a browser": event("/", STRANGER, method="GET"),
}


@functools.cache
def lines():
    """The log line of each request."""
    runtime = RuntimeApi()
    variables = {"MIRROR_ACCESS_TOKEN": TOKEN, "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    with subprocess.Popen([BINARY], env={**runtime.environment, **variables}, stdout=subprocess.PIPE) as function:
        for request in REQUESTS.values():
            runtime.answer(json.dumps(request).encode(), function)
        function.kill()
        written = [json.loads(line) for line in function.stdout.read().splitlines()]
    return dict(zip(REQUESTS, written, strict=True))


def matches(pattern, line):
    """Whether a filter's pattern takes the line."""
    def holds(term):
        name, comparison, value = re.fullmatch(r"\(?\$\.(\w+) (NOT EXISTS|=|>=|>) ?(.*?)\)?", term.strip()).groups()
        found = line.get(name)
        if comparison == "NOT EXISTS":
            return name not in line
        if value == "*":
            return found is not None
        if comparison == "=":
            return found == json.loads(value)
        compare = {">": operator.gt, ">=": operator.ge}[comparison]
        return isinstance(found, (int, float)) and compare(found, float(value))

    return all(holds(term) for term in pattern.removeprefix("{").removesuffix("}").split("&&"))


def values(resources, period):
    """The values of each metric of the log in a period, in which these requests arrived."""
    found = {}
    for resource in resources.values():
        if resource["Type"] != "AWS::Logs::MetricFilter":
            continue
        properties = resource["Properties"]
        (transformation,) = properties["MetricTransformations"]
        metric = found.setdefault(transformation["MetricName"], [])
        for line in period:
            if matches(properties["FilterPattern"], line):
                value = transformation["MetricValue"]
                metric.append(float(line[value[2:]] if value.startswith("$.") else value))
            elif "DefaultValue" in transformation:
                metric.append(transformation["DefaultValue"])
    return found


def statistic(name, found):
    if not found:
        return None
    return {"Sum": sum, "Average": lambda all: sum(all) / len(all), "p99": max}[name](found)


def datapoint(alarm, period, measured):
    """What an alarm sees of a period, or None."""
    if "Metrics" not in alarm:
        found = period if "Fn::Sub" in alarm["Namespace"] else measured
        return statistic(alarm.get("Statistic") or alarm["ExtendedStatistic"], found.get(alarm["MetricName"]))
    (formula,) = [metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric]
    assert formula == "FILL(all, 0) - FILL(own, 0)", formula
    (refused,) = measured.get("4xx", [0])
    return refused - sum(period["Refused"])


def firing(template, requests, measured):
    """The alarms that fire when these requests arrive in each of three periods."""
    resources = template["Resources"]
    period = values(resources, [lines()[name] for name, count in requests.items() for _ in range(count)])
    fired = set()
    for name, resource in resources.items():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        alarm = resource["Properties"]
        # All periods are equal, so it does not matter how many must be above the threshold.
        assert alarm.get("DatapointsToAlarm", 1) <= alarm["EvaluationPeriods"] <= 3
        threshold = alarm["Threshold"]
        if isinstance(threshold, dict):
            threshold = template["Parameters"][threshold["Ref"]]["Default"]
        value = datapoint(alarm, period, measured)
        if value is None:
            is_breaching = alarm["TreatMissingData"] == "breaching"
        else:
            is_breaching = COMPARISONS[alarm["ComparisonOperator"]](value, threshold)
        if is_breaching:
            fired.add(name.removesuffix("Alarm"))
    return fired


def the_right_alarm_fires():
    scan = {"without the token": 100, "another path": 300, "another method": 50, "too long": 5}
    refused = {"4xx": [455]}
    for case, requests, measured, expected in [
        ("a quiet night with one check", {"answered": 5}, {}, set()),
        ("a busy day", {"answered": 500, "tested": 3, "failed": 20}, {"Duration": [900]}, set()),
        ("a dead function", {}, {"Errors": [30], "Duration": [50]}, {"Crashes", "Silence"}),
        ("out of memory, now and then", {"answered": 50}, {"Errors": [2]}, {"Crashes"}),
        ("a stranger's scan", {"answered": 5, **scan}, refused, set()),
        ("a stranger's scan hides no errors", {"answered": 5, "failed": 5, **scan}, refused, {"Errors"}),
        ("a stranger at the first page", {"answered": 5, "failed": 5, "opened in a browser": 900}, {}, {"Errors"}),
        ("a stranger alone", scan, refused, {"Silence"}),
        ("a wrong token", {"without the token": 50}, {}, {"Silence"}),
        ("every query fails", {"failed": 50}, {}, {"Errors", "Silence"}),
        ("a throttled function", {"answered": 50}, {"Throttles": [10]}, {"Throttles"}),
        ("a throttled API", {"answered": 50}, {"4xx": [40]}, {"Api"}),
        ("a scan of an API that throttles", {"answered": 50, **scan}, {"4xx": [495]}, {"Api"}),
        ("an API that lets nothing through", {}, {"4xx": [90]}, {"Api", "Silence"}),
        ("slow answers", {"answered": 50}, {"Duration": [24_000]}, {"Slow"}),
        ("nobody asks", {}, {}, {"Silence"}),
    ]:
        for path in ["template.yaml", "template-managed.yaml"]:
            found = firing(read_template(path), requests, measured)
            assert found == expected, f"{case}: expected {expected or 'no alarm'}, found {found}"


def an_alarm_says_what_to_do():
    """Its text names log, dashboard and a section that is there."""
    with open("docs/operate.md") as file:
        headings = re.findall(r"(?m)^### (.*)$", file.read())
    for name, resource in read_template()["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            text = resource["Properties"]["AlarmDescription"]["Fn::Sub"]
            section = re.search(r"docs/operate\.md, (Alarm: [a-z]+)\. Dashboard: \$\{AWS::StackName\}\. Log: \$\{", text)
            assert section and section[1] in headings, (name, text)
            assert len(text) < 900, name
