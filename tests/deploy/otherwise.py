"""The two ways to deploy without SAM: cargo-lambda, and the package with the AWS CLI."""

import re

from harness import HOST_ARCHITECTURE, documented_commands, post


def with_cargo_lambda(shell):
    stack = "STACK=with-cargo-lambda"
    shell.make("deploy-cargo-lambda", stack, f"Architecture={HOST_ARCHITECTURE}")
    entries = shell.entries(stack)
    shell.smoke(entries)
    iam = shell.aws.client("iam")
    role = shell.aws.client("lambda").get_function(FunctionName="with-cargo-lambda")
    role = role["Configuration"]["Role"].rpartition("/")[2]
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["read-metrics"]
    shell.make("deploy-cargo-lambda", stack)
    assert shell.entries(stack) == entries, "a second deployment keeps URL, key and token"
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
    output = shell.make("deploy-cargo-lambda", stack, "Front=HttpApi", status=1)
    assert "cargo-lambda cannot set Front" in output, output
    shell.make("undeploy-cargo-lambda", stack)
    assert shell.aws.client("lambda").list_functions()["Functions"] == []
    assert role not in [role["RoleName"] for role in iam.list_roles()["Roles"]]


def with_the_package_and_the_aws_cli(shell):
    shell.make("package")
    commands = documented_commands("Without Rust")
    assert commands.count("aws ") >= 5, commands
    # The local AWS runs functions of this machine's architecture only.
    commands = commands.replace("CodeBucket=", f"Architecture={HOST_ARCHITECTURE} CodeBucket=")
    output = shell.run(commands)
    assert re.search(r"https://\S+", output), output
    shell.smoke(shell.entries())
    shell.make("undeploy")
