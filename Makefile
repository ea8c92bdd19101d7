# Every target does its own set-up. `make demo` needs Python 3.11 or newer, and nothing
# else. PIP_ARGS is handed to pip: use it for an index with CPU builds of torch.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
PIP_ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.installed-base
DEV := $(VENV)/.installed-dev
INPUTS := pyproject.toml constraints.txt

.PHONY: help venv demo test test-slow check format bench-rooms clean

help:
	@echo "make demo         install, then data to report page: see telos work"
	@echo "make test         install with tools, then the fast tests"
	@echo "make test-slow    all tests"
	@echo "make check        format, lint, types, architecture, tests, documentation"
	@echo "make format       rewrite the sources in the house format"
	@echo "make bench-rooms  the two-rooms benchmark (long)"
	@echo "make venv         only the environment with all tools, in $(VENV)"
	@echo "make clean        remove the environment and caches"

venv: $(DEV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is older than Python 3.11; set PYTHON=/path/to/python3.11"; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BASE): $(INPUTS) | $(BIN)/python
	$(BIN)/pip install --quiet $(PIP_ARGS) -c constraints.txt -e .
	touch $@

$(DEV): $(INPUTS) | $(BIN)/python
	$(BIN)/pip install --quiet $(PIP_ARGS) -c constraints.txt -e ".[sim,dev]"
	touch $(BASE) $@

demo: $(BASE)
	$(BIN)/telos demo

# One thread per test process: two processes with two threads each would fight.
test: $(DEV)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) -m "not slow"

test-slow: $(DEV)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS)

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/pytest -q tests/test_architecture.py
	$(MAKE) test

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-rooms: $(DEV)
	$(BIN)/python benchmarks/rooms.py

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
