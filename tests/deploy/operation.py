"""What one does with a mirror that is deployed."""

import json
import re

from harness import HOST_ARCHITECTURE, documented_commands, post


def outputs(aws, stack="stackstate-mirror"):
    found = aws.client("cloudformation").describe_stacks(StackName=stack)
    return {output["OutputKey"]: output["OutputValue"] for output in found["Stacks"][0]["Outputs"]}


def resource(aws, name):
    """A resource in the template that SAM's transform made."""
    found = aws.client("cloudformation").get_template(
        StackName="stackstate-mirror", TemplateStage="Processed",
    )
    template = found["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    return template["Resources"][name]


def the_smoke_test_tells_what_is_wrong(shell):
    key, url, random, cloudwatch = shell.entries()
    output = shell.smoke((key, url, random, cloudwatch))
    assert output.count(" ok, ") == 6 and "as StackState expects" in output, output
    for entries, text in [
        ((key, url, {}, {}), "Set MIRROR_ACCESS_TOKEN to the one of the deployment"),
        (("another-key", url, random, {}), "the mirror's Api Key is another one than MIRROR_API_KEY"),
        ((key, url + "api", random, {}), "status 404"),
        ((key, "http://127.0.0.1:9", random, {}), "the mirror cannot be reached"),
        ((key, "nowhere", random, {}), "the Mirror URL is not a URL"),
    ]:
        output = shell.smoke(entries, status=1)
        assert text in output and "Traceback" not in output, output
        assert random["accessToken"] not in output, output


def a_token_is_rotated_without_a_gap(shell):
    key, url, old, _ = shell.entries()
    shell.make("rotate-token")
    after_key, after_url, new, _ = shell.entries()
    assert (after_key, after_url) == (key, url) and new != old
    status = lambda details: post(f"{url}api/connection", {"connectionDetails": details})[0]
    assert (status(old), status(new)) == (200, 200), "both are valid"
    output = shell.make("rotate-token", status=1)
    assert "a rotation is under way" in output, output
    shell.make("deploy")
    assert (status(old), status(new)) == (200, 200), "a deployment in between changes nothing"
    shell.make("rotate-token", "FINISH=1")
    assert (status(old), status(new)) == (401, 200), "only the new one is valid"
    assert "no rotation to finish" in shell.make("rotate-token", "FINISH=1", status=1)
    # An attempt that failed after it had changed the secret.
    newer = {"accessToken": "n" * 40}
    shell.aws.client("secretsmanager").put_secret_value(
        SecretId=outputs(shell.aws)["AccessTokenSecretArn"],
        SecretString=f"{newer['accessToken']},{new['accessToken']}",
    )
    output = shell.make("rotate-token", "FINISH=1")
    assert "completes that attempt" in output and "The old one is valid" in output, output
    assert (status(new), status(newer)) == (200, 200), "both are valid"
    assert "Only the new access token" in shell.make("rotate-token", "FINISH=1")
    assert (status(new), status(newer)) == (401, 200), "only the newer one is valid"


def a_key_is_rotated(shell):
    key, _, random, _ = shell.entries()
    assert "Leave out FINISH" in shell.make("rotate-key", "FINISH=1", status=1)
    shell.make("rotate-key")
    entries = shell.entries()
    assert entries[0] != key and entries[2] == random
    shell.smoke(entries)


def an_http_api_can_be_in_front(shell):
    key, url, random, _ = shell.entries()
    output = shell.make("deploy", "Front=HttpApi", "HttpApiRateLimit=7")
    assert "The Mirror URL has changed" in output, output
    entries = shell.entries()
    assert entries[1] != url and (entries[0], entries[2]) == (key, random)
    shell.smoke(entries)
    # The local AWS does not keep these settings, so the transformed template has to show them.
    stage = resource(shell.aws, "HttpApiStage")["Properties"]
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "HttpApiRateLimit"}, stage
    assert "durationMs" in stage["AccessLogSettings"]["Format"], stage
    secret = resource(shell.aws, "ApiKeySecret")["Properties"]["GenerateSecretString"]
    assert secret == {"PasswordLength": 40, "ExcludePunctuation": True}, secret


