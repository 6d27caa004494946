# `make run` and `make test` set up everything they need on a machine with Python 3.11+, a C++ compiler and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell git ls-files '*.py' '*.toml' '*.gguf' 2>/dev/null)

.PHONY: run test test-slow test-oracle families lint types benchmarks benchmarks-shapes benchmark-conversion pictures clean

run: $(VENV)/.run
	$(BIN)/umi run "What is 12.5% of 360?"

test: $(VENV)/.test lint types
	$(BIN)/python -m pytest -m "not slow"

# Thousands of damaged model files.
test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

# Conversion against llama.cpp's own converter, which comes with the source distribution of llama-cpp-python.
ORACLE := build/oracle
LLAMA_CPP := $(abspath $(ORACLE)/vendor/llama.cpp)

test-oracle: $(VENV)/.test $(ORACLE)/.fetched
	UMI_LLAMA_CPP=$(LLAMA_CPP) $(BIN)/python -m pytest tests/convert/test_oracle.py

$(ORACLE)/.fetched: pyproject.toml | $(BIN)/python
	mkdir -p $(ORACLE)
	$(BIN)/pip download --quiet --no-deps --no-binary llama-cpp-python --dest $(ORACLE) \
	    "$$(grep -o 'llama-cpp-python==[0-9.]*' pyproject.toml)"
	tar -xzf $(ORACLE)/llama_cpp_python-*.tar.gz -C $(ORACLE) --strip-components=1
	touch $@

# The table of families in docs/models.md.
families: $(VENV)/.test
	$(BIN)/python benchmarks/families.py

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
	$(BIN)/python benchmarks/natural.py --failures
	$(BIN)/python benchmarks/decoding.py --model nano
	$(BIN)/python benchmarks/bound.py
	$(BIN)/python benchmarks/sharing.py --size 0.5B

# The same beside models of real shape with random weights, which are made first: an hour on two cores.
benchmarks-shapes: $(VENV)/.test
	$(BIN)/python benchmarks/turn.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/sharing.py
	$(BIN)/python benchmarks/threads.py

benchmark-conversion: $(VENV)/.test $(ORACLE)/.fetched
	$(BIN)/python benchmarks/conversion.py --llama-cpp $(LLAMA_CPP)

# The pictures of the README and docs/terminal.md, from a real run of the shipped trio.
pictures: $(VENV)/.test
	$(BIN)/python docs/pictures/make.py

clean:
	rm -rf $(VENV) build dist *.egg-info
