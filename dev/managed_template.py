"""Writes template-managed.yaml: template.yaml with its function on Lambda Managed Instances.

Two templates, because SAM does not let a condition choose a capacity provider. The second one is
generated, so that it cannot lag behind the first.

`--check` fails if the file is not what would be written.
"""

import sys

from console import Failure, say

SOURCE, TARGET = "template.yaml", "template-managed.yaml"

HEAD = f"""\
# `make managed-template` wrote this from {SOURCE}: the same mirror on Lambda Managed Instances.
# See docs/scale.md.
"""

SUBNETS = """\
  SubnetIds:
    Type: List<AWS::EC2::Subnet::Id>
    Description: >-
      The private subnets of the instances, separated by commas, best in three availability zones. They
      need a way to CloudWatch, CloudWatch Logs and STS: a NAT gateway, VPC endpoints or a proxy.
  SecurityGroupIds:
    Type: List<AWS::EC2::SecurityGroup::Id>
    Description: >-
      The security groups of the instances, separated by commas. They must allow outbound TCP on port
      443, or on the proxy's port.
"""

SIZES = """\
  MemorySize:
    Type: Number
    Default: 4096
    AllowedValues: [4096, 8192, 16384, 32768]
    Description: >-
      The memory of an execution environment in megabytes. It has a vCPU for each 4,096, of which the
      mirror uses one.
  RequestsAtOnce:
    Type: Number
    Default: 64
    MinValue: 2
    MaxValue: 64
    Description: The requests that an execution environment serves at once.
  MinEnvironments:
    Type: Number
    Default: 3
    MinValue: 1
    MaxValue: 1000
    Description: >-
      The execution environments that always run. Lambda spreads them over the availability zones.
  MaxEnvironments:
    Type: Number
    Default: 3
    MinValue: 1
    MaxValue: 1000
    Description: >-
      The maximum number of execution environments. Each starts callsPerSecond calls a second, 40 by
      default. The product must stay below CloudWatch's quota of GetMetricData calls in the account
      and region.
  MaxVCpus:
    Type: Number
    Default: 24
    MinValue: 2
    MaxValue: 15000
    Description: The maximum number of vCPUs of all instances. It limits what they can cost.
"""

CAPACITY = """\
      CapacityProviderConfig:
        Arn: !GetAtt CapacityProvider.Arn
        PerExecutionEnvironmentMaxConcurrency: !Ref RequestsAtOnce
        ExecutionEnvironmentMemoryGiBPerVCpu: 4
      FunctionScalingConfig:
        MinExecutionEnvironments: !Ref MinEnvironments
        MaxExecutionEnvironments: !Ref MaxEnvironments
      # Managed instances run published versions only. CloudFormation publishes this one with every
      # change, and an ARN without a qualifier means it. A numbered version would have environments
      # of its own.
      PublishToLatestPublished: true
"""

PROVIDER = """\
  CapacityProvider:
    Type: AWS::Lambda::CapacityProvider
    Properties:
      VpcConfig:
        SubnetIds: !Ref SubnetIds
        SecurityGroupIds: !Ref SecurityGroupIds
      PermissionsConfig:
        CapacityProviderOperatorRoleArn: !GetAtt OperatorRole.Arn
      InstanceRequirements:
        Architectures: [!Ref Architecture]
      CapacityProviderScalingConfig:
        MaxVCpuCount: !Ref MaxVCpus
        ScalingMode: Auto
      # Its own default would keep every line for ever, and outlive the stack.
      TelemetryConfig:
        LoggingConfig: {LogGroup: !Ref InstanceLogs, SystemLogLevel: INFO}

  InstanceLogs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      LogGroupName: !Sub /aws/lambda/${AWS::StackName}-instances
      RetentionInDays: !Ref LogRetentionDays
      KmsKeyId: !If [HasKmsKey, !Ref KmsKeyArn, !Ref AWS::NoValue]

  # The role with which Lambda starts and ends the instances.
  OperatorRole:
    Type: AWS::IAM::Role
    Properties:
      Description: !Sub "The role with which Lambda manages the instances of the mirror ${AWS::StackName}."
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: lambda.amazonaws.com}
            Action: sts:AssumeRole
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
      ManagedPolicyArns:
        - !Sub "arn:${AWS::Partition}:iam::aws:policy/AWSLambdaManagedEC2ResourceOperator"
      Policies:
        # Not every version of the policy above has it, and Lambda does not tell that it cannot write.
        - PolicyName: write-the-log-of-the-instances
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: [logs:CreateLogStream, logs:PutLogEvents]
                Resource: !GetAtt InstanceLogs.Arn

"""


