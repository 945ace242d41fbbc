"""What happens to a parameter on its way to the function."""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

from samcli.cli.types import CfnParameterOverridesType, CfnTags

from console import Failure
from deploy.stack import check_networks, read_template, violation
from deploy.with_sam import quoted, quoted_tag

VISIBLE = [chr(code) for code in range(ord("!"), ord("~") + 1)]
BINARY = "target/debug/stackstate-mirror"


def sam_passes_every_value_as_it_is():
    """Two thousand values of any visible character, half of them of those that SAM treats in its own way."""
    chance = random.Random(27)
    for _ in range(2_000):
        letters = chance.choice([VISIBLE, [*"\\\"' =,$a"]])
        value = "".join(chance.choices(letters, k=chance.randint(0, 60)))
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"ApiKey": quoted(value)}, file)
            file.flush()
            found = CfnParameterOverridesType().convert((f"file://{file.name}",), None, None)
        assert found == {"ApiKey": value}, (value, found)


def sam_passes_every_tag_as_it_is():
    chance = random.Random(27)
    for _ in range(2_000):
        letters = chance.choice([[*"abc ABC 019 _.:/=+-@äß"], [*"a= "]])
        name, value = ("".join(chance.choices(letters, k=chance.randint(1, 12))).strip() for _ in range(2))
        found = CfnTags().convert((quoted_tag(name or "a", value),), None, None)
        assert found == {name or "a": value}, (name, value, found)


def is_accepted(parameter, name, value):
    """Whether `make deploy` takes the value."""
    try:
        if name == "AllowedCidrs":
            check_networks(value)
    except Failure:
        return False
    return violation(parameter, value) is None


def starts(variable, value):
    """Whether the function starts with the variable. Without a Runtime API, it ends in any case."""
    done = subprocess.run(
        [BINARY], env={variable: value, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "AWS_LAMBDA_FUNCTION_NAME": "m",
                       "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "1"},
        capture_output=True, text=True, timeout=60,
    )
    return "cannot start" not in done.stdout


def what_stops_the_start_is_refused_before():
    """A function that does not start fails every call, and the deployment would succeed."""
    assert not starts("MIRROR_ALLOWED_CIDRS", "203.0.113.0/33"), "the function tells that it does not start"
    parameters = read_template()["Parameters"]
    chance = random.Random(27)
    addresses = ["203.0.113.0", "203.0.113.256", "203.0.113", "010.0.0.1", "2001:db8::", "::ffff:203.0.113.0", "::",
                 "1::2::3", "g::", "2001:db8::203.0.113.0", "1:2:3:4:5:6:7:8:9", "", " ", ":", "::1%lo"]
    prefixes = ["", "/0", "/8", "/24", "/32", "/33", "/95", "/96", "/128", "/129", "/024", "/", "/a", "/-1",
                "/255.255.255.0"]
    networks = [address + prefix for address in addresses for prefix in prefixes]
    networks += [chance.choice([",", ", ", " ,", ",,"]).join(chance.sample(networks, 2)) for _ in range(300)]
    odd = [*"@:/#?%\\& =%40%zz"]
    proxies = ["", "http://proxy", "http://proxy:3128/", "https://proxy", "proxy:3128", "http://", "socks5://proxy"]
    proxies += ["http://user:" + "".join(chance.choices(odd + [*"abc"], k=6)) + "@proxy:3128" for _ in range(300)]
    keys = ["".join(chance.choices(VISIBLE + [" ", "ä", "\t"], k=chance.randint(14, 40))) for _ in range(100)]
    for name, variable, values in [
        ("AllowedCidrs", "MIRROR_ALLOWED_CIDRS", networks),
        ("HttpsProxy", "HTTPS_PROXY", proxies),
        ("ApiKey", "MIRROR_API_KEY", keys),
        ("AccessToken", "MIRROR_ACCESS_TOKEN", [*keys, ",".join(keys[:2]), keys[0] + ","]),
    ]:
        taken = [value for value in values if is_accepted(parameters[name], name, value)]
        assert len(taken) > 3, (name, taken)
        stopped = [value for value in taken if not starts(variable, value)]
        assert not stopped, f"{name}: {stopped} are taken, and the function does not start"


def a_build_sees_no_secret():
    """A cargo that prints its environment, called by make and by the deployment."""
    parameters = read_template()["Parameters"]
    names = [name for name in parameters if parameters[name].get("NoEcho")]
    names += ["MIRROR_API_KEY", "MIRROR_ACCESS_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
              "AWS_SESSION_TOKEN"]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/cargo", "w") as file:
            file.write("#!/bin/sh\nenv\n")
        os.chmod(file.name, 0o755)
        variables = {name: f"hush-{name}" for name in names}
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **variables}
        own = "import sys; from deploy.build import build; build('arm64')"
        for command in [
            ["make", "build", *(f"{name}={value}" for name, value in variables.items())],
            ["make", "release-limits"],
            [sys.executable, "-c", own],
        ]:
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0 and "PATH=" in done.stdout, (command, done)
            assert "hush" not in done.stdout, (command, [line for line in done.stdout.split("\n") if "hush" in line])


def a_template_can_be_given_to_cloudformation_as_text():
    """At most 51,200 bytes, which `make rotate-token` sends (TemplateBody, CloudFormation API reference).

    The packages add some hundred bytes, and a deployment its tags.
    """
    for path in ["template.yaml", "template-managed.yaml"]:
        assert os.path.getsize(path) < 48_000, path
    assert re.search("Secrets revision 0", open("template.yaml").read())
