"""Deploys the mirror with cargo-lambda, without CloudFormation, and removes it again.

cargo-lambda makes the function, its role and its URL. It makes no secrets, alarms or concurrency
limit; the key and the token are in the function's environment only.
"""

import json
import os
import sys

from botocore.exceptions import ClientError

from console import Failure, is_set, run, say

from .account import Account
from .build import add_target, build
from .function import Deployed, new_secret
from .stack import (STACK_OPTIONS, Stack, command_line_variables, given_parameters,
                    template_parameters)

# The parameters of template.yaml that cargo-lambda can follow.
SUPPORTED = ["Access", "ApiKey", "AccessToken", "Architecture", "MemorySize", "LogRetentionDays"]

POLICY = "read-metrics"
READ_METRICS = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"],
        "Resource": "*",
    }],
}

# The names of the roles that cargo-lambda makes begin with this.
ROLE_PREFIX = "cargo-lambda-role"


def configuration(account, name):
    """The configuration of the function, or None if there is none."""
    try:
        return account.client("lambda").get_function_configuration(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise Failure(f"AWS refuses lambda:GetFunctionConfiguration: {error.response['Error']['Message']}")


def variables(given, old):
    """The function's environment: what is given, else what it has, else something new."""
    kept = old.get("Environment", {}).get("Variables", {}) if old else {}
    result = {**kept, "MIRROR_API_KEY": given.get("ApiKey") or kept.get("MIRROR_API_KEY") or new_secret()}
    token = given.get("AccessToken") or kept.get("MIRROR_ACCESS_TOKEN")
    access = given.get("Access", "").lower() or kept.get("MIRROR_ACCESS", "").lower()
    if not access and "MIRROR_API_KEY" in kept and "MIRROR_ACCESS_TOKEN" not in kept and not token:
        # Before MIRROR_ACCESS, a function without a variable for the token was open, or behind its
        # networks. A variable that is empty got lost. Without any, a first deployment was not completed.
        if kept.get("MIRROR_ALLOWED_CIDRS"):
            return result
        access = "open"
    if access == "open":
        result.pop("MIRROR_ACCESS_TOKEN", None)
        return {**result, "MIRROR_ACCESS": "open"}
    return {**result, "MIRROR_ACCESS": "restricted", "MIRROR_ACCESS_TOKEN": token or new_secret()}


def configure(account, name, environment):
    """Gives the function its variables, and JSON as its log format.

    cargo-lambda would read the variables from a file in which # begins a comment and quotes end a value.
    Without variables, the function answers nobody.
    """
    wait = account.client("lambda").get_waiter("function_updated_v2").wait
    logging = configuration(account, name).get("LoggingConfig", {})
    if logging.get("LogFormat") != "JSON":
        logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
    wait(FunctionName=name)
    account.call("lambda", "update_function_configuration", FunctionName=name,
                 Environment={"Variables": environment}, LoggingConfig=logging)
    wait(FunctionName=name)
    found = configuration(account, name).get("Environment", {}).get("Variables")
    if found != environment:
        raise Failure(f"the function {name} has other variables than those it was given. Run the same command again.")


def deploy(account, name, given, old):
    parameters = template_parameters()
    default = old["Architectures"][0] if old else parameters["Architecture"]["Default"]
    architecture = given.get("Architecture", default)
    memory = given.get("MemorySize", str(old["MemorySize"] if old else parameters["MemorySize"]["Default"]))
    add_target(architecture)
    build(architecture)
    command = ["cargo", "lambda", "deploy", "--binary-name", "stackstate-mirror",
               "--enable-function-url", "--memory", memory, "--timeout", "30"]
    retention = "LogRetentionDays"
    if retention in given or not old:
        command += ["--log-retention", given.get(retention, str(parameters[retention]["Default"]))]
    if run(command + [name], "deploying", account.environment):
        raise Failure("cargo-lambda did not deploy the function; its reason is above.")
    environment = variables(given, old)
    configure(account, name, environment)
    role = configuration(account, name)["Role"].rpartition("/")[2]
    if "MIRROR_ACCESS_TOKEN" in environment:
        account.call("iam", "put_role_policy", RoleName=role, PolicyName=POLICY,
                     PolicyDocument=json.dumps(READ_METRICS))
    elif old:
        try:
            account.client("iam").delete_role_policy(RoleName=role, PolicyName=POLICY)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise Failure(f"AWS refuses iam:DeleteRolePolicy: {error.response['Error']['Message']}")


def deployed(account, name):
    """The function of this name, which exists."""
    url = account.call("lambda", "get_function_url_config", FunctionName=name)["FunctionUrl"]
    return Deployed(account, name, url)


def say_status(account, name):
    """Says what is deployed, and returns it. The function exists."""
    say(f"The function {name} is in {account.region} of account {account.id}, deployed with "
        "cargo-lambda.")
    found = deployed(account, name)
    found.say_what_to_enter(is_set("SHOW_SECRETS"), Stack(account, name).hint("status SHOW_SECRETS=1"))
    return found


def remove(account, name):
    old = configuration(account, name)
    if old is None:
        say(f"There is no function {name} in {account.region} of account {account.id}. Nothing was "
            "removed.")
        return
    account.call("lambda", "delete_function", FunctionName=name)
    say(f"Removed the function {name} with its URL.")
    role = old["Role"].rpartition("/")[2]
    if role.startswith(ROLE_PREFIX):
        iam = account.client("iam")
        for policy in account.call("iam", "list_role_policies", RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
        attached = account.call("iam", "list_attached_role_policies", RoleName=role)
        for policy in attached["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
        account.call("iam", "delete_role", RoleName=role)
        say(f"Removed its role {role}, which cargo-lambda had made.")
    if Stack(account, name).exists:
        # The stack of this name has a log group of this name.
        return
    group = f"/aws/lambda/{name}"
    try:
        account.client("logs").delete_log_group(logGroupName=group)
        say(f"Removed its log group {group}.")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise Failure(f"AWS refuses logs:DeleteLogGroup: {error.response['Error']['Message']}")


def main(action):
    given = given_parameters(template_parameters())
    options = [name for name in command_line_variables() if name in STACK_OPTIONS]
    other = [parameter for parameter in [*given, *options] if parameter not in SUPPORTED]
    if other:
        raise Failure(
            f"cargo-lambda cannot set {', '.join(other)}. It takes {', '.join(SUPPORTED)}; `make "
            "deploy` takes all parameters."
        )
    account, name = Account(), os.environ["STACK"]
    if action == "remove":
        return remove(account, name)
    if Stack(account, name).exists:
        raise Failure(f"there is a stack {name}, which `make deploy` updates. Choose another name: STACK=...")
    say(f"Deploying {name} into {account.region} of account {account.id} as {account.arn}.")
    deploy(account, name, given, configuration(account, name))
    say()
    found = say_status(account, name)
    say()
    found.check()


if __name__ == "__main__":
    main(sys.argv[1])
