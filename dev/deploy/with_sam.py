"""Deploys the mirror with SAM, and asks nothing. The argument is another template than template.yaml.

The stack keeps its parameters. A deployment changes those that are given, and nothing is written
to a file of this folder.
"""

import json
import os
import sys
import tempfile

from console import Failure, run, say

from . import with_cargo_lambda
from .account import Account
from .build import add_target, build, check_architecture
from .stack import Stack, check_rules, given_parameters, read_template
from .status import say_status

BUILT = ".aws-sam/build"


def settle_concurrency(stack, parameters, given):
    """Reserves nothing if the account cannot spare what the deployment would reserve."""
    name = "ReservedConcurrency"
    if name not in parameters:
        return
    default = str(parameters[name]["Default"])
    kept = int(stack.parameters.get(name, -1))
    wanted = int(given.get(name, stack.parameters.get(name, default)))
    if wanted <= kept or wanted == -1:
        return
    spare = stack.account.spare_concurrency()
    if spare is None:
        return
    # What the function has reserved, it can reserve again.
    spare += max(kept, 0)
    if wanted <= spare:
        return
    say(f"The account cannot spare {wanted} of its concurrency: {max(spare, 0)} can be reserved. So "
        "nothing is reserved. After AWS has raised the account's limit, deploy with "
        f"{name}={wanted}.")
    given[name] = "-1"


def sam(words, doing, environment):
    return run(["sam", *words], doing, environment)


def require_parameters(parameters, stack, given):
    """Fails if a parameter has no value."""
    for name, parameter in parameters.items():
        if "Default" not in parameter and name not in given and name not in stack.parameters:
            raise Failure(f"{name} is required: {parameter['Description']} Give it as {name}=...")


def require_the_same_kind(parameters, stack):
    """Fails if the stack runs on managed instances and the template does not, or the reverse."""
    sign = "RequestsAtOnce"
    if stack.exists and stack.parameters and (sign in stack.parameters) != (sign in parameters):
        has, command = ("runs", "deploy") if sign in stack.parameters else ("does not run", "deploy-managed")
        raise Failure(
            f"the stack {stack.name} {has} on managed instances, and Lambda cannot change that of a "
            f"function. Deploy another stack beside it: make {command} STACK=... (docs/scale.md)"
        )


def deploy(stack, template, given, architecture):
    """Builds the function and changes the stack."""
    account = stack.account
    given = {**given, "Architecture": architecture}
    build(architecture, account.environment)
    status = sam(
        ["build", "--template-file", template, "--build-dir", BUILT,
         "--parameter-overrides", f"Architecture={architecture}"],
        "packaging", account.environment,
    )
    if status:
        raise Failure("the package cannot be made; SAM's reason is above.")
    check_architecture(f"{BUILT}/Mirror/bootstrap", architecture)
    # A file, so that no secret stands on a command line. SAM wants its name to end in .yaml.
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as overrides:
        json.dump(given, overrides)
        overrides.flush()
        status = sam(
            ["deploy", "--template-file", f"{BUILT}/template.yaml", "--stack-name", stack.name,
             "--resolve-s3", "--s3-prefix", stack.name, "--capabilities", "CAPABILITY_IAM",
             "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar",
             "--parameter-overrides", f"file://{overrides.name}"],
            "deploying", account.environment,
        )
    if status:
        raise Failure(
            "AWS did not deploy the stack; the reason is above. What was deployed before is still "
            "there."
        )
    stack.read()


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "template.yaml"
    template = read_template(path)
    parameters = template["Parameters"]
    given = given_parameters(parameters)
    stack = Stack(Account(), os.environ["STACK"])
    stack.require_deployable()
    if not stack.exists and with_cargo_lambda.configuration(stack.account, stack.name):
        raise Failure(f"cargo-lambda has deployed a function {stack.name}. Choose another name: STACK=...")
    require_the_same_kind(parameters, stack)
    require_parameters(parameters, stack, given)
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in parameters.items()}
    # AWS shows kept secrets as asterisks. CloudFormation itself checks their rules.
    kept = {name: value for name, value in stack.parameters.items()
            if name in parameters and not parameters[name].get("NoEcho")}
    check_rules(template, {**defaults, **kept, **given})
    url = stack.outputs.get("MirrorUrl")
    say(f"Deploying {stack.name} into {stack.account.region} of account {stack.account.id} as "
        f"{stack.account.arn}.")
    settle_concurrency(stack, parameters, given)
    default = parameters["Architecture"]["Default"]
    architecture = given.get("Architecture") or stack.parameters.get("Architecture", default)
    add_target(architecture)
    deploy(stack, path, given, architecture)
    say()
    without_effect = [name for name, value in given.items()
                      if not parameters[name].get("NoEcho") and stack.parameters.get(name) != value]
    if without_effect:
        say(f"AWS found no change in {', '.join(without_effect)}: with the other parameters as they are, it "
            "has no effect. Give it again when it has.")
    say_status(stack)
    if url and url != stack.outputs.get("MirrorUrl"):
        say()
        say("The Mirror URL has changed. Enter the new one in StackState.")


if __name__ == "__main__":
    main()
