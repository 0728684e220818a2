# renderq: `make` lists the commands.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JUDGES := .judges
NODE_JUDGES := tests/system/javascript
PORT   ?= 8400
ARGS   ?=
JOBS   ?= $(shell n=$$(env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 3 ? 4 : n + 1)))

.DEFAULT_GOAL := help
.PHONY: help setup judges run test test-all fuzz check page-setup page-check page-shots system faults bench docs clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## create .venv and install everything; TORCH_INDEX=URL installs torch from that index

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "renderq needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@if [ -n "$(TORCH_INDEX)" ]; then set -x; $(BIN)/pip install --quiet --index-url "$(TORCH_INDEX)" --no-deps -c constraints.txt torch; fi
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all]' --group dev
	$(BIN)/pip install --quiet -c constraints.txt --no-deps invisible-watermark  # it requires the desktop build of OpenCV, and torch
	@touch $(READY)

judges: $(JUDGES)/.ready $(NODE_JUDGES)/node_modules/.ready ## install clients of other services, in environments of their own, for the tests that they judge

$(JUDGES)/.ready: tests/api/doors/judges.txt
	$(PYTHON) -m venv $(JUDGES)
	$(JUDGES)/bin/pip install --quiet --no-compile -r tests/api/doors/judges.txt  # most of it is never imported
	@touch $(JUDGES)/.ready

$(NODE_JUDGES)/node_modules/.ready: $(NODE_JUDGES)/package-lock.json | $(READY)
	$(BIN)/python -m tests.page.node $(NODE_JUDGES)
	@touch $@

run: $(READY) ## start the whole service on this machine; ARGS are passed to `renderq up`
	@$(BIN)/renderq up --port $(PORT) $(ARGS)

test: $(READY) ## run all tests but long rehearsals, in JOBS processes; ARGS are passed to pytest
	@$(MAKE) --no-print-directory judges || echo "without the judges of the doors: their tests are skipped" >&2
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

test-all: $(READY) ## run all tests
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

system: $(READY) ## run only the tests that start the whole service as real processes
	$(BIN)/pytest tests/system $(ARGS)

faults: $(READY) ## run 20 rounds of each fault and print the table of guarantees.md
	RENDERQ_FAULT_ROUNDS=$${RENDERQ_FAULT_ROUNDS:-20} $(BIN)/pytest tests/faults $(ARGS)

fuzz: $(READY) ## fuzz the API with valid and invalid requests from its OpenAPI document, with a new seed each time
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-1000} $(BIN)/pytest tests/api/hostile/test_openapi_fuzz.py $(ARGS)

check: $(READY) page-check ## lint, check format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

page-setup: $(READY) ## install the npm packages that check the web page
	$(BIN)/python -m tests.page.node

page-check: $(READY) ## run the unit tests of the web page's modules and check their types
	$(BIN)/python -m tests.page.check

page-shots: $(READY) ## take the screenshots of the documentation; needs the packages chromium and fonts-inter
	$(BIN)/python -m tests.page.shots

bench: $(READY) ## run the benchmarks and print a table each (some minutes)
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.eta

docs: $(READY) ## write the pages that are generated from the code
	$(BIN)/python docs/reference/settings_reference.py

clean: ## remove .venv, builds and caches
	rm -rf $(VENV) $(JUDGES) $(NODE_JUDGES)/node_modules build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
