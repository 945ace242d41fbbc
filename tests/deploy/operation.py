"""What one does with a mirror that is deployed."""

import contextlib
import io
import json
import os
import re
import tempfile

from deploy import function
from harness import HOST_ARCHITECTURE, documented_commands, post, random_secrets


def outputs(aws, stack="stackstate-mirror"):
    found = aws.client("cloudformation").describe_stacks(StackName=stack)
    return {output["OutputKey"]: output["OutputValue"] for output in found["Stacks"][0]["Outputs"]}


def parameter(aws, name, stack="stackstate-mirror"):
    found = aws.client("cloudformation").describe_stacks(StackName=stack)
    return next(each["ParameterValue"] for each in found["Stacks"][0]["Parameters"]
                if each["ParameterKey"] == name)


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
    assert output.count(" ok, ") == 6 and "as StackState expects, with random data" in output, output
    output = shell.make("smoke", "STACK=stackstate-mirror", f"MIRROR_URL={url}")
    assert output.count(" ok, ") == 8 and "CloudWatch, namespaces" in output, output
    output = shell.make("smoke", "STACK=stackstate-mirror", "MIRROR_URL=http://127.0.0.1:9", status=1)
    assert "the mirror cannot be reached" in output, output
    assert "there is no stack nowhere" in shell.make("smoke", "STACK=nowhere", status=1)
    for entries, text in [
        ((key, url, {}, {}), "Set MIRROR_ACCESS_TOKEN to the one of the deployment"),
        (("another-key", url, random, {}), "the mirror's Api Key is another one than MIRROR_API_KEY"),
        ((key, url + "api", random, {}), "status 404"),
        ((key, "http://127.0.0.1:9", random, {}), "the mirror cannot be reached"),
        ((key, "nowhere", random, {}), "expected a Mirror URL such as https://"),
        ((key, "http://127.0.0.1:9/ä b", random, {}), "expected a Mirror URL such as https://"),
    ]:
        output = shell.smoke(entries, status=1)
        assert output.count(text) == 1 and "Traceback" not in output, output
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
    output = shell.make("deploy")
    assert "No changes to deploy" in output, output
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
    assert "The Mirror URL has changed" in output and "The access token has changed" not in output, output
    entries = shell.entries()
    assert entries[1] != url and (entries[0], entries[2]) == (key, random)
    shell.smoke(entries)
    # The domain needs a certificate, which the local AWS does not look at.
    domain = documented_commands("An HTTP API, a VPC, a private API")[0]
    shell.run(domain.replace("CERTIFICATE-ARN", "arn:aws:acm:eu-west-1:000000000000:certificate/1"))
    # The local AWS does not keep these settings, so the transformed template has to show them.
    stage = resource(shell.aws, "HttpApiStage")["Properties"]
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "HttpApiRateLimit"}, stage
    line = json.loads(re.sub(r"\$context[.\w]*", "x", stage["AccessLogSettings"]["Format"]))
    assert set(line.values()) == {"x"} and not {"path", "method"} & set(line), line
    assert outputs(shell.aws)["HttpApiLogGroup"] in shell.make("status"), "the access log is named"
    assert outputs(shell.aws)["HttpApiId"] in entries[1], entries[1]
    secret = resource(shell.aws, "ApiKeySecret")["Properties"]["GenerateSecretString"]
    assert secret == {"PasswordLength": 40, "ExcludePunctuation": True}, secret


def a_private_api_can_be_in_front(shell):
    entries = shell.entries()
    _, commands, deploy_again = documented_commands("An HTTP API, a VPC, a private API")
    deploy, rest = commands.split("\n", 1)
    assert deploy == "make deploy Front=None", deploy
    # The local AWS does not notice a change of conditions alone, so another parameter changes too.
    shell.make(*deploy.split()[1:], "MemorySize=129")
    found = outputs(shell.aws)
    assert "MirrorUrl" not in found and found["FunctionArn"] in shell.make("status")
    url = shell.run(rest.replace("ARN-THAT-MAKE-STATUS-PRINTS", found["FunctionArn"]))
    url = re.search(r"https?://\S+", url)[0]
    assert "-vpce-0123456789abcdef0.execute-api." in url, url
    shell.smoke((entries[0], function.reached(url, shell.aws.url), entries[2], None))
    shell.run(deploy_again)
    shell.smoke((entries[0], function.reached(url, shell.aws.url), entries[2], None))
    shell.run("aws cloudformation delete-stack --stack-name stackstate-mirror-api")
    shell.make("deploy", "Front=FunctionUrl", "MemorySize=128")


