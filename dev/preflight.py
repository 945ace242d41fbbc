"""Checks what a deployment needs before anything is fetched or built. Standard library only.

`--rust` also checks what a build needs. Whether AWS accepts the credentials is checked right after, in deploy/account.py: that needs boto3.
"""

import configparser
import os
import shutil
import sys

from console import Failure
from deploy.build import ARCHITECTURES, lacks_target
from tools import check_python

# Variables that give an AWS client credentials without a file ("Boto3 credentials").
CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def aws_file(variable, name):
    """One of the AWS CLI's two files. A file that is missing has no sections."""
    file = configparser.RawConfigParser(strict=False)
    path = os.environ.get(variable) or os.path.join("~", ".aws", name)
    try:
        file.read(os.path.expanduser(path))
    except configparser.Error:
        raise Failure("the file %s is not in the AWS CLI's format." % path)
    return file


def is_on_ec2():
    try:
        with open("/sys/devices/virtual/dmi/id/sys_vendor") as vendor:
            is_amazon = vendor.read().startswith("Amazon")
    except OSError:
        is_amazon = False
    return is_amazon and os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"


def check_credentials_and_region():
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    config = aws_file("AWS_CONFIG_FILE", "config")
    section = "default" if profile == "default" else "profile " + profile
    has_profile = (config.has_section(section)
                   or aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials").has_section(profile))
    if not any(os.environ.get(name) for name in CREDENTIAL_VARIABLES):
        if profile != "default" and not has_profile:
            raise Failure(
                "AWS_PROFILE is %s, and the AWS CLI's files have no such profile. `aws configure "
                "list-profiles` lists them." % profile
            )
        if not has_profile and not is_on_ec2():
            raise Failure(
                "there are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "set AWS_PROFILE to a profile that `aws configure` or `aws configure sso` made."
            )
    has_region = config.has_section(section) and config.has_option(section, "region")
    if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or has_region):
        raise Failure("there is no AWS region. Name one: AWS_REGION=eu-west-1")


def check_rust():
    if not shutil.which("cargo"):
        raise Failure("Rust is missing. Install it from https://rustup.rs, and open a new terminal.")
    if not shutil.which("cc"):
        raise Failure("there is no C compiler, cc. On Debian and Ubuntu: apt-get install gcc; on macOS: "
                      "xcode-select --install")
    # The deployed stack may have another architecture. Then the deployment checks again.
    architecture = os.environ.get("Architecture")
    lacks_target(architecture if architecture in ARCHITECTURES else "arm64")


if __name__ == "__main__":
    check_python()
    check_credentials_and_region()
    if "--rust" in sys.argv:
        check_rust()
