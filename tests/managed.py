"""What SAM makes of template-managed.yaml, because no local AWS has managed instances.

`make check` runs it with SAM's Python.
"""

import json

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from deploy.stack import read_template


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


def main():
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
    # Whatever is in front calls the function without a qualifier, which means $LATEST.PUBLISHED.
    assert "Qualifier" not in json.dumps(after)
    # Everything else is the same.
    own = {"CapacityProvider", "OperatorRole"}
    changed = {"Mirror", "MirrorRole", "ThrottlesAlarm"}
    assert set(after) - set(before) == own and not set(before) - set(after)
    assert {name for name in before if before[name] != after[name]} == changed
    same = {"Access", "ApiKey", "AccessToken", "Front", "Metrics", "Alarms", "KmsKeyArn"}
    assert all(plain["Parameters"][name] == managed["Parameters"][name] for name in same)
    assert plain["Outputs"] == managed["Outputs"]
    kept = set(before["Mirror"]["Properties"]) - {"VpcConfig", "ReservedConcurrentExecutions"}
    differing = {name for name in kept if before["Mirror"]["Properties"][name] != function.get(name)}
    assert not differing, differing
    print("template-managed.yaml: the same mirror on managed instances.")


if __name__ == "__main__":
    main()
