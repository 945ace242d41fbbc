"""The deployed function: what to enter in StackState to use it."""

import json
import secrets
import string

from console import say

NAME = "Mirror server"

# The length of a generated key or token, as in template.yaml.
LENGTH = 40


def new_secret():
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(LENGTH))


class Deployed:
    """A function that is deployed, and how it is called."""

    def __init__(self, account, name, url):
        self.account, self.name, self.url = account, name, url
        configuration = account.call("lambda", "get_function_configuration", FunctionName=name)
        self.variables = configuration.get("Environment", {}).get("Variables", {})

    @property
    def api_key(self):
        return self.variables.get("MIRROR_API_KEY")

    @property
    def access_tokens(self):
        """The valid tokens, the newest first."""
        tokens = self.variables.get("MIRROR_ACCESS_TOKEN")
        return tokens.split(",") if tokens else []

    def say_what_to_enter(self, show_secrets, how_to_show):
        """Says what to enter in StackState, field by field."""
        token = self.access_tokens[0] if self.access_tokens else None
        if show_secrets:
            key, shown_token = self.api_key, token
        else:
            key, shown_token = "(hidden)", "(hidden)"
        access = {"accessToken": shown_token} if token else {}
        say("In StackState, open Settings > Telemetry Sources > Mirror sources, and add a source:")
        say()
        say(f"  Name                     {NAME}")
        say(f"  Mirror URL               {self.url or 'the address of your own API in front of the function'}")
        say(f"  Api Key                  {key}")
        say("  Connection details JSON, one of these:")
        say(f"    random data            {json.dumps(access)}")
        if token:
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