def part(text, start, end):
    """The text from one that begins with `start` to one that begins with `end`."""
    return text[text.index(start):text.index(end)]


def block(text, name, next_name):
    """The lines from the key `name` to the key `next_name`, both on the second level."""
    return part(text, f"\n  {name}:\n", f"\n  {next_name}:\n")[1:] + "\n"


def replaced(text, old, new):
    if text.count(old) != 1:
        raise Failure(f"{SOURCE} has {old.strip()[:60]!r} {text.count(old)} times; expected once.")
    return text.replace(old, new)


def managed(text):
    """The text of the second template."""
    for old, new in [
        (block(text, "SubnetIds", "HttpsProxy"), SUBNETS),
        (block(text, "MemorySize", "Explorer"), SIZES),
        (block(text, "SubnetsNeedSecurityGroups", "AnOpenMirrorHasNoToken"), ""),
        ("one Lambda function that answers", "one Lambda function on managed instances that answers"),
        ("[Architecture, MemorySize, ReservedConcurrency, Explorer]",
         "[Architecture, MemorySize, RequestsAtOnce, MinEnvironments, MaxEnvironments, MaxVCpus,\n"
         "           Explorer]"),
        ("      ReservedConcurrency: {default: Reserved concurrency}\n",
         "      RequestsAtOnce: {default: Requests at once in an environment}\n"
         "      MinEnvironments: {default: Environments that always run}\n"
         "      MaxEnvironments: {default: Maximum number of environments}\n"
         "      MaxVCpus: {default: Maximum number of vCPUs}\n"),
        ('  IsInVpc: !Not [!Equals [!Join ["", !Ref SubnetIds], ""]]\n'
         "  Reserves: !Not [!Equals [!Ref ReservedConcurrency, -1]]\n", ""),
        ("          - id: CKV_AWS_116\n",
         "          - id: CKV_AWS_115\n"
         "            comment: MaxEnvironments and RequestsAtOnce limit the concurrency.\n"
         "          - id: CKV_AWS_117\n"
         "            comment: The capacity provider has the VPC.\n"
         "          - id: CKV_AWS_116\n"),
        ("      ReservedConcurrentExecutions: !If [Reserves, !Ref ReservedConcurrency, !Ref AWS::NoValue]\n"
         "      VpcConfig: !If\n"
         "        - IsInVpc\n"
         "        - SubnetIds: !Ref SubnetIds\n"
         "          SecurityGroupIds: !Ref SecurityGroupIds\n"
         "        - !Ref AWS::NoValue\n", CAPACITY),
        (part(text, "      # Also outside a VPC:", "        - PolicyName: write-the-log\n"), "      Policies:\n"),
        ("  Logs:\n    Type: AWS::Logs::LogGroup\n",
         f"{PROVIDER}  Logs:\n    Type: AWS::Logs::LogGroup\n"),
        # What managed instances publish instead of ConcurrentExecutions.
        ('[".", "ConcurrentExecutions", ".", ".", {"stat": "Maximum"}]',
         """[{"expression": "SEARCH('{AWS/Lambda,CapacityProviderName,FunctionName,Resource} """
         """FunctionName=\\\"${Mirror}\\\" MetricName=\\\"ExecutionEnvironmentConcurrency\\\"', 'Maximum')", """
         """"label": "requests at a time in an environment"}]"""),
        ("because more arrive at a time than ReservedConcurrency allows.",
         "because more arrive at a time than MaxEnvironments and RequestsAtOnce allow."),
    ]:
        text = replaced(text, old, new)
    return HEAD + text


def main():
    with open(SOURCE) as file:
        text = managed(file.read())
    if "--check" in sys.argv[1:]:
        with open(TARGET) as file:
            if file.read() != text:
                raise Failure(f"{TARGET} does not follow {SOURCE}. Run `make managed-template`.")
        return
    with open(TARGET, "w") as file:
        file.write(text)
    say(f"{TARGET} is written.")


if __name__ == "__main__":
    sys.exit(main())
