# `make run` shows Kuato at work, `make test` checks it; each sets up all it needs in .venv.
# PYTHON=/path/to/python3 chooses the interpreter. DEMO_EXIT=1 ends `make run` after its answers.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PYTHON ?=

.PHONY: help run test lint setup clean

help:
	@echo "make run    set up, load the samples, ask MISP's question, keep serving"
	@echo "make test   set up, then style, types, import rules, tests"
	@echo "make setup  only set up $(VENV)"
	@echo "make clean  remove what these made"

run: $(STAMP)
	@$(BIN)/python samples/demo.py $(if $(DEMO_EXIT),--exit)

test: lint
	@$(BIN)/pytest -q

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

setup: $(STAMP)

# The version is installed too, so its file is as good a reason as the project file.
$(STAMP): pyproject.toml matcher/__init__.py .ci/setup
	@PYTHON="$(PYTHON)" .ci/setup $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
