# `make demo` and `make test` do all of their own set-up: a virtual environment in .venv with the locked packages in it.
# The interpreter is the first Python >= 3.11 found; name another with `make PYTHON=… demo`.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types arrows simulate bench lock wheel clean

help: ## What can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(READY) ## Payment cards from a private PostgreSQL with sample data
	@$(BIN)/ecloud-pay --demo show 5
	@$(BIN)/ecloud-pay --demo list --limit 3
	@echo "Go on with: $(BIN)/ecloud-pay --demo list --format table   or: $(BIN)/ecloud-pay --help" >&2

test: $(READY) ## All tests, on a real PostgreSQL in both shapes of the tables
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile $(PYTEST_ARGS)

check: lint types arrows test ## ruff, mypy --strict, the import arrows and all tests

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

arrows: $(READY)
	@$(BIN)/lint-imports --no-cache

simulate: $(READY) ## Long proofs: 10,000 refunds with faults (SEED=7 plays one again), exports killed at random moments
	@$(BIN)/python -m pytest -q -s -o addopts="--strict-markers --strict-config" $(if $(SEED),tests/simulation/test_refunds.py,tests/simulation)

bench: $(READY) ## Speed beside its peers, in one run (BENCH_ARGS=--large: also with 5,000,000 payments)
	@$(BIN)/python -m bench $(BENCH_ARGS)

lock: $(READY) ## Write the lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--extra demo --extra xlsx --extra parquet --group dev pyproject.toml -o requirements/dev.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		pyproject.toml -c requirements/dev.txt -o requirements/run.txt

wheel: $(READY) ## The wheel that operators install
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .
	@ls dist/*.whl

clean: ## Remove what the targets above made here
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Bytecode is kept, as anywhere: without it every start would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

$(READY): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

$(LOCKED): requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with make PYTHON=…" >&2; exit 1; }
	@echo "Setting up $(VENV) (first use, or the lock has changed)…" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $(LOCKED)
