"""Deploys the mirror into an AWS account, and tells what is deployed.

| file | holds |
|---|---|
| `with_sam`, `undeploy` | deploys with SAM, and removes that again |
| `with_cargo_lambda` | deploys with cargo-lambda, and removes that again |
| `rotate` | new keys and tokens |
| `status`, `smoke` | what is deployed, and whether it answers as StackState expects |
| `stack` | the CloudFormation stack, its parameters and its outputs |
| `function` | the deployed function: its secrets, and the lines for StackState |
| `account` | the AWS account: credentials, region, concurrency |
| `build` | the build for a processor architecture |

`console`, beside this folder, prints what a person reads. Make runs the programs with the Python of
`.tools/sam`, which has boto3.
"""
