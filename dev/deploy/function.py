"""The deployed function: what to enter in StackState to use it, and whether it answers."""

import base64
import ipaddress
import json
import os
import re
import secrets
import string
import time

from botocore.exceptions import BotoCoreError, ClientError

from console import Failure, say
from smoke import Mirror, Refused, Unreachable, Wrong, connection

NAME = "Mirror server"

# The length of a generated key or token, as in template.yaml.
LENGTH = 40

# A new URL can be unknown for some seconds.
ATTEMPTS, SECONDS_BETWEEN_ATTEMPTS = 6, 5


def new_secret():
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(LENGTH))


def reached(url, aws=None):
    """The address of a Mirror URL. A local AWS (`make local-aws`) gives functions and APIs the names that AWS
    gives them, which nothing resolves, and serves them at addresses of its own."""
    aws = (aws or os.environ.get("AWS_ENDPOINT_URL", "")).rstrip("/")
    hosts = r"(?:[\w.-]+\.(?:on\.aws|amazonaws\.com)|localhost:\d+)"
    names = re.fullmatch(rf"https?://([\w-]+)\.(lambda-url|execute-api)\.{hosts}/?([\w$-]*)/?", url or "")
    if not (names and re.match(r"http://(127\.0\.0\.1|localhost)[:/]", aws + "/")):
        return url
    name, service, stage = names.groups()
    # The name of a private API has its VPC endpoint's id, too.
    name = name.partition("-vpce-")[0]
    return f"{aws}/_aws/{service}/{name}/" + (f"{stage or '$default'}/" if service == "execute-api" else "")


class Deployed:
    """A function that is deployed, and how it is called."""

    def __init__(self, account, name, url):
        self.account, self.name, self.url = account, name, reached(url)
        configuration = account.call("lambda", "get_function_configuration", FunctionName=name)
        # Managed instances do not hand out the end of the log.
        self.has_tail = "CapacityProviderConfig" not in configuration
        self.variables = configuration.get("Environment", {}).get("Variables", {})

    @classmethod
    def of(cls, stack):
        """The function of a stack that has one."""
        return cls(stack.account, stack.outputs["FunctionName"], stack.outputs.get("MirrorUrl"))

    @property
    def api_key(self):
        return self.variables.get("MIRROR_API_KEY")

    @property
    def access_tokens(self):
        """The valid tokens, the newest first."""
        tokens = self.variables.get("MIRROR_ACCESS_TOKEN")
        return tokens.split(",") if tokens else []

    @property
    def token(self):
        """The newest token, or None."""
        return next(iter(self.access_tokens), None)

    def say_what_to_enter(self, show_secrets, how_to_show):
        """Says what to enter in StackState, field by field."""
        if show_secrets:
            key, shown_token = self.api_key, self.token
        else:
            key, shown_token = "(hidden)", "(hidden)"
        access = {"accessToken": shown_token} if self.token else {}
        say("In StackState, open Settings > Telemetry Sources > Mirror sources, and add a source:")
        say()
        say(f"  Name                     {NAME}")
        say(f"  Mirror URL               {self.url or 'the address of your own API in front of the function'}")
        say(f"  Api Key                  {key}")
        say("  Connection details JSON, one of these:")
        say(f"    random data            {json.dumps(access)}")
        if self.token:
            own_role = {"source": "cloudwatch", "region": self.account.region, **access}
            say("    CloudWatch, read by the function's own role")
            say(f"                           {json.dumps(own_role)}")
        else:
            keys = {
                "source": "cloudwatch", "region": self.account.region,
                "accessKeyId": "...", "secretAccessKey": "...",
            }
            say("    CloudWatch, read with a key of your own")
            say(f"                           {json.dumps(keys)}")
        say()
        if not show_secrets:
            say(f"To see what is hidden: {how_to_show}")

    def check(self):
        """Tests the connection, through Lambda and through the Mirror URL. Fails if it does not work."""
        self.check_function()
        if self.url:
            check_url(self.url, self.api_key, self.token, self.variables.get("MIRROR_ALLOWED_CIDRS"))

    def check_function(self):
        """Invokes the function, from an address that may call."""
        networks = self.variables.get("MIRROR_ALLOWED_CIDRS", "")
        try:
            address = str(ipaddress.ip_interface(networks.split(",")[0].strip()).ip)
        except ValueError:
            # Either every address may call, or the function will say what is wrong.
            address = "127.0.0.1"
        details = {"accessToken": self.token} if self.token else {}
        event = {
            "version": "2.0", "rawPath": "/api/connection", "isBase64Encoded": False,
            "requestContext": {"stage": "$default", "http": {"method": "POST", "sourceIp": address}},
            "body": json.dumps({"connectionDetails": details}),
        }
        try:
            invoked = self.account.client("lambda").invoke(
                FunctionName=self.name, Payload=json.dumps(event),
                LogType="Tail" if self.has_tail else "None",
            )
        except ClientError as error:
            reason = error.response["Error"]["Message"]
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise Failure(f"the function is deployed, but Lambda cannot call it: {reason}")
            say(f"The function was not called, because AWS refuses lambda:InvokeFunction: {reason}")
            return
        except BotoCoreError as error:
            raise Failure(f"the function is deployed, but it does not answer: {error}.")
        answer = json.load(invoked["Payload"])
        if "FunctionError" in invoked:
            log = base64.b64decode(invoked.get("LogResult", "")).decode(errors="replace")
            reasons = [line for line in log.splitlines() if "cannot start" in line]
            if "Exec format error" in str(answer.get("errorMessage")):
                reasons = ["A local AWS runs functions on this machine: give its Architecture, arm64 or x86_64."]
            raise Failure("\n".join([
                f"the function is deployed, but it fails: {answer.get('errorType')}, {answer.get('errorMessage')}",
                *(reasons or log.splitlines()),
            ]))
        headers, body = answer.get("headers", {}), answer.get("body") or ""
        if answer.get("statusCode") != 200 or headers.get("x-mirror-api-key") != self.api_key:
            raise Failure(f"the function is deployed, but it refuses its own key and token: {body[:500]}")
        say("The function answers.")


def check_url(url, key, token, networks):
    """Calls the Mirror URL as StackState does."""
    for left in reversed(range(ATTEMPTS)):
        try:
            connection(Mirror(url, key, token))
        except Wrong as error:
            is_elsewhere = networks and isinstance(error, Refused)
            if left and not is_elsewhere:
                time.sleep(SECONDS_BETWEEN_ATTEMPTS)
                continue
            if is_elsewhere:
                say("The Mirror URL refuses this machine, as it should if its address is not among the "
                    "AllowedCidrs.")
            elif isinstance(error, Unreachable):
                say(f"The Mirror URL was not reached from this machine: {error}. StackState must reach it.")
            else:
                raise Failure(f"the function answers, but not at the Mirror URL: {error}. If your organization "
                              "forbids public function URLs, use Front=HttpApi.")
            return
        say("The Mirror URL answers.")
        return
