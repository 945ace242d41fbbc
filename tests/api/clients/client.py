"""Calls a mirror with the client that openapi-python-client makes of docs/openapi.yaml.

Its arguments are the Mirror URL and what to ask, as JSON.
"""

import json
import sys
import time

from mirror_client import Client
from mirror_client.api.mirror_rest_api import list_field_names, list_field_values, query_metrics, test_connection
from mirror_client.models import (
    AggregatedMetricTelemetry, Aggregation, AggregationMethod, ConnectionDetails, EqualityCondition, FieldNamesQuery,
    FieldNamesRequest, FieldNamesResponse, FieldOfQuery, FieldValuesQuery, FieldValuesRequest, FieldValuesResponse,
    MetricsQuery, MetricsRequest, MetricsResponse, RawMetricTelemetry, RemoteMirrorError, StringValue,
    TestConnectionRequest, TestConnectionResponse, TestConnectionResponseStatus)

client = Client(sys.argv[1], raise_on_unexpected_status=True)
asked = json.loads(sys.argv[2])
details = ConnectionDetails.from_dict(asked["details"])
conditions = [EqualityCondition(key, StringValue(value, "StringValue")) for key, value in asked["conditions"]]
end = int(time.time()) // 60 * 60_000
start = end - 3_600_000

answer = test_connection.sync_detailed(client=client, body=TestConnectionRequest(details))
assert answer.headers["X-Mirror-Api-Key"] == "api_key", answer
assert isinstance(answer.parsed, TestConnectionResponse), answer
assert answer.parsed.status is TestConnectionResponseStatus.OK, answer

names = list_field_names.sync(client=client, body=FieldNamesRequest(details, FieldNamesQuery(start, end, limit=100)))
assert isinstance(names, FieldNamesResponse), names
assert asked["field"] in [field.field_name for field in names.fields], names

values = list_field_values.sync(client=client, body=FieldValuesRequest(
    details, FieldValuesQuery(field=FieldOfQuery(asked["field"]), start_time=start, end_time=end)))
assert isinstance(values, FieldValuesResponse), values
assert [value.value for value in values.values][:2] == asked["values"], values


def metrics(start, end, **others):
    query = MetricsQuery(start, end, metric_field=asked["metric"], conditions=conditions, **others)
    return query_metrics.sync_detailed(client=client, body=MetricsRequest(details, query))


buckets = metrics(start, end, aggregation=Aggregation(AggregationMethod.MAX, bucket_size_millis=600_000)).parsed
assert isinstance(buckets, MetricsResponse) and isinstance(buckets.telemetry, AggregatedMetricTelemetry), buckets
assert [column.value for column in buckets.telemetry.data_format] == ["value", "startTimestamp", "endTimestamp"]
value, since, until = buckets.telemetry.points[0]
assert isinstance(value, float) and until == since + 600_000, buckets

raw = metrics(start, end, limit=3).parsed
assert isinstance(raw, MetricsResponse) and isinstance(raw.telemetry, RawMetricTelemetry), raw
assert len(raw.telemetry.points) == 3, raw

failed = metrics(end, start)
assert failed.status_code == 500 and isinstance(failed.parsed, RemoteMirrorError), failed
assert failed.parsed.summary == "The mirror cannot read this request", failed

wrong = test_connection.sync(client=client, body=TestConnectionRequest(ConnectionDetails.from_dict(asked["wrong"])))
assert isinstance(wrong, TestConnectionResponse) and wrong.status is TestConnectionResponseStatus.FAILURE, wrong
assert wrong.error.details, wrong
