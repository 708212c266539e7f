# One entry for each verb. `make demo` and `make test` need python3 and the network for pip: no compiler, no root.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_FLAGS ?= -n auto

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench examples oracle oracle-record oracle-spin clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: $(VENV)/.installed ## install kverdict and run it on the shipped examples
	@$(BIN)/kverdict demo

test: check ## format check, lint, strict types, all tests
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

check: $(VENV)/.test-tools ## format check, lint, strict types
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/ruff check src tests tools bench
	$(BIN)/mypy

format: $(VENV)/.test-tools ## rewrite the source in the project's format
	$(BIN)/ruff format src tests tools bench
	$(BIN)/ruff check --fix src tests tools bench

bench: $(VENV)/.installed ## measure times and rates (not a test)
	$(BIN)/python -m bench.run

examples: ## rebuild the examples' objects (needs clang 15 or later)
	$(MAKE) -C examples

oracle: $(VENV)/.test-tools ## set up the real kernels that verdicts are compared with (downloads them; Debian, root)
	$(BIN)/python -m tools.oracle setup

oracle-record: $(VENV)/.test-tools ## ask the real kernels about the examples again and rewrite tests/oracle
	$(BIN)/python -m tools.oracle record

oracle-spin: $(VENV)/.test-tools ## compare the explorer with spin, and its pages with Chromium (Debian: spin, gcc, chromium)
	$(BIN)/python -m pytest -m 'spin or browser' tests/explore

clean: ## remove what make made
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache

# Debian without python3-venv has no ensurepip: then the system's pip fills the environment.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
		{ rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -q pip; }

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@$(BIN)/python -m compileall -q src/kverdict  # a first start need not compile, nor each where caches are turned off
	@touch $@

$(VENV)/.test-tools: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed
