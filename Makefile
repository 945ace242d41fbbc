# All tasks of this repository. `make` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

TOOLS := .tools
PORT ?= 7007
EVENT ?= events/function-url/metric-aggregated.json
STACK ?= stackstate-mirror
PYTHON ?= python3
MIRROR_API_KEY ?= api_key
MIRROR_URL ?= http://127.0.0.1:$(PORT)
FUZZ_SECONDS ?= 600
# Files whose mutants are tried; src/main.rs and src/log.rs only start things.
MUTANTS ?= src/**/*.rs

# A variable is the text that was given: make would replace a $ in it, and a shell would run what stands in
# backticks. So recipes name the environment variable, never the value.
GIVEN := PORT EVENT STACK MIRROR_API_KEY MIRROR_URL FUZZ_SECONDS MUTANTS TESTS
GIVEN += $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(GIVEN),$(if $(filter-out file,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))
export $(GIVEN)

# A space instead of = would deploy without the parameter, and complain afterwards.
ifneq ($(filter deploy% undeploy% rotate%,$(MAKECMDGOALS)),)
ifneq ($(words $(MAKECMDGOALS)),1)
$(error expected a command and NAME=value, without spaces around =, found $(MAKECMDGOALS))
endif
endif

# No build sees these: a build script is code of whoever wrote a dependency. MAKEFLAGS has what stands on the
# command line.
export SECRETS := MAKEFLAGS STACKSTATE_TOKEN ApiKey AccessToken HttpsProxy MIRROR_API_KEY MIRROR_ACCESS_TOKEN AWS_ACCESS_KEY_ID \
	AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_AUTHORIZATION_TOKEN
WITHOUT_SECRETS := env $(addprefix -u ,$(SECRETS))

# Tools that cargo builds, by version.
DENY := $(TOOLS)/cargo-deny-0.20.2/bin/cargo-deny
FUZZ := $(TOOLS)/cargo-fuzz-0.13.2/bin/cargo-fuzz
MUTANTS_TOOL := $(TOOLS)/cargo-mutants-27.1.0/bin/cargo-mutants
CYCLONEDX := $(TOOLS)/cargo-cyclonedx-0.5.9/bin/cargo-cyclonedx

export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)
# cargo-lambda finds its linker, zig, through the Python that has it.
export CARGO_ZIGBUILD_PYTHON_PATH := $(CURDIR)/$(TOOLS)/cargo-lambda/bin/python
export SAM_CLI_TELEMETRY := 0
# The function tells it at `GET /`.
export MIRROR_COMMIT := $(shell git describe --always --exclude '*' --abbrev=12 --dirty 2>/dev/null)

# The Python that has boto3, for the programs in dev/deploy.
AWS_PYTHON := PYTHONPATH=dev $(TOOLS)/sam/bin/python -m

# Only the first build takes long.
FIRST = $(if $(wildcard target/debug/$1),,; the first time takes a few minutes)

.PHONY: help
help: ## List all tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-20s %s\n", $$1, $$2}' Makefile

.PHONY: run
run run-cloudwatch: export MIRROR_EXPLORER := 1
run: port $(TOOLS)/cargo-lambda/.ready ## Serve the mirror on http://127.0.0.1:7007 (PORT=…), rebuilt on every change
	@echo "Building the mirror$(call FIRST,stackstate-mirror)."
	@$(WITHOUT_SECRETS) cargo build --locked
	@echo "Serving on http://127.0.0.1:$$PORT with Api Key $$MIRROR_API_KEY; Ctrl-C ends it."
	@echo "See it in a browser: http://127.0.0.1:$$PORT/explore"
	@cargo lambda watch --invoke-address 127.0.0.1 --invoke-port "$$PORT"

.PHONY: run-cloudwatch
run-cloudwatch: port $(TOOLS)/cargo-lambda/.ready $(TOOLS)/ministack/.ready ## The same with a local CloudWatch that has example metrics
	@echo "Building the mirror$(call FIRST,stackstate-mirror)."
	@$(WITHOUT_SECRETS) cargo build --locked
	@$(TOOLS)/ministack/bin/python dev/run_cloudwatch.py "$$PORT"

# What can be checked without any tool comes before the tools are fetched.
.PHONY: port
port:
	@$(PYTHON) dev/port.py

.PHONY: local-aws
local-aws: export PORT := $(if $(filter file,$(origin PORT)),4566,$(PORT))
local-aws: port $(TOOLS)/ministack/.ready ## Serve a local AWS to deploy into, on http://127.0.0.1:4566 (PORT=…)
	@$(TOOLS)/ministack/bin/python dev/run_local_aws.py "$$PORT"

