"""What SAM makes of template-managed.yaml, because no local AWS has managed instances."""

import json
import types

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from deploy.stack import TemplateLoader, read_template
from deploy.with_sam import complete


def transformed(path):
    """The resources of a template, as CloudFormation gets them."""
    template = read_template(path)
    # `sam deploy` uploads the code and names the place.
    template["Resources"]["Mirror"]["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    session = boto3.Session(region_name="eu-west-1")
    translator = Translator({}, Parser(), boto_session=session)
    result = translator.translate(template, {})
    # Otherwise SAM prints that it has metrics left.
    translator.metrics.publish()
    return result


def the_instances_have_the_stacks_tags():
    with open("template-managed.yaml") as file:
        text = file.read()
    stack = types.SimpleNamespace(outputs={"FunctionName": "m"}, template=lambda: "Secrets revision 7.")
    tags = {"team": "x", "Kostenstelle": 'ä "9"'}
    found = yaml.load(complete(text, stack, tags), TemplateLoader)["Resources"]
    assert found["CapacityProvider"]["Properties"].pop("PropagateTags") == {
        "Mode": "Explicit", "ExplicitTags": [{"Key": name, "Value": value} for name, value in tags.items()],
    }, found
    assert "Secrets revision 7." in found["Mirror"]["Properties"]["Description"], "a rotation is kept"
    before = read_template("template-managed.yaml")["Resources"]
    assert found["CapacityProvider"] == before["CapacityProvider"], "nothing else is changed"


def the_second_template_is_the_same_mirror_on_managed_instances():
    plain, managed = (transformed(path) for path in ("template.yaml", "template-managed.yaml"))
    before, after = plain["Resources"], managed["Resources"]
    function = after["Mirror"]["Properties"]
    assert function["CapacityProviderConfig"] == {
        "LambdaManagedInstancesCapacityProviderConfig": {
            "CapacityProviderArn": {"Fn::GetAtt": "CapacityProvider.Arn"},
            "PerExecutionEnvironmentMaxConcurrency": {"Ref": "RequestsAtOnce"},
            "ExecutionEnvironmentMemoryGiBPerVCpu": 4,
        },
    }, function
    assert function["FunctionScalingConfig"] == {
        "MinExecutionEnvironments": {"Ref": "MinEnvironments"},
        "MaxExecutionEnvironments": {"Ref": "MaxEnvironments"},
    }, function
    # Each numbered version would keep environments of its own, and cost them.
    assert function["PublishToLatestPublished"] is True, function
    versions = [name for name, resource in after.items() if resource["Type"] == "AWS::Lambda::Version"]
    assert not versions, versions
    # Lambda refuses these beside a capacity provider.
    assert not {"VpcConfig", "ReservedConcurrentExecutions"} & set(function), function
    memory = managed["Parameters"]["MemorySize"]
    assert min(memory["AllowedValues"]) >= 2_048 and memory["Default"] in memory["AllowedValues"], memory
    provider = after["CapacityProvider"]["Properties"]
    assert provider["TelemetryConfig"]["LoggingConfig"]["LogGroup"] == {"Ref": "InstanceLogs"}, provider
    assert after["InstanceLogs"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    graphs = json.dumps(after["Dashboard"])
    assert "ExecutionEnvironmentConcurrency" in graphs and "ConcurrentExecutions" not in graphs
    # Whatever is in front calls the function without a qualifier, which means $LATEST.PUBLISHED.
    assert "Qualifier" not in json.dumps(after)
    # Everything else is the same.
    own = {"CapacityProvider", "OperatorRole", "InstanceLogs"}
    changed = {"Mirror", "MirrorRole", "ThrottlesAlarm", "Dashboard"}
    assert set(after) - set(before) == own and not set(before) - set(after)
    assert {name for name in before if before[name] != after[name]} == changed
    same = {"Access", "ApiKey", "AccessToken", "Front", "Metrics", "Alarms", "KmsKeyArn"}
    assert all(plain["Parameters"][name] == managed["Parameters"][name] for name in same)
    assert plain["Outputs"] == managed["Outputs"]
    kept = set(before["Mirror"]["Properties"]) - {"VpcConfig", "ReservedConcurrentExecutions"}
    differing = {name for name in kept if before["Mirror"]["Properties"][name] != function.get(name)}
    assert not differing, differing
