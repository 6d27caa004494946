# `make run` and `make test` set up everything they need on a machine with Python 3.11+, a C++ compiler and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell git ls-files '*.py' '*.toml' '*.gguf' 2>/dev/null)

.PHONY: run test lint types benchmarks clean

run: $(VENV)/.run
	$(BIN)/umi run "What is 12.5% of 360?"

test: $(VENV)/.test lint types
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	cd / && $(abspath $(BIN))/mypy --config-file $(abspath pyproject.toml) -p alpha_umi

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.run: $(BIN)/python pyproject.toml $(SOURCES)
	$(BIN)/pip install .
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml $(SOURCES)
	$(BIN)/pip install '.[train,test]'
	touch $@

benchmarks: $(VENV)/.test
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/prefill.py
	$(BIN)/python benchmarks/success.py --failures

clean:
	rm -rf $(VENV) build dist *.egg-info
