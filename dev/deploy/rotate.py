"""Replaces the generated access token or Api Key of a deployed mirror.

`python -m deploy.rotate token` makes a new token, and the old one stays valid until FINISH=1.
`python -m deploy.rotate key` makes a new key, which StackState needs at once.
"""

import os
import re
import sys

from console import Failure, is_set, say

from .account import Account
from .function import Deployed, new_secret
from .stack import REVISION, Stack, check_names
from .status import say_status

def next_value(kind, deployed, is_finish):
    """The value that the secret gets, given what the function has."""
    if kind == "key":
        return new_secret()
    tokens = deployed.access_tokens
    if is_finish and len(tokens) == 1:
        raise Failure("there is no rotation to finish: only one access token is valid.")
    if is_finish:
        return tokens[0]
    if len(tokens) > 1:
        raise Failure(
            "a rotation is under way: two access tokens are valid. Enter the new one in StackState, "
            "then finish with FINISH=1."
        )
    return f"{new_secret()},{tokens[0]}"


def read_secrets_again(stack):
    """Makes CloudFormation read the stack's secrets and give them to the function.

    CloudFormation reads a secret only when it changes the resource that refers to it ("Get a secret
    or secret value from Secrets Manager", CloudFormation user guide). So the revision in the
    function's description changes, and nothing else.
    """
    say("Giving it to the function; this takes about a minute.")
    template, found = re.subn(
        REVISION, lambda match: match[1] + str(int(match[2]) + 1), stack.template(),
    )
    if not found:
        raise Failure("an older version of the mirror is deployed. Run `make deploy` first.")
    stack.account.call(
        "cloudformation", "update_stack", StackName=stack.name, TemplateBody=template,
        Parameters=[{"ParameterKey": name, "UsePreviousValue": True} for name in stack.parameters],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    stack.wait("updating")
    if stack.status != "UPDATE_COMPLETE":
        raise Failure(f"AWS did not update the stack ({stack.status}). Run the same command again.")


def rotate(stack, kind):
    """Changes the secret, and returns the value that the function has then."""
    secret = stack.outputs.get({"token": "AccessTokenSecretArn", "key": "ApiKeySecretArn"}[kind])
    if not secret:
        parameter = {"token": "AccessToken", "key": "ApiKey"}[kind]
        raise Failure(
            f"the stack has not generated the {kind}: it was given as {parameter}"
            f"{', or Access is Open' if kind == 'token' else ''}. Deploy again with another {parameter}; "
            "docs/deploy.md shows how."
        )
    stack.require_deployable()
    deployed = Deployed.of(stack)
    has = deployed.variables["MIRROR_ACCESS_TOKEN" if kind == "token" else "MIRROR_API_KEY"]
    stored = stack.account.call("secretsmanager", "get_secret_value", SecretId=secret)["SecretString"]
    if stored != has:
        say("The function does not have the secret's value yet, from an attempt that failed. This "
            "completes that attempt.")
        value = stored
    else:
        value = next_value(kind, deployed, is_set("FINISH"))
        stack.account.call("secretsmanager", "put_secret_value", SecretId=secret, SecretString=value)
    read_secrets_again(stack)
    return value


def main(kind):
    check_names([])
    if kind == "key" and is_set("FINISH"):
        raise Failure("a key is rotated in one step. Leave out FINISH; nothing was changed.")
    stack = Stack(Account(), os.environ["STACK"])
    stack.require()
    value = rotate(stack, kind)
    say()
    say_status(stack)
    say()
    if kind == "key":
        say("Enter the new Api Key in StackState now. It refuses the mirror's answers until then.")
    elif "," not in value:
        say("Only the new access token is valid now.")
    else:
        say("Enter the new access token in StackState. The old one is valid until you run "
            f"{stack.hint('rotate-token FINISH=1')}.")


if __name__ == "__main__":
    main(sys.argv[1])
