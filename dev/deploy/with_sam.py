"""Deploys the mirror with SAM, and asks nothing. The argument is another template than template.yaml.

The stack keeps its parameters and tags. A deployment changes those that are given, and nothing is
written to a file of this folder.
"""

import json
import os
import re
import sys
import tempfile

from console import Failure, run, say

from . import with_cargo_lambda
from .account import Account
from .build import add_target, build, check_architecture
from .build import environment as build_environment
from .function import Deployed
from .stack import (REVISION, Stack, check_networks, check_options, check_parameters, check_rules, given_parameters,
                    given_tags, is_on_managed, read_template)
from .status import say_status

BUILT = ".aws-sam/build"


def settle_concurrency(stack, parameters, given):
    """Reserves nothing if the account cannot spare what a first deployment would reserve."""
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
    if kept > 0:
        raise Failure(f"{name}: the account can spare {spare}, found {wanted}. A higher limit of the account is asked "
                      "for in AWS Service Quotas.")
    say(f"The account cannot spare {wanted} of its concurrency: {max(spare, 0)} can be reserved. So "
        "nothing is reserved. After AWS has raised the account's limit, deploy with "
        f"{name}={wanted}.")
    given[name] = "-1"


def sam(words, doing, environment):
    return run(["sam", *words], doing, environment)


def quoted(value):
    """A parameter's value as SAM reads it from a file: it takes quotes and backslashes off, twice."""
    for _ in range(2):
        value = '"%s"' % re.sub(r"([\"' ])", r"\\\1", value)
    return value


def quoted_tag(name, value):
    """A tag as SAM reads it. Without the space, it takes a = in the name or the value for its own."""
    tag = f'"{name}"="{value}"'
    return f" {tag}" if tag.count("=") > 1 else tag


def require_parameters(parameters, stack, given):
    """Fails if a parameter has no value."""
    for name, parameter in parameters.items():
        if "Default" not in parameter and name not in given and name not in stack.parameters:
            raise Failure(f"{name} is required: {parameter['Description']} Give it as {name}=...")


def require_the_same_kind(parameters, stack):
    """Fails if the stack runs on managed instances and the template does not, or the reverse."""
    if stack.parameters and is_on_managed(stack.parameters) != is_on_managed(parameters):
        is_managed = is_on_managed(stack.parameters)
        has, command = ("runs", "deploy") if is_managed else ("does not run", "deploy-managed")
        raise Failure(
            f"the stack {stack.name} {has} on managed instances, and Lambda cannot change that of a "
            f"function. Deploy another stack beside it: make {command} STACK=... (docs/scale.md)"
        )


def require_the_same_instances(stack, given):
    """Fails if the capacity provider would be replaced under a live function.

    These are its properties that can only be set at its creation (`createOnlyProperties` in
    CloudFormation's registry).
    """
    if not (stack.outputs and is_on_managed(stack.parameters)):
        return
    for name in ("SubnetIds", "SecurityGroupIds", "Architecture"):
        kept = stack.parameters[name]
        if set(given.get(name, kept).replace(" ", "").split(",")) != set(kept.replace(" ", "").split(",")):
            raise Failure(
                f"{name}: the instances of {stack.name} have {kept}, and Lambda cannot change that of a capacity "
                "provider. Deploy another stack beside it: make deploy-managed STACK=... (docs/scale.md)"
            )


def require_fronts(account, values):
    """Fails if the region lacks what the deployment needs."""
    if values["Front"] == "FunctionUrl":
        account.require_type("AWS::Lambda::Url", "Use Front=HttpApi, an HTTP API in front of the function.")
    if is_on_managed(values):
        account.require_type("AWS::Lambda::CapacityProvider",
                             "Use `make deploy` without managed instances, or another region.")


def complete(template, stack, tags):
    """The built template with what only this stack knows.

    That is how often its secrets were read again, and the tags of managed instances, which CloudFormation
    does not tag itself.
    """
    revision = re.search(REVISION, stack.template()) if stack.outputs else None
    if revision:
        template = re.sub(REVISION, revision[0], template)
    provider = r"(Type: AWS::Lambda::CapacityProvider\n +Properties:\n)( +)"
    instances = {"Mode": "Explicit", "ExplicitTags": [{"Key": name, "Value": tags[name]} for name in tags]}
    line = f"PropagateTags: {json.dumps(instances)}\n"
    return re.sub(provider, lambda found: f"{found[0]}{line}{found[2]}", template) if tags else template


def deploy(stack, template, given, tags, architecture):
    """Builds the function and changes the stack."""
    account = stack.account
    bucket = os.environ["S3Bucket"] if "S3Bucket" in os.environ else stack.bucket()
    given = {**given, "Architecture": architecture}
    build(architecture)
    status = sam(
        ["build", "--template-file", template, "--build-dir", BUILT,
         "--parameter-overrides", f"Architecture={architecture}"],
        "packaging", build_environment(),
    )
    if status:
        raise Failure("the package cannot be made; SAM's reason is above.")
    check_architecture(f"{BUILT}/Mirror/bootstrap", architecture)
    with open(f"{BUILT}/template.yaml") as file:
        text = complete(file.read(), stack, tags)
    with open(f"{BUILT}/template.yaml", "w") as file:
        file.write(text)
    options = ["--s3-bucket", bucket] if bucket else ["--resolve-s3"]
    if os.environ.get("RoleArn"):
        options += ["--role-arn", os.environ["RoleArn"]]
    if tags:
        options += ["--tags", *(quoted_tag(name, value) for name, value in tags.items())]
    # A file, so that no secret stands on a command line. SAM wants its name to end in .yaml.
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as overrides:
        json.dump({name: quoted(value) for name, value in given.items()}, overrides)
        overrides.flush()
        status = sam(
            ["deploy", "--template-file", f"{BUILT}/template.yaml", "--stack-name", stack.name,
             *options, "--s3-prefix", stack.name, "--capabilities", "CAPABILITY_IAM",
             "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar",
             "--parameter-overrides", f"file://{overrides.name}"],
            "deploying", account.environment,
        )
    if status:
        raise Failure(
            "AWS did not deploy the stack; the reason is above."
            + (" What was deployed before is still there." if stack.outputs else "")
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
    values = {**defaults, **kept, **given}
    check_parameters(parameters, {**kept, **given})
    check_rules(template, values)
    check_networks(values["AllowedCidrs"])
    check_options()
    tags = given_tags()
    if tags is None:
        tags = stack.tags
    require_the_same_instances(stack, given)
    require_fronts(stack.account, values)
    before = Deployed.of(stack) if stack.outputs else None
    say(f"Deploying {stack.name} into {stack.account.region} of account {stack.account.id} as "
        f"{stack.account.arn}.")
    settle_concurrency(stack, parameters, given)
    default = parameters["Architecture"]["Default"]
    architecture = given.get("Architecture") or stack.parameters.get("Architecture", default)
    add_target(architecture)
    deploy(stack, path, given, tags, architecture)
    say()
    without_effect = [name for name, value in given.items()
                      if not parameters[name].get("NoEcho") and stack.parameters.get(name) != value]
    if without_effect:
        say(f"AWS says that {', '.join(without_effect)} changes nothing while the other parameters are as they are, "
            "and has not kept it.")
    deployed = say_status(stack)
    say()
    for name, old, new in [
        ("Mirror URL", before.url, deployed.url), ("Api Key", before.api_key, deployed.api_key),
        ("access token", before.token, deployed.token),
    ] if before else []:
        if old and old != new:
            say(f"The {name} has changed. Enter the new one in StackState.")
    deployed.check()


if __name__ == "__main__":
    main()
