"""Deploys the mirror into an AWS account, and tells what is deployed.

| file | holds |
|---|---|
| `with_sam`, `with_cargo_lambda` | the two ways to deploy, and to remove what they deployed |
| `status`, `rotate` | what to enter in StackState; new keys and tokens |
| `stack` | the CloudFormation stack, its parameters and its outputs |
| `function` | the deployed function: its secrets, and the lines for StackState |
| `account` | the AWS account: credentials, region, concurrency |
| `build` | the build for a processor architecture |
| `console` | what a person reads while something takes long, and when it fails |

Make runs them with the Python of `.tools/sam`, which has boto3.
"""
