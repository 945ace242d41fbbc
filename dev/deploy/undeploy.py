"""Removes a mirror that SAM deployed, with its log and its secrets. Asks nothing."""

import os

from console import Failure, run, say

from .account import Account
from .stack import Stack, check_names

# The stack in which SAM keeps its bucket, for all of the account's SAM applications in a region.
SAM_STACK = "aws-sam-cli-managed-default"


def resources(stack):
    """Kind and name of each resource of the stack."""
    pages = stack.account.client("cloudformation").get_paginator("list_stack_resources")
    return [
        (resource["ResourceType"], resource.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=stack.name)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def main():
    check_names([])
    stack = Stack(Account(), os.environ["STACK"])
    place = f"{stack.account.region} of account {stack.account.id}"
    if not stack.exists:
        say(f"There is no stack {stack.name} in {place}. Nothing was removed. For a mirror that "
            "cargo-lambda deployed: `make undeploy-cargo-lambda`.")
        return
    removed = resources(stack)
    say(f"Removing the stack {stack.name} from {place}.")
    command = ["sam", "delete", "--stack-name", stack.name, "--region", stack.account.region,
               "--no-prompts"]
    own_bucket = stack.bucket()
    bucket = own_bucket or Stack(stack.account, SAM_STACK).outputs.get("SourceBucket")
    if bucket:
        command += ["--s3-bucket", bucket, "--s3-prefix", stack.name]
    status = run(command, "removing", stack.account.environment)
    if status or Stack(stack.account, stack.name).exists:
        raise Failure("AWS did not remove the whole stack; the reason is above. Run the same command "
                      "again.")
    say()
    say("Removed:")
    for kind, name in sorted(removed):
        say(f"  {kind:32} {name}")
    if bucket and not own_bucket:
        say(f"SAM's own stack {SAM_STACK} with the bucket {bucket} stays, because every SAM "
            "application in this region uses it.")


if __name__ == "__main__":
    main()
