"""Deploys the mirror into a local AWS with the commands that the documents name, and calls it as
StackState does.

`make test-deploy` runs it with ministack's Python.
"""

import sys
import time

import operation
import otherwise
from harness import (HOST_ARCHITECTURE, OTHER_ARCHITECTURE, CloudFormationWithout, LocalAws, Shell,
                     architecture_of, post)
from local_aws import REGION
from operation import outputs

ROLE = "arn:aws:iam::000000000000:role/reader"
KEYS = {"accessKeyId": "test", "secretAccessKey": "test", "region": REGION}
CALLS = [
    ("connection", {}, "TestConnectionResponse"),
    ("field/name", {"startTime": 0, "endTime": 1000}, "FieldNamesResponse"),
    (
        "field/value",
        {"startTime": 0, "endTime": 1000, "field": {"fieldName": "field1", "fieldType": "STRING"}},
        "FieldValuesResponse",
    ),
    ("metric", {"startTime": 0, "endTime": 1000}, "MetricsResponse"),
]


def what_is_missing_is_said_before_anything_is_built(shell):
    for variables, words, text in [
        ({"AWS_ACCESS_KEY_ID": "", "HOME": "/nowhere"}, [], "there are no AWS credentials"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "HOME": "/nowhere"}, [], "there is no AWS region"),
        ({}, ["Front=Proxy"], "Front: expected FunctionUrl, HttpApi or None, found 'Proxy'"),
        ({}, ["Archtecture=arm64"], "there is no parameter Archtecture: did you mean Architecture?"),
        ({}, ["AWS_MAX_ATTEMPTS=2", "Front=Proxy"], "Front: expected FunctionUrl"),
        ({}, ["Alarms=on"], "Alarms on requires Metrics on"),
        ({}, ["Metrics=on", "LogLevel=WARN"], "Metrics on requires LogLevel INFO"),
        ({}, ["SubnetIds=subnet-1"], "SubnetIds require SecurityGroupIds"),
        ({}, ["AllowedCidrs=203.0.113.0/33"], "AllowedCidrs: expected networks or addresses"),
        ({}, ["AllowedCidrs=2001:::1"], "AllowedCidrs: expected networks or addresses"),
        ({}, ["AllowedCidrs=203.0.113.0/255.255.255.0"], "AllowedCidrs: expected empty, or networks"),
        ({}, [f"AssumableRoles={ROLE},*"], "AssumableRoles: expected empty, or the ARNs of roles"),
        ({}, ["AllowedCidrs=10.0.0.0/8,10.0.0.0/x"], "found '10.0.0.0/x'"),
        ({}, ["Tags=team"], "Tags: expected name=value"),
        ({}, ["Tags=team=x cost=y"], "Tags: expected name=value"),
        ({}, ["S3Bucket=s3://mine"], "S3Bucket: expected the name of a bucket"),
        ({}, ["ASK=Key"], "ASK: expected names of parameters"),
        ({}, ["RoleArn=mine"], "RoleArn: expected the ARN of a role"),
        ({}, ["region=eu-west-1"], "there is no parameter region: did you mean AWS_REGION?"),
        ({}, ["stack=x"], "there is no parameter stack: did you mean STACK?"),
        ({}, ["STACK=my_mirror"], "STACK: expected up to 128 letters"),
        ({}, ["MemorySize", "256"], "expected a command and NAME=value"),
        ({"AWS_ENDPOINT_URL_CLOUDFORMATION": CloudFormationWithout.url()}, [],
         "the region eu-west-1 has no AWS::Lambda::Url. Use Front=HttpApi"),
        ({"ApiKey": "hush hush"}, [], "ApiKey: expected empty, or 16 to 256 visible ASCII characters"),
    ]:
        output = shell.make("deploy", *words, status=1, **variables)
        assert text in output and "Building" not in output and "hush" not in output, output


def nothing_given_deploys_the_default_architecture(shell):
    # The local AWS runs functions of this machine's architecture only, and the last step calls the function.
    output = shell.make("deploy", status=HOST_ARCHITECTURE != "arm64")
    assert "make status SHOW_SECRETS=1" in output, output
    function = outputs(shell.aws)["FunctionName"]
    assert architecture_of(shell.aws, function) == ("arm64", "arm64")
    key, _, random, _ = shell.entries()
    assert (len(key), len(random["accessToken"])) == (40, 40), "both are generated"
    assert key not in output and random["accessToken"] not in output, "both are hidden"