def a_deployment_ends_with_two_calls(shell):
    output = shell.make("deploy")
    assert "The function answers." in output and "The Mirror URL answers." in output, output
    key, url, random, _ = shell.entries()
    token = random["accessToken"]
    function.SECONDS_BETWEEN_ATTEMPTS = 0
    for url, key, token, networks, text in [
        (url, key, token, None, "The Mirror URL answers."),
        (url, "another-key", token, "203.0.113.0/24", "the mirror's Api Key is another one"),
        (url, key, "another-token", None, "the mirror does not know the access token"),
        (url, key, "another-token", "203.0.113.0/24", "refuses this machine, as it should if"),
        (url + "nowhere/", key, token, None, "status 404"),
        ("http://127.0.0.1:9/", key, token, None, "The Mirror URL was not reached from this machine"),
    ]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            try:
                function.check_url(url, key, token, networks)
            except SystemExit as failure:
                said.write(str(failure))
        assert text in said.getvalue() and token not in said.getvalue(), said.getvalue()


def tags_and_a_bucket_are_kept(shell):
    stacks = shell.aws.client("cloudformation").describe_stacks
    tags = lambda: {tag["Key"]: tag["Value"] for tag in stacks(StackName="stackstate-mirror")["Stacks"][0]["Tags"]}
    shell.run("aws s3 mb s3://a-bucket-of-mine")
    output = shell.make("deploy", "Tags=team=x,cost centre=a=b c", "S3Bucket=a-bucket-of-mine", "MemorySize=129")
    assert "a-bucket-of-mine" in output, output
    assert tags() == {"team": "x", "cost centre": "a=b c"}, tags()
    output = shell.make("status")
    assert re.search(r"Parameters .*MemorySize=129", output) and "Tags " in output and "team=x" in output, output
    output = shell.make("deploy", "MemorySize=128")
    assert "a-bucket-of-mine" in output and tags() == {"team": "x", "cost centre": "a=b c"}, (output, tags())
    output = shell.make("deploy", "Tags=", "S3Bucket=")
    assert "a-bucket-of-mine" not in output, output
    assert tags() == {}, tags()


def what_the_account_cannot_spare_is_not_reserved(shell):
    spare = shell.aws.client("lambda").get_account_settings()["AccountLimit"]
    wanted = spare["UnreservedConcurrentExecutions"] - 50
    # The local AWS reserves nothing, so the stack's parameter has to show it.
    reserved = lambda: parameter(shell.aws, "ReservedConcurrency")
    assert reserved() == "100"
    output = shell.make("deploy", "ReservedConcurrency=1")
    assert "cannot spare" not in output and reserved() == "1", output
    output = shell.make("deploy", f"ReservedConcurrency={wanted}", status=1)
    assert "ReservedConcurrency: the account can spare" in output and "Building" not in output, output
    assert reserved() == "1", "what is reserved stays"
    shell.make("deploy", "ReservedConcurrency=-1")


def a_proxy_networks_and_the_page_become_variables(shell):
    def variables():
        name = outputs(shell.aws)["FunctionName"]
        found = shell.aws.client("lambda").get_function_configuration(FunctionName=name)
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
    assert "AllowedCidrs: expected networks or addresses" in output, output
    shell.make("deploy", "HttpsProxy=", "AllowedCidrs=", "Explorer=off", "MemorySize=128",
               "UseFipsEndpoint=off", "UseDualStackEndpoint=off")
    assert variables() == {"MIRROR_EXPLORER": "0", "MIRROR_ACCESS": "restricted"}, variables()


