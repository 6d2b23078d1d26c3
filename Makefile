# `make help` lists what there is. Everything runs in the virtual environment .venv of this tree, which is made on first
# use and renewed when the pins change. PYTHON=/path/to/python chooses another interpreter.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak check format bench clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(STAMP) ## make .venv and install the pinned requirements into it

$(STAMP): requirements/dev.txt requirements/runtime.txt requirements/simulation.txt pyproject.toml .ci/setup
	@sh .ci/setup

demo: $(STAMP) ## three simulated shops, an ERP, shoppers, faults, two kills: a minute, then the verdict
	@$(BIN)/python -m syncd demo

test: $(STAMP) ## all tests, on all cores
	@$(BIN)/python -m pytest --numprocesses auto --dist loadgroup

SEEDS ?= 1000
soak: $(STAMP) ## the whole daemon in simulated time, SEEDS=10000 seeds of it; goes on where the last one stopped
	@$(BIN)/python -m tests.simulation soak --seeds $(SEEDS)

check: $(STAMP) ## format, lint, types, walls, module sizes
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -q tests/test_walls.py tests/test_module_size.py

format: $(STAMP) ## let ruff format the code and mend what it can mend safely
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP) ## benchmarks, beside a bare floor loop in the same run (minutes; not in CI)
	@$(BIN)/python -m benchmarks

clean: ## remove what was built: .venv, caches, the demo's leavings
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-run
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
