# One vocabulary for people, hooks and CI. `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup demo test repro lint format ui clean tools

UV_VERSION := 0.13.9
PORT ?= 5000
STORE ?= $(if $(wildcard mlflow.db),.,.demo)

# uv from the PATH if there is one, else the one that `tools` fetches. An activated environment is not ours to use.
export PATH := $(PATH):$(CURDIR)/.tools/bin
unexport VIRTUAL_ENV

# On a terminal uv shows a progress bar and what it installed; in a log that is 180 lines about nothing.
SYNC := uv sync --locked --compile-bytecode $(shell test -t 2 || echo --quiet)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: tools ## the whole loop in .demo/: data, model, registry, a prediction
	@echo "Environment: installing what the pipeline needs (the first time takes a minute or two)"
	@$(SYNC) --inexact --no-default-groups --group pipeline
	@uv run --no-sync python -m slipway.demo

setup: tools ## the full environment in .venv/
	@test -d .venv || echo "Environment: installing everything (the first time takes a minute or two)"
	@$(SYNC)

test: setup ## every test
	@uv run --no-sync python -m pytest -n auto
	@echo "All tests passed. Next: make lint, make demo."

repro: setup ## run the pipeline here: pull the data, then what has changed
	@uv run --no-sync dvc pull data.dvc
	@uv run --no-sync dvc repro
	@uv run --no-sync dvc metrics show
	@echo "Next: make ui, git add data.dvc dvc.lock metrics.json; README, Day to day: experiments"

lint: setup ## style, types
	@uv run --no-sync ruff check
	@uv run --no-sync ruff format --check
	@uv run --no-sync mypy
	@uv lock --check --quiet

format: setup ## mend the style
	@uv run --no-sync ruff check --fix
	@uv run --no-sync ruff format

ui: setup ## MLflow on the local store (STORE=.demo for the demo's, PORT=5001 for another port)
	@test -f "$(STORE)/mlflow.db" || { echo "No store yet: run make demo or make repro first."; exit 1; }
	@python3 -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null \
		|| { echo "Port $(PORT) is taken by another program: make ui PORT=5001"; exit 1; }
	@echo "MLflow is starting on http://127.0.0.1:$(PORT) (ctrl-c ends it)"
	@cd "$(STORE)" && export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false PYTHONWARNINGS=ignore \
		&& exec "$(CURDIR)/.venv/bin/mlflow" ui --backend-store-uri sqlite:///mlflow.db --port $(PORT) --workers 1

clean: ## remove what runs have made; your code, data, lock files and MLflow store stay
	rm -rf .demo .slipway .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf prepared bundle plots dvc_plots validation.json training.json registered.json model_card.md

tools:
	@command -v uv >/dev/null || { \
		echo "Tools: no uv on the PATH, fetching uv $(UV_VERSION) into .tools/"; \
		python3 -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) \
		|| { rm -rf .tools; echo "Could not make .tools/. Needed: Python 3.11+ with venv (Debian: apt install python3-venv), or uv."; exit 1; }; }
