# One vocabulary for people, hooks and CI. `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup demo test repro gate audit-workflows serve docs docs-serve image sealed-image mlflow-image
.PHONY: follow follow-image up down logs dashboard backup restore lint format ui clean tools stack-tools

UV_VERSION := 0.13.9
PORT ?= 5000
DOCS_PORT ?= 8090
STORE ?= $(if $(wildcard mlflow.db),.,.demo)
BUNDLE ?= $(if $(wildcard bundle/manifest.json),bundle,.demo/bundle)

# Settings of this machine's engine, if any. Without the file: the docker on the PATH, and the base image of the Dockerfile.
-include .slipway/engine.env
SLIPWAY_DOCKER ?= docker
IMAGE := slipway
SEALED := bundle
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)
# The page of the repository, from an address of https or ssh; a path of this machine is none.
SOURCE = $(shell git config --get remote.origin.url | sed -nE \
	-e 's,\.git/?$$,,' \
	-e 's,^(https?|ssh)://([^/@]*@)?([^/:]+)(:[0-9]+)?/(.+)$$,https://\3/\5,p' \
	-e 's,^[^/@:]+@([^/:]+):/?(.+)$$,https://\1/\2,p')
# This machine's settings for fetching packages, as BuildKit secrets, which are in no layer.
PIP_CONF = $(firstword $(wildcard $(PIP_CONFIG_FILE) $(HOME)/.config/pip/pip.conf /etc/pip.conf))
UV_TOML = $(firstword $(wildcard $(UV_CONFIG_FILE) $(HOME)/.config/uv/uv.toml /etc/uv/uv.toml))
comma := ,
secret = $(if $(2),--secret "id=$(1)$(comma)src=$(2)")
SECRETS = $(call secret,ca,$(SSL_CERT_FILE)) $(call secret,pip_conf,$(PIP_CONF)) $(call secret,uv_toml,$(UV_TOML))
BUILD = DOCKER_BUILDKIT=1 $(SLIPWAY_DOCKER) build $(if $(SLIPWAY_BASE_IMAGE),--build-arg "BASE=$(SLIPWAY_BASE_IMAGE)") $(SECRETS)
ENGINE_ANSWERS = $(SLIPWAY_DOCKER) info >/dev/null 2>&1 || { \
	echo "Cannot connect to a container engine: $(SLIPWAY_DOCKER) info fails. Start Docker, or name its client: SLIPWAY_DOCKER=..."; exit 1; }

STACK = SLIPWAY_DOCKER="$(SLIPWAY_DOCKER)" uv run --no-sync slipway stack
# $(call flag,NAME,OPTION): the option if NAME=1; any other value, such as 0, is an error.
flag = $(if $(filter-out 1,$($(1))),$(error $(1): expected 1 or nothing, found $($(1)). Nothing was changed),$(if $($(1)),$(2)))

# uv from the PATH if there is one, else the one that `tools` fetches. An activated environment is ignored.
export PATH := $(PATH):$(CURDIR)/.tools/bin
unexport VIRTUAL_ENV

# Compiling reads every file of the environment, 20,000 of them: skipped where nothing is to be installed, and in a job of CI,
# which imports few of them, once. On a terminal uv shows a progress bar and the installed packages; a log has one line for
# each step, without those of 180 packages.
installed = uv sync --locked $(1) --check >/dev/null 2>&1
install = uv sync --locked $(1) $(if $(CI),,--compile-bytecode)
sync = $(installed) || { if test -t 2; then $(install); else \
	$(install) --no-progress 2>&1 | grep --line-buffered -v '^ [-+~] '; $(installed); fi; }

# All tests of a file run in one worker, because they share slow set-up; files start in their order.
PYTEST := uv run --no-sync python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# The machinery's own targets, if its sources are in the repository.
-include packages/slipway/machinery.mk

##@ This repository
help: ## this list
	@awk -F ':.*## ' '/^##@ / { print substr($$0, 5) } /^[a-z-]+:+.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools ## the whole loop in .demo/: data, model, gate, production, monitoring, retrain, rollback
	@echo "Environment: installing what the pipeline needs (the first time takes a minute or two)"
	@$(call sync,--inexact --no-default-groups --group pipeline --group problem)
	@uv run --no-sync python -m slipway.demo

# Inexact: packages that another target installed stay, so that switching between targets installs nothing twice.
setup: tools ## the environment in .venv/
	@test -d .venv || echo "Environment: installing (the first time takes a minute or two)"
	@$(call sync,--inexact)

test: setup ## the tests of your problem and its pipeline
	@$(PYTEST) tests
	@echo "All tests passed. Next: make lint, make demo."

repro: setup ## run the pipeline here: pull the data, then run the stages that changed
	@uv run --no-sync dvc pull data.dvc
	@uv run --no-sync dvc repro
	@uv run --no-sync dvc metrics show
	@echo "Next: $(if $(MLFLOW_TRACKING_URI),the page of your MLflow,make ui), git add data.dvc dvc.lock metrics.json; docs/commands.md, Experiments"

gate: setup ## may bundle/ replace what production runs? (BASE=origin/main: by the rules of that commit)
	@uv run --no-sync slipway gate $(if $(BASE),--base "$(BASE)")

# With GH_TOKEN it also asks GitHub whether each pinned commit belongs to that repository and is the version in its comment.
audit-workflows: setup ## attackable or unpinned parts of .github/
	@uv run --no-sync zizmor --persona auditor --no-progress .github

