# Targets for working on the machinery (packages/slipway), included by the Makefile at the root.
.PHONY: setup-machinery test-machinery test-engine test-workflows test-kubernetes test-all-tiers test-restart mutants faults bench-serving release

MACHINERY := packages/slipway

##@ The machinery (packages/slipway)
setup-machinery: tools ## the environment, with the packages of its tests, checks and benchmarks
	@$(call sync,--inexact --all-packages)

test-machinery: setup-machinery ## its tests that need neither a container engine, a workflow runner nor a cluster
	@$(PYTEST) $(MACHINERY)/tests -m "not engine and not runner and not kubernetes"

test-engine: setup-machinery ## its tests on a real container engine (packages/slipway/ci/engine starts one)
	@$(PYTEST) $(MACHINERY)/tests -m "engine and not runner and not restart and not kubernetes"

test-workflows: setup-machinery ## the workflows, run by a real runner (packages/slipway/ci/act builds it; needs the engine)
	@$(PYTEST) $(MACHINERY)/tests -m runner

test-kubernetes: setup-machinery ## its tests on a real Kubernetes (packages/slipway/ci/kubernetes compiles and starts one)
	@$(PYTEST) $(MACHINERY)/tests/kubernetes -m kubernetes

# For .ci/run: in one run the tests that wait for an engine share the cores with those that compute.
test-all-tiers: setup-machinery
	@$(PYTEST) $(MACHINERY)/tests -m "not restart and not kubernetes"

# It ends everything else on the engine; SLIPWAY_REQUIRE=docker,restart confirms that nothing else runs there.
test-restart: setup-machinery
	@uv run --no-sync python -m pytest $(MACHINERY)/tests -m restart

mutants: setup-machinery ## break a good project and its workflows in every known way: each must be caught for its own reason
	@uv run --no-sync python $(MACHINERY)/tests/mutants
	@uv run --no-sync python $(MACHINERY)/tests/mutants/workflows.py

bench-serving: setup-machinery ## the service beside its peers, in one run (RESUME=1: continue one that ended early)
	@cd $(MACHINERY) && $(CURDIR)/.venv/bin/python -m benchmarks.serving $(if $(RESUME),--resume)

faults: setup-machinery ## let each call of git fail in every way, in every operation of the ledger and of a delivery
	@uv run --no-sync python $(MACHINERY)/tests/faults

release: setup-machinery ## tag a version and make the thin template of it (VERSION=0.2.0); nothing is pushed
	@test -n "$(VERSION)" || { echo "Which version? make release VERSION=0.2.0"; exit 1; }
	@uv run --no-sync python $(MACHINERY)/release "$(VERSION)"

lint:: setup-machinery
	@uv run --no-sync mypy --config-file $(MACHINERY)/pyproject.toml