def a_private_api_can_be_in_front(shell):
    entries = shell.entries()
    commands = documented_commands("An HTTP API, a VPC, a private API")
    deploy, rest = commands.split("\n", 1)
    assert deploy == "make deploy Front=None", deploy
    # The local AWS does not notice a change of conditions alone, so another parameter changes too.
    shell.make(*deploy.split()[1:], "MemorySize=129")
    found = outputs(shell.aws)
    assert "MirrorUrl" not in found and found["FunctionArn"] in shell.make("status")
    url = shell.run(rest.replace("ARN-THAT-MAKE-STATUS-PRINTS", found["FunctionArn"]))
    url = re.search(r"https?://\S+", url)[0]
    shell.smoke((entries[0], shell.local(url), entries[2], None))
    shell.run("aws cloudformation delete-stack --stack-name stackstate-mirror-api")
    shell.make("deploy", "Front=FunctionUrl", "MemorySize=128")


def what_the_account_cannot_spare_is_not_reserved(shell):
    spare = shell.aws.client("lambda").get_account_settings()["AccountLimit"]
    wanted = spare["UnreservedConcurrentExecutions"] - 50
    # The local AWS reserves nothing, so the stack's parameter has to show it.
    def reserved():
        stack = shell.aws.client("cloudformation").describe_stacks(StackName="stackstate-mirror")
        return next(each["ParameterValue"] for each in stack["Stacks"][0]["Parameters"]
                    if each["ParameterKey"] == "ReservedConcurrency")

    assert reserved() == "100"
    output = shell.make("deploy", "ReservedConcurrency=1")
    assert "cannot spare" not in output and reserved() == "1", output
    output = shell.make("deploy", f"ReservedConcurrency={wanted}")
    assert f"The account cannot spare {wanted} of its concurrency" in output, output
    assert reserved() == "-1"


def a_proxy_networks_and_the_page_become_variables(shell):
    def variables():
        function = outputs(shell.aws)["FunctionName"]
        found = shell.aws.client("lambda").get_function_configuration(FunctionName=function)
        return {name: value for name, value in found["Environment"]["Variables"].items()
                if name not in ("MIRROR_API_KEY", "MIRROR_ACCESS_TOKEN") and value}

    # The local AWS does not notice a change of conditions alone, so another parameter changes too.
    proxy = "http://user:hush@127.0.0.1:1"
    output = shell.make("deploy", f"HttpsProxy={proxy}", "NoProxy=example.com", "MemorySize=129",
                        "AllowedCidrs=203.0.113.0/24,2001:db8::/32", "Explorer=on",
                        "UseFipsEndpoint=on", "UseDualStackEndpoint=on")
    assert "hush" not in output + shell.make("status", "SHOW_SECRETS=1"), output
    assert variables() == {
        "HTTPS_PROXY": proxy, "NO_PROXY": "example.com",
        "MIRROR_ALLOWED_CIDRS": "203.0.113.0/24,2001:db8::/32", "MIRROR_EXPLORER": "1",
        "MIRROR_ACCESS": "restricted",
        "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true",
    }, variables()
    for wrong in ["http://svc:P@ssw0rd@127.0.0.1:1", "http://svc:P/w@127.0.0.1:1", "https://127.0.0.1:1"]:
        output = shell.make("deploy", f"HttpsProxy={wrong}", status=1)
        assert "HttpsProxy: expected empty, or the URL of an HTTP proxy" in output, output
        assert "%40" in output and "svc" not in output and "Building" not in output, output
    # make itself cuts white space off its command line.
    output = shell.make("deploy", status=1, AllowedCidrs=" ")
    assert "AllowedCidrs: expected empty, or networks" in output, output
    shell.make("deploy", "HttpsProxy=", "AllowedCidrs=", "Explorer=off", "MemorySize=128",
               "UseFipsEndpoint=off", "UseDualStackEndpoint=off")
    assert variables() == {"MIRROR_EXPLORER": "0", "MIRROR_ACCESS": "restricted"}, variables()