.PHONY: test
test: $(TOOLS)/cargo-lambda/.ready $(TOOLS)/ministack/.ready ## Run every test
	@echo "Building and running the tests$(call FIRST,deps/cloudwatch-*)."
	@$(WITHOUT_SECRETS) cargo test --locked

.PHONY: build-tests
build-tests:
	@$(WITHOUT_SECRETS) cargo test --locked --no-run

.PHONY: test-deploy
test-deploy: $(TOOLS)/cargo-lambda/.ready $(TOOLS)/sam/.ready $(TOOLS)/ministack/.ready $(TOOLS)/awscli/.ready ## Deploy into a local AWS with the documented commands, call the function, remove it
	@echo "Building the release and deploying it locally; this takes a few minutes."
	@PYTHONPATH=dev $(TOOLS)/ministack/bin/python tests/deploy

.PHONY: test-arm64
test-arm64: build ## Run the arm64 build under emulation, if qemu-user-static is installed
	@$(PYTHON) tests/arm64.py

.PHONY: test-page
test-page: $(TOOLS)/page/.ready $(TOOLS)/cargo-lambda/.ready $(TOOLS)/ministack/.ready ## Use the page at /explore in a real browser, if Chromium is installed
	@PYTHONPATH=dev:tests $(TOOLS)/page/bin/python tests/page $$TESTS

.PHONY: screenshots
screenshots: $(TOOLS)/page/.ready $(TOOLS)/cargo-lambda/.ready $(TOOLS)/ministack/.ready ## Write the pictures in docs/images; needs Chromium
	@PYTHONPATH=dev:tests/page $(TOOLS)/page/bin/python dev/screenshots.py

.PHONY: check-api
check-api: $(TOOLS)/schemathesis/.ready $(TOOLS)/clients/.ready $(TOOLS)/cargo-lambda/.ready $(TOOLS)/ministack/.ready ## Compare running mirrors with docs/openapi.yaml: generated clients, and TIMES_EACH requests for each call
	@PYTHONPATH=dev $(TOOLS)/schemathesis/bin/python tests/api

.PHONY: check
check: $(TOOLS)/cargo-lambda/.ready $(TOOLS)/sam/.ready $(TOOLS)/yaml/.ready $(TOOLS)/checkov/.ready $(DENY) ## Check format, lints, documentation, dependencies and template
	cargo fmt --check --all
	CUSTOM_LIBFUZZER_PATH=/libfuzzer.a $(WITHOUT_SECRETS) cargo clippy --locked --workspace --all-targets -- --deny warnings
	CUSTOM_LIBFUZZER_PATH=/libfuzzer.a RUSTDOCFLAGS="--deny warnings" $(WITHOUT_SECRETS) cargo doc --locked --workspace --no-deps --document-private-items
	$(DENY) --locked check licenses bans sources
	sam validate --lint --region eu-west-1
	$(TOOLS)/sam/bin/cfn-lint docs/private-api.yaml --regions eu-west-1
	PYTHONPATH=dev $(PYTHON) dev/managed_template.py --check
	PYTHONPATH=dev $(TOOLS)/yaml/bin/python dev/sets.py --check
	sam validate --lint --region eu-west-1 --template-file template-managed.yaml
	$(WITHOUT_SECRETS) cargo build --locked
	PYTHONPATH=dev:tests $(TOOLS)/sam/bin/python tests/templates
	PYTHONPATH=dev $(TOOLS)/sam/bin/python tests/streams
	checkov --file template.yaml template-managed.yaml docs/private-api.yaml --framework cloudformation --compact --quiet --skip-download

.PHONY: advisories
advisories: $(DENY) ## Look up known vulnerabilities in the dependencies, where the advisory database can be fetched
	@if $(DENY) --locked fetch db > /dev/null 2>&1; then \
		$(DENY) --locked check advisories; \
	else \
		echo "Left out: the dependencies are not compared with https://github.com/RustSec/advisory-db, which cannot be fetched."; \
	fi

# The fuzzer's instrumentation does not link with the release profile's link-time optimization. More
# optimization takes a third longer to build, and gives a tenth more runs. The mirror is safe Rust but for two calls of
# glibc, so no sanitizer watches its memory, or that of its dependencies: that gives four times as many runs, and a
# build that is a third faster.
.PHONY: fuzz
fuzz: export CARGO_PROFILE_RELEASE_LTO := off
fuzz: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 16
fuzz: export CARGO_PROFILE_RELEASE_OPT_LEVEL := 1
fuzz: export CARGO_PROFILE_RELEASE_STRIP := none
fuzz: $(FUZZ) ## Fuzz the mirror for FUZZ_SECONDS; needs a nightly Rust and a C++ compiler
	@rustup toolchain list | grep nightly > /dev/null || { echo "cargo-fuzz needs a nightly Rust: rustup toolchain install nightly"; exit 1; }
	@$(PYTHON) fuzz/corpus.py target/fuzz/corpus
	@echo "Building the fuzzer; the first time takes some ten minutes. Then it runs for $$FUZZ_SECONDS seconds."
	PATH=$(CURDIR)/$(dir $(FUZZ)):$$PATH $(WITHOUT_SECRETS) cargo +nightly fuzz run --sanitizer none --fuzz-dir fuzz --target-dir target/fuzz/build mirror target/fuzz/corpus -- -max_total_time="$$FUZZ_SECONDS" -max_len=16384 -print_final_stats=1

