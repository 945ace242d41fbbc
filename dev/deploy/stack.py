"""The CloudFormation stack of a mirror: the parameters of its template, its state, its outputs."""

import difflib
import getpass
import ipaddress
import json
import os
import re
import time

import yaml
from botocore.exceptions import ClientError

from console import SECONDS_BETWEEN_SIGNS, Failure, say

# What `make deploy` tells CloudFormation beside the parameters of the template.
STACK_OPTIONS = ["Tags", "S3Bucket", "RoleArn"]

# Variables of make that are no parameters of the template.
MAKE_VARIABLES = ["STACK", "ASK", "SHOW_SECRETS", "FINISH", "PYTHON", "AWS_REGION", "AWS_PROFILE"]

# Variables that the tools read.
TOOLS_VARIABLES = r"(AWS|CARGO|PIP|RUSTUP)_\w+|(HTTPS?|NO)_PROXY"

# What changes in the template when a secret is to be read again: deploy/rotate.py.
REVISION = r"(Secrets revision )(\d+)"


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's YAML."""


def short_form(loader, name, node):
    """CloudFormation's short form of a function, such as `!Equals [a, b]`."""
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence,
             yaml.MappingNode: loader.construct_mapping}
    value = kinds[type(node)](node, *([] if isinstance(node, yaml.ScalarNode) else [True]))
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


TemplateLoader.add_multi_constructor("!", short_form)


def read_template(path="template.yaml"):
    with open(path) as file:
        return yaml.load(file, TemplateLoader)


def template_parameters():
    return read_template()["Parameters"]


def is_on_managed(parameters):
    """Whether these are the parameters of a function on managed instances."""
    return "RequestsAtOnce" in parameters


def given_parameters(parameters):
    """The parameters that the make command or the environment give, checked.

    make exports its variables, so both are in the environment.
    """
    check_names([*parameters, *STACK_OPTIONS])
    given = {name: os.environ[name] for name in parameters if name in os.environ}
    given.update(asked(parameters))
    check_networks(given.get("AllowedCidrs", ""))
    check_parameters(parameters, given)
    return given


def asked(parameters):
    """What somebody types for the parameters that ASK names. Nothing of it is shown, or kept by the shell."""
    values = {}
    for name in filter(None, os.environ.get("ASK", "").split(",")):
        if name not in parameters:
            raise Failure(f"ASK: expected names of parameters, separated by commas, found {name!r}")
        try:
            values[name] = getpass.getpass(f"{name}: ")
        except EOFError:
            raise Failure("ASK needs a terminal. Without one, give the parameters through the environment.")
    return values


def check_names(parameters):
    """Fails if make's command line has a variable that nothing reads: Stack=x would work on another stack."""
    known = [*parameters, *MAKE_VARIABLES]
    for name in command_line_variables():
        if name in known or re.fullmatch(TOOLS_VARIABLES, name):
            continue
        words = {each.lower(): each for each in known}
        words.update({each.lower().rpartition("_")[2]: each for each in MAKE_VARIABLES})
        near = difflib.get_close_matches(name.lower(), words, 1, 0.5)
        advice = f"did you mean {words[near[0]]}?" if near else f"there are {', '.join(known)}."
        raise Failure(f"there is no parameter {name}: {advice}")


def check_parameters(parameters, values):
    """Fails if CloudFormation would not take one of the values. It would say so only after the build."""
    for name, value in values.items():
        problem = violation(parameters[name], value)
        if problem:
            shown = "(not shown)" if parameters[name].get("NoEcho") else repr(value)
            raise Failure(f"{name}: expected {problem}, found {shown}")


def command_line_variables():
    """The names of the variables on make's command line."""
    definitions = os.environ.get("MAKEFLAGS", "").partition(" -- ")[2]
    return re.findall(r"(?:^|(?<!\\)\s)([A-Za-z_]\w*)=", definitions)


def violation(parameter, value):
    """What CloudFormation would expect instead, in words, or None if it takes the value."""
    if parameter["Type"] == "Number":
        least, largest = parameter.get("MinValue"), parameter.get("MaxValue")
        if not re.fullmatch(r"-?\d+", value):
            return "a whole number"
        if least is not None and int(value) < least:
            return f"{least} or more"
        if largest is not None and int(value) > largest:
            return f"{largest} or less"
    if parameter["Type"] == "CommaDelimitedList" and "," in value:
        # CloudFormation compares each of the list with the pattern.
        return next(filter(None, (violation(parameter, each.strip()) for each in value.split(","))), None)
    allowed = [str(choice) for choice in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return " or ".join([", ".join(allowed[:-1]), allowed[-1]])
    if len(value) > parameter.get("MaxLength", len(value)):
        return f"at most {parameter['MaxLength']} characters"
    if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value):
        return parameter["ConstraintDescription"].removeprefix("must be ").rstrip(".")
    return None


def check_networks(text):
    """Fails if the function would not start with these AllowedCidrs.

    The template's pattern does not know every rule of an IPv6 address.
    """
    for name in map(str.strip, text.split(",") if text else []):
        try:
            network = ipaddress.ip_interface(name)
            # ::ffff:203.0.113.0/120 is a network of IPv4. A shorter prefix has no meaning there.
            is_network = network.version == 4 or not network.ip.ipv4_mapped or network.network.prefixlen >= 96
        except ValueError:
            is_network = False
        if not is_network:
            raise Failure("AllowedCidrs: expected networks or addresses, such as 203.0.113.0/24,2001:db8::/32, "
                          f"found {name!r}")