serve: setup ## the model in bundle/ over HTTP, with its page (BUNDLE=.demo/bundle, PORT=8080)
	@test -d "$(BUNDLE)" || { echo "No model yet: run make demo or make repro first."; exit 1; }
	@uv run --no-sync slipway serve --bundle "$(BUNDLE)" $(if $(filter file,$(origin PORT)),,--port $(PORT))

docs: tools ## the documentation as a site in .slipway/docs/site/; a broken link is an error
	@$(call sync,--inexact --no-default-groups --group docs)
	@uv run --no-sync python -m slipway.docs

docs-serve: docs ## the site on this machine, until ctrl-c (DOCS_PORT=8090)
	@echo "http://127.0.0.1:$(DOCS_PORT) (ctrl-c ends it)"
	@python3 -m http.server --bind 127.0.0.1 --directory .slipway/docs/site $(DOCS_PORT) >/dev/null

image: sealed-image ## the service with bundle/ as a container image (IMAGE=slipway, SEALED=bundle)
	@echo "The image is $(IMAGE). Next, open to this machine only, with the predictions logged to a volume:"
	@echo "  $(SLIPWAY_DOCKER) run --rm --name slipway -p 127.0.0.1:8080:8080 -v slipway-log:/var/log/slipway --read-only --cap-drop ALL --security-opt no-new-privileges -e SLIPWAY_AUTH=platform $(IMAGE)"

# `slipway publish` runs it too, without the advice of `image`.
sealed-image:
	@$(ENGINE_ANSWERS)
	@test -f "$(SEALED)/manifest.json" || { echo "No bundle yet: run make repro first."; exit 1; }
	@digest=$$(python3 -c 'import hashlib; print(hashlib.sha256(open("$(SEALED)/manifest.json", "rb").read()).hexdigest())') \
		&& $(BUILD) --target service --tag "$(IMAGE)" --build-arg "BUNDLE_DIGEST=$$digest" --build-arg "SEALED=$(SEALED)" \
		--build-arg "REVISION=$(REVISION)" --build-arg "SOURCE=$(SOURCE)" .

mlflow-image: ## the MLflow server of the stack as a container image, from uv.lock
	@$(ENGINE_ANSWERS)
	@$(BUILD) --target mlflow --tag localhost/slipway-mlflow .

follow: follow-image ## this machine's engine follows the ledger, in a container (ENV=production; docs/delivery.md)
	@test -n "$(ENV)" || { echo "Which environment? make follow ENV=production"; exit 1; }
	@SLIPWAY_DOCKER="$(SLIPWAY_DOCKER)" packages/slipway/follow/start "$(ENV)"

follow-image: ## the image of that container, from uv.lock
	@$(ENGINE_ANSWERS)
	@$(BUILD) --target follow --tag localhost/slipway-follow $(if $(SLIPWAY_CLIENT_IMAGE),--build-arg "CLIENT=$(SLIPWAY_CLIENT_IMAGE)") .

up: stack-tools ## service, MLflow and PostgreSQL as containers (PROFILES=monitoring,registry for more; docs/stack.md)
	@$(STACK) up --profiles "$(PROFILES)"

down: stack-tools ## stop them; their data is kept (VOLUMES=1: delete that too)
	@$(STACK) down $(call flag,VOLUMES,--volumes)

logs: stack-tools ## their output, until ctrl-c
	@$(STACK) logs

dashboard: stack-tools ## the service's metrics as curves (after make up PROFILES=prometheus, or monitoring)
	@$(STACK) dashboard

backup: stack-tools ## MLflow's store and the prediction log of the stack, into backups/
	@$(STACK) backup

restore: stack-tools ## restore a backup (FROM=backups/..., OVER=1: over existing data)
	@test -n "$(FROM)" || { echo "Which backup? make restore FROM=backups/... (ls backups)"; exit 1; }
	@$(STACK) restore "$(FROM)" $(call flag,OVER,--over)

stack-tools: tools
	@$(call sync,--inexact --only-group deliver)

lint:: setup ## style, types, lock file
	@uv run --no-sync ruff check
	@uv run --no-sync ruff format --check
	@uv run --no-sync mypy
	@uv lock --check --quiet

format: setup ## fix the style
	@uv run --no-sync ruff check --fix
	@uv run --no-sync ruff format

ui: setup ## MLflow on the local store (STORE=.demo for the demo's, PORT=5001 for another port)
	@test -f "$(STORE)/mlflow.db" || { echo "No store yet: run make demo or make repro first."; exit 1; }
	@python3 -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null \
		|| { echo "Port $(PORT) is taken by another program: make ui PORT=5001"; exit 1; }
	@echo "MLflow is starting on http://127.0.0.1:$(PORT) (ctrl-c ends it)"
	@cd "$(STORE)" && export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false PYTHONWARNINGS=ignore \
		&& exec "$(CURDIR)/.venv/bin/mlflow" ui --backend-store-uri sqlite:///mlflow.db --port $(PORT) --workers 1

clean: ## remove the output of runs; your code, data, lock files and MLflow store stay
	rm -rf .demo .slipway .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf prepared bundle plots dvc_plots validation.json training.json registered.json model_card.md evaluation.json.gz gate.json gate.md release

tools:
	@command -v uv >/dev/null || { \
		echo "Tools: no uv on the PATH, fetching uv $(UV_VERSION) into .tools/"; \
		python3 -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) \
		|| { rm -rf .tools; echo "Could not make .tools/. Needed: Python 3.11+ with venv (Debian: apt install python3-venv), or uv."; exit 1; }; }
