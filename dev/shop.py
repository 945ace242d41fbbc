"""The metrics of a small shop in AWS, for a local CloudWatch."""

import math
import random

DAY = 86_400

# What is measured every minute: namespace, metric, dimensions, minimum and maximum.
EVERY_MINUTE = [
    ("AWS/ApplicationELB", name, {"LoadBalancer": balancer}, least, largest)
    for balancer in ("app/prod-api/0a1b2c3d4e5f6071", "app/prod-web/8a9b0c1d2e3f4051", "app/test-web/6a7b8c9d0e1f2031")
    for name, least, largest in (("RequestCount", 40, 400), ("TargetResponseTime", 0.02, 0.9))
] + [
    ("AWS/EC2", "CPUUtilization", {"InstanceId": "i-0a1b2c3d4e5f60718"}, 5, 80),
    ("AWS/EC2", "CPUUtilization", {"InstanceId": "i-0f9e8d7c6b5a41302"}, 20, 40),
] + [
    ("AWS/Lambda", name, {"FunctionName": function}, least, largest)
    for function in ("checkout", "invoice", "search")
    for name, least, largest in (("Duration", 12, 250), ("Errors", 0, 1.4), ("Invocations", 0, 30))
] + [
    ("AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": "shop"}, 10, 60),
    ("AWS/RDS", "FreeStorageSpace", {"DBInstanceIdentifier": "shop"}, 80e9, 81e9),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "orders"}, 0, 12),
    ("Shop", "Revenue", {"Currency": "EUR"}, 0, 900),
]

# What CloudWatch has once a day, at midnight UTC.
EVERY_DAY = [
    ("AWS/S3", "BucketSizeBytes", {"BucketName": "shop-pictures", "StorageType": "StandardStorage"}, 4.1e12, 4.2e12),
    ("AWS/S3", "NumberOfObjects", {"BucketName": "shop-pictures", "StorageType": "AllStorageTypes"}, 9.1e6, 9.2e6),
]

COUNTS = {"Errors", "Invocations", "NumberOfObjects", "ApproximateNumberOfMessagesVisible", "RequestCount"}

# So a percentile of a minute is more than one sample.
SAMPLES_A_MINUTE = 3


def level(at, least, largest):
    """A value that goes up and down in half an hour, with noise."""
    share = 0.5 + 0.35 * math.sin(at / 290 + least) + random.uniform(-0.15, 0.15)
    return least + (largest - least) * share


def put(cloudwatch, metrics, times, samples=1):
    """Puts samples of every metric at each of these times, in epoch seconds."""
    entries = {}
    for namespace, name, dimensions, least, largest in metrics:
        entries.setdefault(namespace, []).extend(
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Timestamp": at,
                "Value": float(int(value)) if name in COUNTS else round(value, 2),
            }
            for at in times for value in (level(at, least, largest) for _ in range(samples))
        )
    for namespace, data in entries.items():
        # "PutMetricData", CloudWatch API reference: at most 1,000.
        for first in range(0, len(data), 1_000):
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[first:first + 1_000])


def fill(cloudwatch, now):
    """An hour of what is measured every minute, and 13 days of the rest: the local CloudWatch forgets older samples."""
    put(cloudwatch, EVERY_MINUTE, [now - 60 * minute for minute in range(60)], SAMPLES_A_MINUTE)
    put(cloudwatch, EVERY_DAY, [now // DAY * DAY - DAY * day for day in range(13)])


def add(cloudwatch, now):
    """The samples of one more minute."""
    put(cloudwatch, EVERY_MINUTE, [now], SAMPLES_A_MINUTE)


def table():
    """The metrics, a line each."""
    return "\n".join(
        f"  {namespace:19} {name:35} {', '.join(f'{key} = {value}' for key, value in dimensions.items())}"
        for namespace, name, dimensions, _, _ in sorted(EVERY_MINUTE + EVERY_DAY, key=lambda row: row[:2])
    )
