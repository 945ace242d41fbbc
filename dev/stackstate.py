"""StackState 5.1's API, as far as `make streams` needs it. Standard library only.

Its description is StackVista/stackstate-openapi, tag 5.1.9. Later versions have no calls for streams.
"""

import email.utils
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from console import Failure, say

# The header for each kind of token ("securitySchemes" of the description).
HEADERS = {"api-token": "X-API-Token", "api-key": "X-API-Key", "service-bearer": "X-API-ServiceBearer"}

SECONDS_TO_ANSWER = 30
# A script is given less time than the request, so that StackState says why.
SCRIPT_MILLIS = 25_000
LONGEST_REASON = 300


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another address."""

    def redirect_request(self, *_):
        return None


class CallFailed(Exception):
    """A call that StackState did not answer, or answered with an error. Its text never has the token."""


class StackState:
    """A StackState at a URL, with a token."""

    def __init__(self, url, token, kind):
        self.base = re.sub(r"(/api)?/*$", "", checked(url)) + "/api"
        if not re.fullmatch(r"[!-~]+", token):
            raise Failure("STACKSTATE_TOKEN: expected the token of an API user, without spaces"
                          + (", found nothing" if not token else ""))
        if kind not in HEADERS:
            raise Failure("STACKSTATE_AUTH: expected %s, found %r" % (" or ".join(HEADERS), kind))
        self.token = token
        self.headers = {HEADERS[kind]: token, "Accept": "application/json"}
        self.opener = urllib.request.build_opener(NoRedirect)
        # How far this machine's clock is behind StackState's, in seconds.
        self.behind = 0

    def call(self, method, path, body=None):
        """The answer to a call, as JSON.

        Raises CallFailed with what StackState says.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = self.headers if data is None else {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            try:
                with self.opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
                    text, date = answer.read(), email.utils.parsedate_tz(answer.headers.get("Date") or "")
            except urllib.error.HTTPError as error:
                with error:
                    raise CallFailed(self.told(method, path, self.reason(error)))
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error or type(error).__name__
            raise CallFailed(self.told(method, path, "StackState does not answer: %s" % (str(reason) or type(error).__name__)))
        if date:
            self.behind = email.utils.mktime_tz(date) - time.time()
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise CallFailed(self.told(method, path, "expected JSON. Is STACKSTATE_URL the address of StackState, and not of a login page?"))

    def told(self, method, path, reason):
        return ("%s %s: %s" % (method, path.partition("?")[0], reason)).replace(self.token, "(the token)")

    def reason(self, error):
        """What an answer with an error says, in one line."""
        text = error.read(65_536).decode(errors="replace")
        if error.code == 401:
            return "StackState refuses the token (status 401). Check STACKSTATE_TOKEN, and its kind in STACKSTATE_AUTH."
        if error.code == 403:
            return "the token lacks a permission (status 403). docs/stackstate.md lists those that are needed."
        if 300 <= error.code < 400:
            return "status %d, a redirect, which is not followed. Give the address behind it." % error.code
        try:
            body = json.loads(text)
            errors = body.get("errors") or [body]
            told = "; ".join(filter(None, (str(each.get("message") or "") for each in errors)))
        except (ValueError, AttributeError):
            told = text
        return "status %d: %s" % (error.code, " ".join((told or text).split())[:LONGEST_REASON])

    def listed(self, what, found):
        """A list of objects with whole numbers as ids. JSON of another form is none of StackState's."""
        is_list = isinstance(found, list) and all(isinstance(each, dict) and isinstance(each.get("id"), int) for each in found)
        if not is_list:
            raise CallFailed("%s: expected a list, found %s" % (what, json.dumps(found)[:LONGEST_REASON].replace(self.token, "(the token)")))
        return found

    def data_source(self, name):
        """The id of the data source with this name."""
        sources = self.listed("GET /node/DataSource", self.call("GET", "/node/DataSource"))
        found = [each for each in sources if each.get("name") == name]
        if len(found) != 1:
            names = ", ".join(sorted(str(each.get("name")) for each in sources)[:20]) or "none"
            raise Failure("DATA_SOURCE: StackState has %s data sources of the name %r. It has %s. Give the name of the mirror source, "
                          "or make it in its form: docs/stackstate.md shows it." % (len(found) or "no", name, names))
        return found[0]["id"]

    def components(self, query, value):
        """Id, name and value of the components that a query of StackState's selects. `value` is an expression of
        its script language, in which `it` is the component."""
        quoted = query.replace("\\", "\\\\").replace("'", "\\'")
        script = "Topology.query('%s').components().thenCollect { [id: it.id, name: it.name, value: %s] }" % (quoted, value)
        answer = self.call("POST", "/script/execute", {"script": script, "timeoutMs": SCRIPT_MILLIS})
        result = answer.get("result") if isinstance(answer, dict) else None
        return self.listed("QUERY", result.get("value") if isinstance(result, dict) else answer)

    def streams(self, component):
        """The streams of a component now, by StackState's clock: an older time has none of those just made."""
        now = (time.time() + max(self.behind, 0) + 1) * 1_000
        return self.listed("streams", self.call("GET", "/components/%d/streams?queryTime=%d" % (component, now)))


def checked(url):
    """The URL, if it is one. It is not quoted, for it could have a password."""
    expected = "STACKSTATE_URL: expected an address such as https://stackstate.example.com, without user, query and fragment"
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and (parts.port or 1)
    except ValueError:
        is_url = False
    if not is_url or not re.fullmatch(r"[!-~]+", url) or parts.query or parts.fragment:
        raise Failure(expected)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        say("STACKSTATE_URL is plain http: whoever sees the traffic sees the token.")
    return url
