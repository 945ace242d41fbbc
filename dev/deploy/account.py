"""The AWS account that a command works in."""

import os

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from console import Failure, say

# Lambda keeps this much of an account's concurrency for functions that reserve none ("Configuring
# reserved concurrency", Lambda developer guide).
UNRESERVED_CONCURRENCY = 100


class Account:
    """Credentials that AWS accepts, and a region."""

    def __init__(self):
        region = os.environ.get("AWS_REGION") or None
        try:
            self.session = boto3.Session(region_name=region)
        except BotoCoreError as error:
            raise Failure(f"{error}.")
        self.region = self.session.region_name
        if not self.region:
            raise Failure("there is no AWS region. Name one: AWS_REGION=eu-west-1")
        try:
            identity = self.client("sts").get_caller_identity()
        except ClientError as error:
            raise Failure(
                f"AWS refuses the credentials: {error.response['Error']['Message']} Use a key or a "
                "session that is valid."
            )
        except (ConnectionError, HTTPClientError) as error:
            raise Failure(f"AWS cannot be reached: {str(error).rstrip('.')}. Behind a proxy, set HTTPS_PROXY.")
        except BotoCoreError as error:
            raise Failure(
                f"the credentials cannot be used: {str(error).rstrip('.')}. With AWS SSO, run `aws sso login` "
                "first."
            )
        self.id, self.arn = identity["Account"], identity["Arn"]
        # boto3 and SAM read one of the two variables, cargo-lambda the other.
        self.environment = {
            **os.environ, "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region,
        }

    def client(self, service):
        return self.session.client(service)

    def call(self, service, action, **parameters):
        """Calls AWS. A refusal ends the program with AWS's reason."""
        try:
            return getattr(self.client(service), action)(**parameters)
        except ClientError as error:
            raise Failure(f"AWS refuses {service}:{action}: {error.response['Error']['Message']}")

    def require_type(self, name, advice):
        """Fails if the region does not have this type of CloudFormation's resources."""
        try:
            self.client("cloudformation").describe_type(Type="RESOURCE", TypeName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "TypeNotFoundException":
                raise Failure(f"the region {self.region} has no {name}. {advice}")
            say(f"AWS does not tell whether {self.region} has {name} (cloudformation:DescribeType), so that "
                "is not checked.")

    def spare_concurrency(self):
        """The concurrency that functions can still reserve, or None if AWS does not tell."""
        try:
            limits = self.client("lambda").get_account_settings()["AccountLimit"]
        except ClientError:
            say("The credentials may not read Lambda's limits (lambda:GetAccountSettings), so the "
                "concurrency limit is not checked.")
            return None
        return limits["UnreservedConcurrentExecutions"] - UNRESERVED_CONCURRENCY