# Targets as `--cargo-arg` are all that is built; after `--`, everything would be built for each mutant.
.PHONY: mutants
mutants: export CARGO_PROFILE_DEV_DEBUG := 0
mutants: export CARGO_PROFILE_TEST_DEBUG := 0
mutants: $(MUTANTS_TOOL) $(TOOLS)/cargo-lambda/.ready $(TOOLS)/ministack/.ready ## Change the code in many small ways (MUTANTS=src/…, TESTS=words in the names of tests); shows what no test notices; takes hours
	PATH=$(CURDIR)/$(dir $(MUTANTS_TOOL)):$$PATH $(WITHOUT_SECRETS) cargo mutants --in-place --no-shuffle --file "$$MUTANTS" --exclude src/main.rs --exclude src/log.rs --output target $(addprefix --cargo-arg=,--locked --lib --test=cloudwatch --test=mirror) $(if $(TESTS),-- -- $$TESTS)

.PHONY: load
load: release ## Poll many streams against a CloudWatch with a quota: one request at a time, and many at once
	@target/release/load target/release/stackstate-mirror
	@target/release/load_mixed target/release/stackstate-mirror
	@target/release/load_lone target/release/stackstate-mirror

.PHONY: soak
soak: $(TOOLS)/ministack/.ready release ## Send 100,000 mixed requests to the release binary; check answers, memory and connections
	@PYTHONPATH=dev $(TOOLS)/ministack/bin/python bench/soak.py target/release/soak target/release/stackstate-mirror

# The release is the one of a package for this machine's processor, so that a deployment finds it built.
LAMBDA_BUILD = cargo lambda build --locked --release $(if $(filter aarch64 arm64,$(shell uname -m)),--arm64,--x86-64)

.PHONY: limits
limits: release-limits ## Send the release binary what uses up most memory and time, with 128 MB; fails if a bound is passed
	@target/lambda/limits/bootstrap target/lambda/stackstate-mirror/bootstrap

.PHONY: release-limits
release-limits: $(TOOLS)/cargo-lambda/.ready
	@echo "Building the release and the program that measures its limits; the first time takes some minutes."
	@$(WITHOUT_SECRETS) $(LAMBDA_BUILD)
	@$(WITHOUT_SECRETS) $(LAMBDA_BUILD) --package stackstate-mirror-bench --bin limits

.PHONY: bench
bench: release build ## Compare the release binary with an empty function
	@target/release/stackstate-mirror-bench target/release/stackstate-mirror target/lambda/stackstate-mirror/bootstrap.zip

# The function for this machine, and the programs that measure it.
.PHONY: release
release:
	@echo "Building the release and the programs that measure it; the first time takes some ten minutes."
	@$(WITHOUT_SECRETS) cargo build --locked --release
	@$(WITHOUT_SECRETS) cargo build --locked --release --package stackstate-mirror-bench --bins --examples

.PHONY: mirror-runs
mirror-runs:
	@$(PYTHON) -c 'import os, socket; socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 5)' 2>/dev/null || { echo "No mirror serves port $$PORT. Start one with make run, in another terminal, or name its port with PORT=…"; exit 1; }

.PHONY: invoke
invoke: mirror-runs $(TOOLS)/cargo-lambda/.ready ## Send a Lambda event (EVENT=events/…) to the mirror that `make run` serves
	@[[ -f "$$EVENT" ]] || { echo "There is no file $$EVENT. See events/."; exit 1; }
	@cargo lambda invoke --invoke-address 127.0.0.1 --invoke-port "$$PORT" --data-file "$$EVENT" --output-format json

# With a stack, the key, the token and the URL are those of the deployment.
IS_STACK := $(filter-out file,$(origin STACK))
.PHONY: smoke
smoke: $(if $(IS_STACK),preflight $(TOOLS)/sam/.ready) ## Ask a mirror the four calls as StackState does (STACK=… or MIRROR_URL=…)
	@$(if $(filter file,$(origin MIRROR_URL)),$(if $(IS_STACK),env -u MIRROR_URL)) $(if $(IS_STACK),$(AWS_PYTHON) deploy.smoke,$(PYTHON) dev/smoke.py)

