# One way to run things: every target is a thin line, and `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MINUTES ?= 30

.PHONY: help demo test check bench soak test-vm format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/run.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/run.stamp

demo: $(VENV)/run.stamp ## start a cluster here, pull a machine's plug, watch its work move
	@$(BIN)/setpoint demo

test: $(VENV)/dev.stamp ## set up and pass the tests
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, strict types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp ## measure the budgets: a table, and JSON beside it
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/dev.stamp ## simulate MINUTES of new seeds, from where the last soak ended; then the long runs of real processes
	$(BIN)/python -m tests.sim --minutes $(MINUTES) $(ARGS)
	SETPOINT_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest -m soak --timeout 0

test-vm: $(VENV)/dev.stamp ## prove deploy/ in a small VM: real systemd, all of cgroup v2, a reboot (root)
	$(BIN)/python -m pytest -m vm --timeout 0 tests/vm $(ARGS)

clean: ## remove what the targets made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
