"""StackState 5.1's API, as far as `make streams` needs it. Standard library only.

Its description is StackVista/stackstate-openapi, tag 5.1.9. Later versions have no calls for streams.
"""

import json
import re
import socket
import time
import urllib.error
import urllib.request

from console import Failure

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


class StackState:
    """A StackState at a URL, with a token, which no text of this module has."""

    def __init__(self, url, token, kind):
        if not re.fullmatch(r"https?://[^/\s]+(/[^\s?#]*)?", url):
            raise Failure("STACKSTATE_URL: expected an address such as https://stackstate.example.com, found %r" % url)
        if not re.fullmatch(r"[!-~]+", token):
            raise Failure("STACKSTATE_TOKEN: expected the token of an API user, without spaces"
                          + (", found nothing" if not token else ""))
        if kind not in HEADERS:
            raise Failure("STACKSTATE_AUTH: expected %s, found %r" % (" or ".join(HEADERS), kind))
        self.base = re.sub(r"(/api)?/*$", "", url) + "/api"
        self.headers = {HEADERS[kind]: token, "Accept": "application/json"}
        self.opener = urllib.request.build_opener(NoRedirect)

    def call(self, method, path, body=None):
        """The answer to a call, as JSON. Fails with what StackState says."""
        data = None if body is None else json.dumps(body).encode()
        headers = self.headers if data is None else {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        what = "%s %s" % (method, path.partition("?")[0])
        try:
            with self.opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Failure("%s: %s" % (what, self.reason(error)))
        except (urllib.error.URLError, socket.timeout, OSError) as error:
            raise Failure("%s: StackState does not answer: %s" % (what, getattr(error, "reason", error)))
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise Failure("%s: expected JSON. Is STACKSTATE_URL the address of StackState, and not of a login page?" % what)

    @staticmethod
    def reason(error):
        """What an answer with an error says, in one line."""
        text = error.read(65_536).decode(errors="replace")
        if error.code in (401, 403):
            return "StackState refuses the token (status %d). Check STACKSTATE_TOKEN, and its kind in STACKSTATE_AUTH." % error.code
        if 300 <= error.code < 400:
            return "status %d, a redirect, which is not followed. Give the address behind it." % error.code
        try:
            body = json.loads(text)
            errors = body.get("errors") or [body]
            told = "; ".join(filter(None, (str(each.get("message") or "") for each in errors)))
        except (ValueError, AttributeError):
            told = text
        return "status %d: %s" % (error.code, " ".join((told or text).split())[:LONGEST_REASON])

    def data_source(self, name):
        """The id of the data source with this name."""
        found = [each for each in self.call("GET", "/node/DataSource") if each.get("name") == name]
        if len(found) != 1:
            raise Failure("DATA_SOURCE: StackState has %s data sources of the name %r. Make the mirror source in its form, once: "
                          "docs/stackstate.md shows it." % (len(found) or "no", name))
        return found[0]["id"]

    def components(self, query, value):
        """Id, name and value of the components that a query of StackState's selects. `value` is an expression of
        its script language, in which `it` is the component."""
        quoted = query.replace("\\", "\\\\").replace("'", "\\'")
        script = "Topology.query('%s').components().thenCollect { [id: it.id, name: it.name, value: %s] }" % (quoted, value)
        answer = self.call("POST", "/script/execute", {"script": script, "timeoutMs": SCRIPT_MILLIS})
        found = (answer.get("result") or {}).get("value")
        if not isinstance(found, list) or not all(isinstance(each, dict) and each.get("id") for each in found):
            raise Failure("QUERY: expected a list of components, found %s" % json.dumps(found)[:LONGEST_REASON])
        return found

    def streams(self, component):
        return self.call("GET", "/components/%d/streams?queryTime=%d" % (component, time.time() * 1_000))
