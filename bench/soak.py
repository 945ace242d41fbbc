"""Runs the soak test with a local AWS that has an hour of one metric: soak.py SOAK MIRROR."""

import datetime
import subprocess
import sys
import tempfile

from local_aws import LocalAws

soak, mirror = sys.argv[1:]
# An hour of yesterday: ministack still keeps it, and all of its buckets are over.
hour = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
hour = int((hour - datetime.timedelta(days=1)).timestamp())
with tempfile.TemporaryDirectory() as folder:
    aws = LocalAws(folder)
    try:
        aws.client("cloudwatch").put_metric_data(Namespace="Soak", MetricData=[
            {"MetricName": "M", "Timestamp": hour + 60 * minute, "Value": 1.5 * minute}
            for minute in range(60)
        ])
        sys.exit(subprocess.run([soak, mirror, aws.url, str(hour * 1000)]).returncode)
    finally:
        aws.stop()
