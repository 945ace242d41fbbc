"""The two ways to deploy without SAM: cargo-lambda, and the package with the AWS CLI."""

import json
import re
import shutil
import tempfile

from harness import HOST_ARCHITECTURE, documented_commands, post, random_secrets
from operation import outputs


def with_cargo_lambda(shell):
    stack = "STACK=with-cargo-lambda"
    shell.make("deploy-cargo-lambda", stack, f"Architecture={HOST_ARCHITECTURE}")
    entries = shell.entries(stack)
    shell.smoke(entries)
    assert shell.make("smoke", stack, f"MIRROR_URL={entries[1]}").count(" ok, ") == 8
    iam = shell.aws.client("iam")
    role = shell.aws.client("lambda").get_function(FunctionName="with-cargo-lambda")
    role = role["Configuration"]["Role"].rpartition("/")[2]
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["read-metrics"]
    shell.make("deploy-cargo-lambda", stack)
    assert shell.entries(stack) == entries, "a second deployment keeps URL, key and token"
    given = dict(zip(("ApiKey", "AccessToken"), random_secrets(3)))
    shell.make("deploy-cargo-lambda", stack, **given)
    assert shell.secrets("with-cargo-lambda") == random_secrets(3)
    found = shell.aws.client("lambda").get_function_configuration(FunctionName="with-cargo-lambda")
    assert found["LoggingConfig"]["LogFormat"] == "JSON", found
    shell.make("deploy-cargo-lambda", stack, ApiKey=entries[0])
    shell.make("deploy-cargo-lambda", stack, "Access=Open")
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []
    # Functions that 0.1.0 left, or somebody's own hand. What is open on purpose says so then.
    client, key = shell.aws.client("lambda"), {"MIRROR_API_KEY": entries[0]}
    behind_networks = {**key, "MIRROR_ALLOWED_CIDRS": "203.0.113.0/24", "HTTPS_PROXY": "http://127.0.0.1:1"}
    for left, expected in [
        (behind_networks, behind_networks),
        ({**key, "MIRROR_ACCESS": "Open"}, {**key, "MIRROR_ACCESS": "open"}),
        (key, {**key, "MIRROR_ACCESS": "open"}),
    ]:
        client.update_function_configuration(
            FunctionName="with-cargo-lambda", Environment={"Variables": left},
        )
        shell.make("deploy-cargo-lambda", stack)
        found = client.get_function_configuration(FunctionName="with-cargo-lambda")
        assert found["Environment"]["Variables"] == expected, found
    status, key, _ = post(f"{entries[1]}api/connection", {"connectionDetails": {}})
    assert (status, key) == (200, entries[0])
    # A first deployment that was interrupted before the function had its variables.
    client.update_function_configuration(FunctionName="with-cargo-lambda", Environment={"Variables": {}})
    shell.make("deploy-cargo-lambda", stack)
    assert shell.entries(stack)[2].get("accessToken"), "it is not open"
    for word in ["Front=HttpApi", "Tags=team=x"]:
        output = shell.make("deploy-cargo-lambda", stack, word, status=1)
        assert f"cargo-lambda cannot set {word.partition('=')[0]}" in output, output
    shell.make("undeploy-cargo-lambda", stack)
    assert shell.aws.client("lambda").list_functions()["Functions"] == []
    assert role not in [role["RoleName"] for role in iam.list_roles()["Roles"]]


def a_function_that_does_not_start_is_told(shell):
    stack = "STACK=with-cargo-lambda"
    shell.make("deploy-cargo-lambda", stack, f"Architecture={HOST_ARCHITECTURE}")
    client = shell.aws.client("lambda")
    found = client.get_function_configuration(FunctionName="with-cargo-lambda")["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName="with-cargo-lambda", Environment={"Variables": {**found, "MIRROR_EXPLORER": "hush"}},
    )
    output = shell.make("deploy-cargo-lambda", stack, status=1)
    assert "the function is deployed, but it fails" in output, output
    assert "cannot start: MIRROR_EXPLORER must be 1 or 0" in output, output
    shell.make("undeploy-cargo-lambda", stack)


def with_the_package_and_the_aws_cli(shell):
    """The folder alone, and the commands of its page."""
    shell.make("package")
    with tempfile.TemporaryDirectory() as folder:
        package = shutil.copytree("target/package", f"{folder}/package")
        page = f"{package}/README.md"
        (commands,) = documented_commands("Deploy", page)
        # The local AWS runs functions of this machine's architecture only.
        commands = commands.replace("CodeBucket=", f"Architecture={HOST_ARCHITECTURE} CodeBucket=")
        output = shell.run(commands, package)
        assert re.search(r"https://\S+", output), output
        shell.smoke(shell.entries())
        # Nothing is uploaded if a file is not what was packaged, or if there is no region.
        assert "set AWS_REGION" in shell.run(f"unset AWS_REGION AWS_DEFAULT_REGION\n{commands}", package, status=1)
        with open(f"{package}/template.yaml", "a") as file:
            file.write("# changed\n")
        assert "template.yaml: FAILED" in shell.run(commands, package, status=1)
        bucket = re.search(r"stackstate-mirror-\d+-[a-z0-9-]+", shell.run("aws s3 ls"))[0]
        key, tokens = random_secrets(4)
        with open(f"{package}/parameters.json", "w") as file:
            json.dump([f"CodeBucket={bucket}", f"Architecture={HOST_ARCHITECTURE}", f"ApiKey={key}",
                       f"AccessToken={tokens}"], file)
        deploy = re.search(r"aws cloudformation deploy .*?\n(?=  aws)", commands, re.S)[0]
        deploy = re.sub(r"--parameter-overrides .*", "--parameter-overrides file://parameters.json", deploy)
        shell.run(deploy, package)
        assert shell.secrets(outputs(shell.aws)["FunctionName"]) == random_secrets(4)
        (remove,) = documented_commands("Remove", page)
        shell.run(remove, package)
    assert "there is no stack" in shell.make("status", status=1)
    assert "stackstate-mirror-0" not in shell.run("aws s3 ls")