def metrics_and_alarms_are_provisioned(shell):
    shell.make("deploy", "Metrics=on", "Alarms=on", "AlarmEmail=operator@example.com", "LogLevel=INFO")
    function = outputs(shell.aws)["FunctionName"]
    filters = shell.aws.client("logs").describe_metric_filters(logGroupName="/aws/lambda/stackstate-mirror")
    names = [each["metricTransformations"][0]["metricName"] for each in filters["metricFilters"]]
    assert sorted(names) == ["CloudWatchThrottles", "Errors", "Errors", "ErrorsByKind", "ExpressionsAsked",
                             "Latency", "MetricsAsked", "Requests"], names
    alarms = shell.aws.cloudwatch.describe_alarms()["MetricAlarms"]
    assert len(alarms) == 6 and all(len(alarm["AlarmActions"]) == 1 for alarm in alarms), alarms
    named = [alarm for alarm in alarms if alarm["Namespace"] == "AWS/Lambda"]
    assert all(alarm["Dimensions"][0]["Value"] == function for alarm in named) and len(named) == 3
    dashboard = shell.aws.cloudwatch.get_dashboard(DashboardName="stackstate-mirror")
    assert len(json.loads(dashboard["DashboardBody"])["widgets"]) == 7


def managed_instances_need_a_stack_of_their_own(shell):
    """The local AWS has no capacity providers; tests/managed.py reads the template instead."""
    for words, text in [
        (["STACK=managed"], "SubnetIds is required: The private subnets of the instances"),
        (["SubnetIds=subnet-1", "STACK=managed"], "SecurityGroupIds is required"),
        (["SubnetIds=subnet-1", "SecurityGroupIds=sg-1"],
         "the stack stackstate-mirror does not run on managed instances"),
        (["ReservedConcurrency=5"], "there is no parameter ReservedConcurrency"),
    ]:
        output = shell.make("deploy-managed", *words, status=1)
        assert text in output and "Building" not in output, output


def given_secrets_are_used_and_kept(shell):
    given = {"ApiKey": "hush-key-of-the-test", "AccessToken": "hush-token-of-the-test"}
    output = shell.make("deploy", "STACK=given", f"Architecture={HOST_ARCHITECTURE}",
                        "ReservedConcurrency=-1", **given)
    assert "hush" not in output, output
    assert not [name for name in outputs(shell.aws, "given") if name.endswith("SecretArn")]
    entries = shell.entries("STACK=given")
    assert (entries[0], entries[2]["accessToken"]) == tuple(given.values())
    shell.make("deploy", "STACK=given", "MemorySize=256")
    assert shell.entries("STACK=given") == entries, "the stack keeps them"
    output = shell.make("rotate-token", "STACK=given", status=1)
    assert "it was given as AccessToken" in output, output
    shell.make("deploy", "STACK=given", "Access=Open", AccessToken="")
    entries = shell.entries("STACK=given")
    assert entries[2] == {}
    shell.smoke(entries)
    shell.make("deploy", "STACK=given", "Access=Restricted")
    assert len(shell.entries("STACK=given")[2]["accessToken"]) == 40, "a token is generated"
    shell.make("deploy", "STACK=given", "Access=Open")
    assert shell.entries("STACK=given")[2] == {}
    shell.make("undeploy", "STACK=given")


def cargo_lambda_does_not_take_the_stacks_name(shell):
    output = shell.make("deploy-cargo-lambda", status=1)
    assert "there is a stack stackstate-mirror" in output and "Building" not in output, output
    shell.make("undeploy-cargo-lambda")
    assert shell.aws.client("logs").describe_log_groups()["logGroups"], "the stack keeps its log"


def nothing_is_left(shell):
    output = shell.make("undeploy")
    assert "AWS::SecretsManager::Secret" in output and "aws-sam-cli-managed-default" in output, output
    left = shell.aws.client("cloudformation").list_stacks()["StackSummaries"]
    left = [stack["StackName"] for stack in left if stack["StackStatus"] != "DELETE_COMPLETE"]
    assert left == ["aws-sam-cli-managed-default"], left
    client = shell.aws.client
    assert client("lambda").list_functions()["Functions"] == []
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert client("iam").list_roles()["Roles"] == []
    assert shell.aws.cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert "Nothing was removed" in shell.make("undeploy")
    assert "there is no stack" in shell.make("status", status=1)