def metrics_and_alarms_are_provisioned(shell):
    # The local AWS does not notice a change of conditions alone, so another parameter changes too.
    output = shell.make("deploy", "Metrics=on", "Alarms=on", "MemorySize=129")
    assert "The alarms tell nobody" in output, output
    output = shell.make("deploy", "AlarmEmail=operator@example.com", "MemorySize=128")
    assert "The alarms tell nobody" not in output, output
    name = outputs(shell.aws)["FunctionName"]
    filters = shell.aws.client("logs").describe_metric_filters(logGroupName="/aws/lambda/stackstate-mirror")
    names = [each["metricTransformations"][0]["metricName"] for each in filters["metricFilters"]]
    assert sorted(names) == ["CloudWatchThrottles", "Errors", "Errors", "ErrorsByKind", "ExpressionsAsked",
                             "Latency", "MetricsAsked", "QueriesAnswered", "Refused", "Requests"], names
    alarms = shell.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 7 and all(len(alarm["AlarmActions"]) == 1 for alarm in alarms), alarms
    named = [alarm for alarm in alarms if alarm["Namespace"] == "AWS/Lambda"]
    assert all(alarm["Dimensions"][0]["Value"] == name for alarm in named) and len(named) == 3
    dashboard = shell.aws.client("cloudwatch").get_dashboard(DashboardName="stackstate-mirror")
    assert len(json.loads(dashboard["DashboardBody"])["widgets"]) == 8
    assert "Url4xxCount" in dashboard["DashboardBody"], dashboard


def the_commands_beside_a_deployment_run(shell):
    (cannot_start,) = documented_commands("When an alarm fires", "docs/operate.md")
    shell.run(cannot_start)
    (policy,) = documented_commands("Permissions of the deployer")
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath("docs"), f"{folder}/docs")
        assert "deploy-stackstate-mirror" in shell.run(policy, folder)


def managed_instances_need_a_stack_of_their_own(shell):
    """The local AWS has no capacity providers; tests/templates reads the template instead."""
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
    given = dict(zip(("ApiKey", "AccessToken"), random_secrets(1)))
    output = shell.make("deploy", "STACK=given", f"Architecture={HOST_ARCHITECTURE}",
                        "ReservedConcurrency=1000", **given)
    assert "The account cannot spare 1000 of its concurrency" in output, output
    assert parameter(shell.aws, "ReservedConcurrency", "given") == "-1"
    assert not any(secret in output for secret in [given["ApiKey"], *given["AccessToken"].split(",")]), output
    assert not [name for name in outputs(shell.aws, "given") if name.endswith("SecretArn")]
    entries = shell.entries("STACK=given")
    assert (entries[0], entries[2]["accessToken"]) == (given["ApiKey"], given["AccessToken"].split(",")[0])
    assert shell.secrets(outputs(shell.aws, "given")["FunctionName"]) == tuple(given.values())
    # On make's own command line, where it would replace a $.
    words = [f"{name}={value}" for name, value in zip(given, random_secrets(2))]
    output = shell.make("deploy", "STACK=given", *words)
    assert "The Api Key has changed." in output and "The access token has changed." in output, output
    assert shell.secrets(outputs(shell.aws, "given")["FunctionName"]) == random_secrets(2)
    output = shell.make_in_a_terminal("deploy", "STACK=given", "ASK=ApiKey,AccessToken", **given)
    assert given["ApiKey"] not in output, output
    assert shell.secrets(outputs(shell.aws, "given")["FunctionName"]) == tuple(given.values())
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
    for words, text in [
        (["undeploy", "Stack=other"], "there is no parameter Stack: did you mean STACK?"),
        (["undeploy", "MemorySize=3"], "there is no parameter MemorySize: there are STACK"),
        (["undeploy", "STACK="], "STACK: expected up to 128 letters"),
        (["undeploy", "STACK", "other"], "expected a command and NAME=value"),
        (["status", "show_secrets=1"], "did you mean SHOW_SECRETS?"),
        (["rotate-token", "finish=1"], "did you mean FINISH?"),
    ]:
        output = shell.make(*words, status=1)
        assert text in output, output
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
    assert shell.aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert "Nothing was removed" in shell.make("undeploy")
    assert "there is no stack" in shell.make("status", status=1)