.PHONY: package
package: $(TOOLS)/cargo-lambda/.ready $(CYCLONEDX) ## Write what a deployment without Rust needs: zips, template, bills of materials, checksums
	@PATH=$(CURDIR)/$(dir $(CYCLONEDX)):$$PATH PYTHONPATH=dev $(PYTHON) dev/package.py

.PHONY: streams
streams: $(TOOLS)/yaml/.ready ## Make the streams of a set on components of StackState (SET=… QUERY=… STACKSTATE_URL=…; APPLY=1)
	@PYTHONPATH=dev $(TOOLS)/yaml/bin/python dev/streams.py

.PHONY: sets
sets: $(TOOLS)/yaml/.ready ## Write what comes from the ready sets of streams in docs/streams
	@PYTHONPATH=dev $(TOOLS)/yaml/bin/python dev/sets.py

.PHONY: managed-template
managed-template: ## Write template-managed.yaml again from template.yaml
	@PYTHONPATH=dev $(PYTHON) dev/managed_template.py

.PHONY: build
build: $(TOOLS)/cargo-lambda/.ready ## Build the function for arm64 as target/lambda/stackstate-mirror/bootstrap.zip
	$(WITHOUT_SECRETS) cargo lambda build --locked --release --arm64 --output-format zip

.PHONY: preflight
preflight:
	@$(PYTHON) dev/preflight.py

.PHONY: preflight-rust
preflight-rust:
	@$(PYTHON) dev/preflight.py --rust

.PHONY: deploy
deploy: preflight-rust $(TOOLS)/cargo-lambda/.ready $(TOOLS)/sam/.ready ## Deploy with SAM (STACK=…, and each parameter of template.yaml)
	@$(AWS_PYTHON) deploy.with_sam

.PHONY: deploy-managed
deploy-managed: preflight-rust $(TOOLS)/cargo-lambda/.ready $(TOOLS)/sam/.ready ## Deploy on Lambda Managed Instances (SubnetIds=…, SecurityGroupIds=…; see docs/scale.md)
	@$(AWS_PYTHON) deploy.with_sam template-managed.yaml

.PHONY: status
status: preflight $(TOOLS)/sam/.ready ## Tell what is deployed, and what to enter in StackState (STACK=…, SHOW_SECRETS=1)
	@$(AWS_PYTHON) deploy.status

.PHONY: rotate-token
rotate-token: preflight $(TOOLS)/sam/.ready ## Make a new access token; the old one stays valid until FINISH=1 (STACK=…)
	@$(AWS_PYTHON) deploy.rotate token

.PHONY: rotate-key
rotate-key: preflight $(TOOLS)/sam/.ready ## Make a new Api Key, which StackState needs at once (STACK=…)
	@$(AWS_PYTHON) deploy.rotate key

.PHONY: undeploy
undeploy: preflight $(TOOLS)/sam/.ready ## Remove what `make deploy` deployed, with log and secrets (STACK=…)
	@$(AWS_PYTHON) deploy.undeploy

.PHONY: deploy-cargo-lambda
deploy-cargo-lambda: preflight-rust $(TOOLS)/cargo-lambda/.ready $(TOOLS)/sam/.ready ## Deploy with cargo-lambda, without CloudFormation (STACK=…)
	@$(AWS_PYTHON) deploy.with_cargo_lambda deploy

.PHONY: undeploy-cargo-lambda
undeploy-cargo-lambda: preflight $(TOOLS)/sam/.ready ## Remove what `make deploy-cargo-lambda` deployed (STACK=…)
	@$(AWS_PYTHON) deploy.with_cargo_lambda remove

.PHONY: tools
tools: $(patsubst .ci/tools/%.txt,$(TOOLS)/%/.ready,$(wildcard .ci/tools/*.txt)) $(DENY) $(CYCLONEDX) ## Install all tools that the checks use

.PHONY: clean
clean: ## Remove all build output and tools
	rm -rf target .aws-sam $(TOOLS)

$(TOOLS)/%/.ready: .ci/tools/%.txt
	@$(WITHOUT_SECRETS) $(PYTHON) dev/tools.py $*

# They mostly wait for cargo, so they are built in the fastest way.
$(DENY) $(FUZZ) $(MUTANTS_TOOL) $(CYCLONEDX):
	@echo "Building $(@F), once; this takes a few minutes."
	@$(WITHOUT_SECRETS) cargo install --quiet --locked --debug --root $(abspath $(@D)/..) --version $(lastword $(subst -, ,$(notdir $(abspath $(@D)/..)))) $(@F)
