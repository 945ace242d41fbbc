"""Asks a deployed mirror what StackState asks, with random data and with CloudWatch.

`make smoke STACK=…` runs it. MIRROR_URL names another address of it, such as that of an API in front.
"""

import os
import sys

from console import Failure
from smoke import smoke

from .account import Account
from .stack import check_names
from .status import find


def main():
    check_names(["MIRROR_URL"])
    deployed = find(Account(), os.environ["STACK"])
    url = os.environ.get("MIRROR_URL") or deployed.url
    if not url:
        raise Failure("nothing is in front of the function. Give the address of your own API: MIRROR_URL=...")
    # Without a token, the mirror lets nobody use the function's own role.
    region = deployed.account.region if deployed.token else None
    return smoke(url, deployed.api_key, deployed.token, region)


if __name__ == "__main__":
    sys.exit(main())
