"""Serves a local AWS, to try a deployment without an account.

`make local-aws` runs it, with ministack's Python.
"""

import os
import platform
import shutil
import signal
import sys
import time

import shop
from console import Failure
from local_aws import NO_PROXY, REGION, LocalAws

# It runs functions on this machine's processor.
ARCHITECTURE = {"x86_64": "x86_64", "amd64": "x86_64"}.get(platform.machine().lower(), "arm64")

TOLD = """\
A local AWS serves {url}. Its CloudWatch has the metrics of a small shop in {region}.
In another terminal, in this folder:

  export NO_PROXY={no_proxy} AWS_ENDPOINT_URL={url} AWS_REGION={region} AWS_DEFAULT_REGION={region}
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
  unset AWS_PROFILE AWS_SESSION_TOKEN

  make deploy Architecture={architecture}
  make status SHOW_SECRETS=1
  make smoke STACK=stackstate-mirror
  make undeploy

and every other command of docs/deploy.md. The first deployment of each stack needs Architecture={architecture}, because
functions run on this machine, and a first change set names resources that are not made here. The Mirror URL that make prints is one of the local AWS, for curl and for a
StackState on this machine. Where another tool prints https://ID.lambda-url.{region}.on.aws/, which nothing resolves
here, use {url}/_aws/lambda-url/ID/

Its log is {folder}/ministack.log. Ctrl-C ends it, and all that is deployed in it is gone.
"""


def main(port):
    if platform.system() != "Linux":
        raise Failure("the local AWS runs a function as a process of this machine, so it needs Linux. On Windows, use WSL.")
    # Every one of these signals also stops ministack and the functions.
    for reason in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(reason, signal.default_int_handler)
    # The log, and what the functions write.
    folder = f"target/local-aws/{port}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    aws = None
    try:
        aws = LocalAws(os.path.abspath(folder), port)
        cloudwatch = aws.client("cloudwatch")
        shop.fill(cloudwatch, time.time())
        print(TOLD.format(url=aws.url, region=REGION, architecture=ARCHITECTURE, folder=folder, no_proxy=NO_PROXY), flush=True)
        while True:
            time.sleep(60)
            shop.add(cloudwatch, time.time())
    except KeyboardInterrupt:
        return 0
    finally:
        if aws:
            aws.stop()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
