"""The policies of the deployer, beside what CloudFormation's handlers say that they call."""

import fnmatch
import json
import re

from deploy.stack import read_template
from registry import schema

DEPLOYER, OTHER = "docs/deployer-policy.json", "docs/deployer-policy-other.json"

# The policies that each template needs.
TEMPLATES = {
    "template.yaml": [DEPLOYER],
    "docs/private-api.yaml": [DEPLOYER],
    "template-managed.yaml": [DEPLOYER, OTHER],
}

# Actions that IAM allows on no narrower resource than all ("Actions, resources, and condition keys for AWS
# services", service authorization reference).
ON_EVERYTHING = [
    "cloudformation:describetype", "ec2:describenetworkinterfaces", "ec2:describesecuritygroups",
    "ec2:describesubnets", "ec2:describevpcs", "lambda:getaccountsettings", "logs:createlogdelivery",
    "logs:deletelogdelivery", "logs:describeresourcepolicies", "logs:getlogdelivery", "logs:listlogdeliveries",
    "logs:putresourcepolicy", "logs:updatelogdelivery", "secretsmanager:getrandompassword",
    "sns:getsubscriptionattributes", "sns:unsubscribe",
]

# What a handler names, and the mirror does not need.
NEEDLESS = {
    "the function has no file system": ["elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"],
    "the function's code is not signed": [
        "lambda:DeleteFunctionCodeSigningConfig", "lambda:GetCodeSigningConfig",
        "lambda:PutFunctionCodeSigningConfig"],
    "the function has no layers": ["lambda:GetLayerVersion"],
    "the function has the settings of Lambda": [
        "lambda:AssociateRuntimeAlias", "lambda:PutFunctionRecursionConfig", "lambda:PutRuntimeManagementConfig"],
    "a log group has no policy that hides data, no index, no token and no protection from deletion": [
        "firehose:TagDeliveryStream", "logs:DeleteDataProtectionPolicy", "logs:DeleteIndexPolicy",
        "logs:DeleteResourcePolicy", "logs:GetDataProtectionPolicy", "logs:PutBearerTokenAuthentication",
        "logs:PutDataProtectionPolicy", "logs:PutIndexPolicy", "logs:PutLogGroupDeletionProtection"],
    "this is no action": ["s3:REST.PUT.OBJECT"],
    "a secret stays in its region": [
        "secretsmanager:RemoveRegionsFromReplication", "secretsmanager:ReplicateSecretToRegions"],
    "the topic has no policy that hides data": ["sns:PutDataProtectionPolicy"],
}

MANAGED_ONLY = ["lambda:PassCapacityProvider", "lambda:PutFunctionScalingConfig", "lambda:PublishVersion"]

# What no handler names.
ADDED = {
    "SAM and the AWS CLI deploy a stack": ["cloudformation:*"],
    "SAM and `make package` keep the code in a bucket": [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetBucketLocation",
        "s3:GetBucketPolicy", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration", "s3:PutObject"],
    "an HTTP API writes its access log through a delivery": [
        "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:UpdateLogDelivery"],
    "the last step of a deployment calls the function": ["lambda:InvokeFunction"],
    "what can be reserved is looked up": ["lambda:GetAccountSettings"],
    "a rotation writes the secret": ["secretsmanager:PutSecretValue"],
    "the first API of an account makes a role": ["iam:CreateServiceLinkedRole"],
    "CloudFormation reads a subscription": ["sns:GetSubscriptionAttributes"],
    "cargo-lambda tries the role that it made": ["sts:AssumeRole"],
}


def needed(path):
    """The actions that the handlers of a template's resources call, in lower case."""
    actions = set()
    for resource in read_template(path)["Resources"].values():
        name = resource["Type"].replace("AWS::Serverless::", "AWS::Lambda::")
        handlers = schema(name)["handlers"]
        for handler in ("create", "read", "update", "delete"):
            actions.update(handlers.get(handler, {}).get("permissions", []))
        actions.update(schema(name).get("tagging", {}).get("permissions", []))
    if path == "template.yaml":
        # These handlers' actions are for functions on managed instances.
        actions -= set(MANAGED_ONLY)
    return {action.lower() for action in actions}


def statements(*paths):
    """The actions in lower case, and the resources, of each statement."""
    found = []
    for path in paths:
        with open(path) as file:
            for statement in json.load(file)["Statement"]:
                actions, resources = statement["Action"], statement["Resource"]
                actions = [actions] if isinstance(actions, str) else actions
                found.append(([action.lower() for action in actions], resources))
    return found


def flat(reasons):
    return {action.lower() for actions in reasons.values() for action in actions}


def is_allowed(action, allowed):
    return any(fnmatch.fnmatch(action, pattern) for actions, _ in allowed for pattern in actions)


def the_deployer_may_do_what_the_resources_need():
    all_needed = set().union(*(needed(path) for path in TEMPLATES))
    for path, policies in TEMPLATES.items():
        allowed = statements(*policies)
        missing = sorted(action for action in needed(path) - flat(NEEDLESS) if not is_allowed(action, allowed))
        assert not missing, f"{path}: the deployer's policies lack {missing}"
    missing = sorted(action for action in flat(ADDED) - {"cloudformation:*"}
                     if not is_allowed(action, statements(DEPLOYER, OTHER)))
    assert not missing, f"the deployer's policies lack {missing}"
    unknown = sorted(flat(NEEDLESS) - all_needed)
    assert not unknown, f"no handler names {unknown}"
    purposes = all_needed | flat(ADDED)
    for actions, _ in statements(DEPLOYER, OTHER):
        idle = [pattern for pattern in actions if not any(
            fnmatch.fnmatch(action, pattern) or fnmatch.fnmatch(pattern, action) for action in purposes)]
        assert not idle, f"nothing needs {idle}"


def what_iam_allows_on_everything_only_is_allowed_so():
    on_everything = [one for one in statements(DEPLOYER, OTHER) if one[1] == "*"]
    refused = [action for action in ON_EVERYTHING if not is_allowed(action, on_everything)]
    assert not refused, f"{refused} have no effect on a narrower resource"


def a_policy_fits_where_it_is_attached():
    """A managed policy has at most 6,144 characters beside white space ("IAM and AWS STS quotas")."""
    longest = {"PARTITION": "aws-us-gov", "REGION": "ap-northeast-1", "ACCOUNT": "123456789012", "KEY": "0" * 36}
    for path in [DEPLOYER, OTHER]:
        with open(path) as file:
            text = re.sub("|".join(longest), lambda found: longest[found[0]], file.read())
        assert len(re.sub(r"\s", "", text)) <= 6_144, path
