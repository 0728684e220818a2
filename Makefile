# renderq: `make` lists what there is.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PORT   ?= 8400
ARGS   ?=
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup run test fuzz check system faults bench docs clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv and install everything into it; TORCH_INDEX=URL takes torch from that index

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "renderq needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@if [ -n "$(TORCH_INDEX)" ]; then set -x; $(BIN)/pip install --quiet --index-url "$(TORCH_INDEX)" --no-deps -c constraints.txt torch; fi
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all]' --group dev
	$(BIN)/pip install --quiet -c constraints.txt --no-deps invisible-watermark  # it asks for OpenCV with a screen, and torch
	@touch $(READY)

run: $(READY) ## start everything on this machine and print the address; ARGS are passed to `renderq up`
	@$(BIN)/renderq up --port $(PORT) $(ARGS)

test: $(READY) ## run all tests, in JOBS processes side by side
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

system: $(READY) ## run only the tests that drive the whole service through real processes
	$(BIN)/pytest tests/system $(ARGS)

faults: $(READY) ## break everything, 20 rounds of each fault; prints a table
	RENDERQ_FAULT_ROUNDS=$${RENDERQ_FAULT_ROUNDS:-20} $(BIN)/pytest tests/faults $(ARGS)

fuzz: $(READY) ## attack the API with what its document allows, and with what it does not; something else each time
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-1000} $(BIN)/pytest tests/api/hostile/test_openapi_fuzz.py $(ARGS)

check: $(READY) ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(READY) ## measure; prints one table each (some minutes)
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.eta

docs: $(READY) ## write the pages that are made from the code
	$(BIN)/python docs/reference/settings_reference.py

clean: ## remove .venv and everything that tools left behind
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
