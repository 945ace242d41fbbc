"""The CloudFormation stack of a mirror: the parameters of its template, its state, its outputs."""

import difflib
import os
import re
import time

import yaml
from botocore.exceptions import ClientError

from console import SECONDS_BETWEEN_SIGNS, Failure, say

# Variables of make that are no parameters of the template.
MAKE_VARIABLES = ["STACK", "SHOW_SECRETS", "FINISH", "PYTHON", "AWS_REGION", "AWS_PROFILE"]

# Variables that the tools read.
TOOLS_VARIABLES = r"(AWS|CARGO|PIP|RUSTUP)_\w+|(HTTPS?|NO)_PROXY"


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


def is_set(name):
    """Whether a variable such as SHOW_SECRETS=1 is set."""
    return os.environ.get(name, "").lower() not in ("", "0", "no", "false")


def given_parameters(parameters):
    """The parameters that the make command or the environment give, checked.

    make exports its variables, so both are in the environment.
    """
    known = [*parameters, *MAKE_VARIABLES]
    for name in command_line_variables():
        if name not in known and not re.fullmatch(TOOLS_VARIABLES, name):
            near = difflib.get_close_matches(name, known, 1, 0.5)
            advice = f"did you mean {near[0]}?" if near else f"There are {', '.join(parameters)}."
            raise Failure(f"there is no parameter {name}: {advice}")
    given = {name: os.environ[name] for name in parameters if name in os.environ}
    for name, value in given.items():
        problem = violation(parameters[name], value)
        if problem:
            shown = "(not shown)" if parameters[name].get("NoEcho") else repr(value)
            raise Failure(f"{name}: expected {problem}, found {shown}")
    return given


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
    allowed = [str(choice) for choice in parameter.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return " or ".join([", ".join(allowed[:-1]), allowed[-1]])
    if len(value) > parameter.get("MaxLength", len(value)):
        return f"at most {parameter['MaxLength']} characters"
    if not re.fullmatch(parameter.get("AllowedPattern", ".*"), value):
        return parameter["ConstraintDescription"].removeprefix("must be ").rstrip(".")
    return None


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
        self.account, self.name = account, name
        self.status, self.parameters, self.outputs = None, {}, {}
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
        if self.is_changing:
            raise Failure(
                f"the stack {self.name} is being changed ({self.status}). Try again when that is "
                "over."
            )
