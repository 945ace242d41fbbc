"""Tells what is deployed, and what to enter in StackState."""

import os

from console import say

from . import with_cargo_lambda
from .account import Account
from .function import Deployed
from .stack import Stack


def say_status(stack):
    """Says what is deployed. The stack exists."""
    show_secrets = os.environ.get("SHOW_SECRETS") == "1"
    name = "" if stack.name == "stackstate-mirror" else f" STACK={stack.name}"
    region = f" AWS_REGION={stack.account.region}"
    deployed = Deployed(stack.account, stack.outputs["FunctionName"], stack.outputs.get("MirrorUrl"))
    say(f"The mirror {stack.name} is in {stack.account.region} of account {stack.account.id} "
        f"({stack.status}).")
    if not deployed.url:
        say(f"Front is None. Your own API calls the function {stack.outputs['FunctionArn']}.")
    deployed.say_what_to_enter(show_secrets, f"make status SHOW_SECRETS=1{name}{region}")


def main():
    account, name = Account(), os.environ["STACK"]
    stack = Stack(account, name)
    if not stack.exists and with_cargo_lambda.configuration(account, name):
        return with_cargo_lambda.say_status(account, name)
    stack.require()
    say_status(stack)


if __name__ == "__main__":
    main()
