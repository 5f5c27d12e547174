# `make run` shows Kuato at work, `make test` checks it; each sets up all it needs in .venv.
# PYTHON=/path/to/python3 chooses the interpreter. DEMO_EXIT=1 ends `make run` after its answers.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PYTHON ?=

.PHONY: help run test lint setup docs dist bundle clean

help:
	@echo "make run    set up, load the samples, ask MISP's question, keep serving"
	@echo "make test   set up, then style, types, import rules, tests"
	@echo "make setup  only set up $(VENV)"
	@echo "make docs   the pages of docs/ as a site, in site/"
	@echo "make dist   wheel and source distribution, in dist/"
	@echo "make bundle all that a machine without network needs, in dist/"
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

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

dist: $(STAMP)
	@$(BIN)/python -m hatchling build -d dist

bundle: docs
	@.ci/bundle $(VENV) dist

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist site
