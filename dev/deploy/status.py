"""Tells what is deployed, and what to enter in StackState."""

import os

from console import is_set, say

from . import with_cargo_lambda
from .account import Account
from .function import Deployed
from .stack import Stack, check_names, is_on_managed, read_template


def say_status(stack):
    """Says what is deployed, and returns it. The stack exists."""
    deployed = Deployed.of(stack)
    say(f"The mirror {stack.name} is in {stack.account.region} of account {stack.account.id} "
        f"({stack.status}).")
    deployed.say_what_to_enter(is_set("SHOW_SECRETS"), stack.hint("status SHOW_SECRETS=1"))
    if len(deployed.access_tokens) > 1 and "AccessTokenSecretArn" in stack.outputs:
        say(f"An older access token is valid too. {stack.hint('rotate-token FINISH=1')} ends that.")
    parameters = stack.parameters
    if parameters.get("Alarms") == "on" and not (parameters["AlarmEmail"] or parameters["AlarmTopicArn"]):
        say("The alarms tell nobody. Give AlarmEmail=... or AlarmTopicArn=..., unless you watch them otherwise.")
    say()
    template = read_template("template-managed.yaml" if is_on_managed(parameters) else "template.yaml")
    # Nobody can tell whether a secret was given: CloudFormation returns asterisks.
    chosen = {name: parameters[name] for name, declared in template["Parameters"].items()
              if not declared.get("NoEcho") and parameters.get(name, "") != str(declared.get("Default", ""))}
    for what, values in ("Parameters", chosen), ("Tags", stack.tags):
        if values:
            say(f"  {what:24} {' '.join(f'{name}={value}' for name, value in values.items())}")
    for name, what in [("FunctionArn", "Function"), ("RoleArn", "Its role"), ("LogGroup", "Its log"),
                       ("HttpApiLogGroup", "Log of the HTTP API"), ("DashboardUrl", "Dashboard")]:
        if name in stack.outputs:
            say(f"  {what:24} {stack.outputs[name]}")
    return deployed


def find(account, name):
    """The deployed mirror of this name."""
    stack = Stack(account, name)
    if not stack.exists and with_cargo_lambda.configuration(account, name):
        return with_cargo_lambda.deployed(account, name)
    stack.require()
    return Deployed.of(stack)


def main():
    check_names([])
    account, name = Account(), os.environ["STACK"]
    stack = Stack(account, name)
    if not stack.exists and with_cargo_lambda.configuration(account, name):
        return with_cargo_lambda.say_status(account, name)
    stack.require()
    say_status(stack)


if __name__ == "__main__":
    main()
