# Every task of this repository, one verb each. `make run` and `make test` set up what they need on a fresh machine
# with Python 3.11+, Node 20+ and make; what is set up already is not set up again.

PYTHON ?= python3
ARGS   ?=

BIN    := .venv/bin
MADE   := .venv/made
MODULES := client_web/node_modules
SUITES := tests/conformance/graphql/node_modules
FIREBASE := tests/emulators/firebase/node_modules
WEB    := zookeeper_sdk/ainimal_zookeeper/client/web/index.html
WEB_SOURCES := $(shell find client_web -type f -not -path '*/node_modules/*' -not -path '*/generated/*' -not -name '*.tsbuildinfo' 2>/dev/null) \
               $(wildcard functions/graphql_api/graphql_api/schema/*.graphql)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run run-emulators test test-emulators check bench client foreign wheel stage lock indexes fmt clean

# Lists the verbs.
help:
	@awk '/^# /{said=substr($$0,3)} /^(run|run-emulators|test|test-emulators|check|bench|client|foreign|wheel|stage|lock|indexes|fmt|clean):/{sub(":.*","",$$1); printf "make %-14s %s\n", $$1, said}' Makefile

# Starts the example zoo and prints its address (options for it: ARGS="--port 8001").
run: $(MADE)-zoo $(WEB)
	@exec $(BIN)/zoo up --client $(ARGS)

# The same on Google's emulators, which it starts, and with the functions as they are deployed.
run-emulators: $(MADE)-tools $(WEB)
	@exec $(BIN)/zoo up --profile emulators --client $(ARGS)

# Runs all tests but those on emulators; one whose program is not installed is skipped here and fails in CI.
test: $(MADE)-tools web-when-node
	$(BIN)/pytest -rs $(ARGS)
	@if command -v npm >/dev/null; then \
	  cd client_web && npm test; \
	elif [ -n "$(CI)" ]; then \
	  echo "npm is not installed and CI must not leave out the web client's tests; install Node 20 or newer" >&2; exit 1; \
	else \
	  echo "SKIPPED the web client's tests: npm is not installed; install Node 20 or newer: apt-get install nodejs npm"; \
	fi

# Runs the tests on Google's emulators, which it starts: of gcloud with Java, of a wheel, and of npm for signing in.
test-emulators: $(MADE)-tools firebase-when-node
	$(BIN)/pytest -rs -m emulators tests/emulators $(ARGS)

# Formatting, lint, types and the import rules, in Python and TypeScript.
check: $(MADE)-tools $(MODULES)/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd client_web && npm run check

# Runs the comparisons in benchmarks/ and writes benchmarks/results.md (some: ARGS="step_overhead launch").
bench: $(MADE)-tools
	$(BIN)/python -m benchmarks $(ARGS)

# Adds what people bring along: PyTorch, JAX, ONNX and the libraries that the tests try the zoo with.
foreign: $(MADE)-tools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 \
	  -e '.[onnx,export]' foxglove-sdk jax lightning stable-baselines3

# Builds the web client that the zoo serves.
client: $(WEB)

# Builds dist/*.whl, which carries the web client and the example zoo; the same commit gives the same bytes.
wheel: $(MADE)-tools $(WEB)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --wheel --no-isolation

# Builds build/functions: the folder and the archive of each function, ready to be deployed (ARGS="--config my/zoo.py").
stage: $(MADE)-zoo
	@$(BIN)/zoo stage $(ARGS)

# Locks what each function needs when it is deployed: versions of constraints.txt, with the hashes of their files.
lock: .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	for function in graphql_api job_launcher runner_link; do \
	  UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate -c constraints.txt \
	    -o functions/$$function/requirements.txt functions/$$function/requirements.in || exit 1; \
	done

# Writes the indexes that Firestore needs for the declared queries.
indexes: $(MADE)-tools
	$(BIN)/python -m ainimal_zookeeper.adapters.gcp.firestore_indexes > infra/firestore.indexes.json

# Puts the Python sources in the house format.
fmt: $(MADE)-tools
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

# Removes what was built and installed; recordings and checkpoints in .zoo stay.
clean:
	rm -rf .venv $(MODULES) $(SUITES) $(FIREBASE) $(dir $(WEB)) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# --- how the verbs get what they need --------------------------------------------------------------------------------

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than Python 3.11; install it, or name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(MADE)-zoo: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(MADE)-tools: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(MADE)-zoo

%/node_modules/.made: %/package.json %/package-lock.json
	@command -v npm >/dev/null || { \
	  echo "npm is not installed; install Node 20 or newer: apt-get install nodejs npm" >&2; exit 1; }
	cd $* && npm ci --no-audit --no-fund
	@touch $@

$(WEB): $(WEB_SOURCES) | $(MODULES)/.made
	cd client_web && npm run build
	@touch $@

# Some tests need the built client and the suites of npm, most do not: no Node must not stop them.
.PHONY: web-when-node
web-when-node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(WEB) $(SUITES)/.made; fi

.PHONY: firebase-when-node
firebase-when-node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(FIREBASE)/.made; fi