def the_build_follows_the_architecture(shell):
    before = shell.entries()
    output = shell.make("deploy", f"Architecture={OTHER_ARCHITECTURE}", f"AssumableRoles={ROLE}", status=1)
    assert "the function is deployed, but it fails" in output and "Exec format error" in output, output
    function = outputs(shell.aws)["FunctionName"]
    assert architecture_of(shell.aws, function) == (OTHER_ARCHITECTURE,) * 2
    shell.make("deploy", f"Architecture={HOST_ARCHITECTURE}")
    assert architecture_of(shell.aws, function) == (HOST_ARCHITECTURE,) * 2
    assert shell.entries() == before, "an update keeps URL, key and token"


def a_deployment_without_changes_says_so(shell):
    output = shell.make("deploy")
    assert "No changes to deploy" in output, output
    assert architecture_of(shell.aws, outputs(shell.aws)["FunctionName"])[0] == HOST_ARCHITECTURE


def the_four_calls_are_answered(shell):
    key, url, details, _ = shell.entries()
    for call, query, kind in CALLS:
        answer = post(f"{url}/api/{call}", {"connectionDetails": details, "query": query})
        assert (answer[0], answer[1], answer[2]["_type"]) == (200, key, kind), answer
    status, found, body = post(f"{url}api/metric", {"connectionDetails": details})
    assert (status, found, body["_type"]) == (500, key, "RemoteMirrorError"), body
    status, found, _ = post(f"{url}api/connection", {"connectionDetails": {}})
    assert (status, found) == (401, None), (status, found)


def cloudwatch_is_read_with_each_kind_of_credentials(shell):
    _, url, details, own_role = shell.entries()
    hour = int(time.time()) // 3600 * 3600 - 7200
    shell.aws.client("cloudwatch").put_metric_data(Namespace="Deployed", MetricData=[
        {"MetricName": "Load", "Timestamp": hour + 60 * minute, "Value": minute}
        for minute in range(10)
    ])
    query = {
        "conditions": [{"key": "Namespace", "value": {"value": "Deployed", "_type": "StringValue"}}],
        "metricField": "Load", "startTime": hour * 1000, "endTime": (hour + 600) * 1000,
        "aggregation": {"method": "MEAN", "bucketSizeMillis": 300_000},
    }
    points = [[value, (hour + start) * 1000, (hour + start + 300) * 1000]
              for value, start in [(2.0, 0), (7.0, 300)]]
    with_role = {**KEYS, "roleArn": ROLE, "externalId": "the-external-id"}
    for caller in [KEYS, with_role, own_role]:
        caller = {**caller, **details}
        answer = post(f"{url}api/connection", {"connectionDetails": caller})
        assert answer[2]["status"] == "OK", (caller, answer)
        status, _, body = post(f"{url}api/metric", {"connectionDetails": caller, "query": query})
        assert status == 200 and body["telemetry"]["points"] == points, (caller, body)


TESTS = [
    what_is_missing_is_said_before_anything_is_built,
    nothing_given_deploys_the_default_architecture,
    the_build_follows_the_architecture,
    a_deployment_without_changes_says_so,
    the_four_calls_are_answered,
    cloudwatch_is_read_with_each_kind_of_credentials,
    operation.the_smoke_test_tells_what_is_wrong,
    operation.a_deployment_ends_with_two_calls,
    operation.a_token_is_rotated_without_a_gap,
    operation.a_key_is_rotated,
    operation.an_http_api_can_be_in_front,
    operation.a_private_api_can_be_in_front,
    operation.tags_and_a_bucket_are_kept,
    operation.what_the_account_cannot_spare_is_not_reserved,
    operation.a_proxy_networks_and_the_page_become_variables,
    operation.metrics_and_alarms_are_provisioned,
    operation.the_commands_beside_a_deployment_run,
    operation.managed_instances_need_a_stack_of_their_own,
    operation.given_secrets_are_used_and_kept,
    operation.cargo_lambda_does_not_take_the_stacks_name,
    operation.nothing_is_left,
    otherwise.with_cargo_lambda,
    otherwise.a_function_that_does_not_start_is_told,
    otherwise.with_the_package_and_the_aws_cli,
]


def main():
    aws = LocalAws()
    try:
        shell = Shell(aws)
        for test in TESTS:
            test(shell)
            print(f"ok: {test.__name__.replace('_', ' ')}", flush=True)
        print(f"{len(TESTS)} passed, 0 failed")
    except BaseException:
        print(aws.log()[-5000:], file=sys.stderr)
        raise
    finally:
        aws.stop()


if __name__ == "__main__":
    main()