def check_options():
    """Fails if the bucket or the role cannot be one. AWS would say so only after the build."""
    for name, pattern, expected in [
        ("S3Bucket", r"[a-z0-9][a-z0-9.-]{2,62}|", "the name of a bucket, without s3://"),
        ("RoleArn", r"arn:[a-z-]+:iam::\d{12}:role/.+|", "the ARN of a role"),
    ]:
        if not re.fullmatch(pattern, os.environ.get(name, "")):
            raise Failure(f"{name}: expected {expected}, found {os.environ[name]!r}")


def given_tags():
    """The tags that Tags=team=x,cost=y gives, or None if none are given."""
    text = os.environ.get("Tags")
    if text is None:
        return None
    tags = {}
    for tag in text.split(",") if text else []:
        name, separator, value = map(str.strip, tag.partition("="))
        # "Tag naming limits and requirements", AWS Billing user guide. A value could have spaces and =, but
        # then a comma was meant.
        is_tag = re.fullmatch(r"[\w .:/+@-]{1,128}", name) and re.fullmatch(r"[\w .:/=+@-]{0,256}", value)
        is_list = re.search(r" \S+=", value)
        if not (separator and is_tag and name not in tags) or is_list or name.lower().startswith("aws:"):
            raise Failure(f"Tags: expected name=value, separated by commas, each name once and none of aws:, such "
                          f"as Tags=team=x,cost=y, found {tag!r}")
        tags[name] = value
    return tags


def check_rules(template, values):
    """Fails if the parameters' values break a rule of the template.

    CloudFormation checks the same rules, but only after the build.
    """
    def evaluate(node):
        if not isinstance(node, dict):
            return node
        (function, operand), = node.items()
        if function == "Ref":
            return values[operand]
        operands = [evaluate(each) for each in operand]
        return {
            "Fn::Equals": lambda: operands[0] == operands[1],
            "Fn::Contains": lambda: operands[1] in operands[0],
            "Fn::EachMemberEquals": lambda: all(each == operands[1] for each in operands[0].split(",")),
            "Fn::Not": lambda: not operands[0],
        }[function]()

    for rule in template["Rules"].values():
        if evaluate(rule["RuleCondition"]):
            for assertion in rule["Assertions"]:
                if not evaluate(assertion["Assert"]):
                    raise Failure(assertion["AssertDescription"])


class Stack:
    """A stack, or the place for one."""

    def __init__(self, account, name):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name):
            raise Failure("STACK: expected up to 128 letters, digits and hyphens, beginning with a letter, found "
                          f"{name!r}")
        self.account, self.name = account, name
        self.status, self.parameters, self.outputs, self.tags = None, {}, {}, {}
        self.read()

    @property
    def exists(self):
        return self.status is not None

    def read(self):
        try:
            found = self.account.client("cloudformation").describe_stacks(StackName=self.name)
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return
            raise Failure(
                f"AWS refuses cloudformation:DescribeStacks: {error.response['Error']['Message']}"
            )
        stack = found["Stacks"][0]
        self.status = stack["StackStatus"]
        self.parameters = {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in stack.get("Parameters", [])
        }
        self.outputs = {
            output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
        }
        self.tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}

    def template(self):
        """The text of the template that is deployed, before SAM's transform."""
        body = self.account.call("cloudformation", "get_template", StackName=self.name,
                                 TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body)

    def bucket(self):
        """The bucket that has the stack's code, if it is not SAM's own."""
        found = re.search(r"s3://([^/\"\s]+)/", self.template()) if self.outputs else None
        return found[1] if found and not found[1].startswith("aws-sam-cli-managed-default") else None

    def hint(self, command):
        """The make command for this stack, as somebody would type it."""
        name = "" if self.name == "stackstate-mirror" else f" STACK={self.name}"
        return f"`make {command}{name} AWS_REGION={self.account.region}`"

    def wait(self, doing):
        """Waits until nothing changes the stack any more, with a line every ten seconds."""
        started = said = time.monotonic()
        self.read()
        while self.is_changing:
            time.sleep(2)
            if time.monotonic() - said > SECONDS_BETWEEN_SIGNS:
                said = time.monotonic()
                say(f"  ... {doing}, {said - started:.0f} s")
            self.read()

    @property
    def is_changing(self):
        # A change set that nobody executed changes nothing.
        return (self.status or "").endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def require(self):
        """Fails if there is no mirror to work on."""
        if "FunctionName" not in self.outputs:
            raise Failure(
                f"there is no stack {self.name} in {self.account.region} of account "
                f"{self.account.id}. `make deploy` deploys one; STACK=... names another one, "
                "AWS_REGION=... another region. A mirror that cargo-lambda deployed has no stack."
            )

    def require_deployable(self):
        """Fails if CloudFormation would refuse to deploy in the stack's present state."""
        if self.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"):
            raise Failure(
                f"the stack {self.name} is in the state {self.status}, from an attempt that "
                "failed. Remove it with `make undeploy`, then deploy again."
            )
        if self.status == "UPDATE_ROLLBACK_FAILED":
            raise Failure(
                f"the stack {self.name} is in the state {self.status}: neither an update nor the way back "
                "worked. The stack's events in the CloudFormation console name the resource and the reason. "
                "Remove the reason, then go back: aws cloudformation continue-update-rollback --stack-name "
                f"{self.name} --region {self.account.region}. When that is over, deploy again."
            )
        if self.is_changing:
            raise Failure(
                f"the stack {self.name} is being changed ({self.status}). Try again when that is "
                "over."
            )
