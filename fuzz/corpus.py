"""Writes the events of events/, their bodies, and responses of CloudWatch into a folder, as the
fuzzer's first inputs. The first letter says which it is: fuzz/mirror.rs."""

import datetime
import json
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for path in sorted(pathlib.Path("events").glob("*/*.json")):
    event = json.loads(path.read_text())
    name = f"{path.parent.name}-{path.stem}"
    (folder / name).write_text("b" + event["body"])
    (folder / f"{name}-event").write_text("e" + path.read_text())

details = {"accessToken": "a-token-of-24-characters"}
(folder / "admitted").write_text("b" + json.dumps({"connectionDetails": details}))

keys = {"source": "cloudwatch", "accessKeyId": "a", "secretAccessKey": "b", "region": "eu-west-1"}
for name, condition in [("metric", ["Host", "a*"]), ("resource", ["Resource", "f"]), ("sql", ["~", "SELECT 1"])]:
    conditions = [{"key": key, "value": {"value": value}}
                  for key, value in [["Namespace", "AWS/Lambda"], condition]]
    query = {"conditions": conditions, "metricField": "M", "startTime": 1790000000000,
             "endTime": 1790000400000, "field": {"fieldName": "Host"},
             "aggregation": {"method": "SUM", "bucketSizeMillis": 60000}}
    body = json.dumps({"connectionDetails": keys, "query": query})
    (folder / f"cloudwatch-{name}").write_text("b" + body)


def cbor(value):
    """Values as CloudWatch's protocol writes them."""
    if isinstance(value, str):
        return b"\x79" + len(value).to_bytes(2, "big") + value.encode()
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, list):
        return b"\x99" + len(value).to_bytes(2, "big") + b"".join(map(cbor, value))
    if isinstance(value, dict):
        items = b"".join(cbor(key) + cbor(item) for key, item in value.items())
        return b"\xb9" + len(value).to_bytes(2, "big") + items
    return b"\xc1" + cbor(value.timestamp())


moment = datetime.datetime.fromtimestamp(1_790_000_400 - 600, datetime.timezone.utc)
metric = {"Namespace": "AWS/SQS", "MetricName": "M",
          "Dimensions": [{"Name": "QueueName", "Value": "a"}]}
for name, response in [
    ("data", {"MetricDataResults": [{"Id": "q0", "StatusCode": "Complete", "Label": "M",
                                     "Timestamps": [moment], "Values": [1.5]}]}),
    ("partial", {"MetricDataResults": [{"Id": "q0", "StatusCode": "PartialData"}],
                 "NextToken": "more"}),
    ("failed", {"MetricDataResults": [{"Id": "q0", "StatusCode": "InternalError"}],
                "Messages": [{"Code": "MaxMetricsExceeded", "Value": "500"}]}),
    ("list", {"Metrics": [metric, {**metric, "MetricName": "N"}], "OwningAccounts": ["1" * 12]}),
]:
    (folder / f"response-{name}").write_bytes(b"r" + cbor(response))
