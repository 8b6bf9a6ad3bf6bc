# The same few verbs for everybody; each first sets up .venv, which needs only make and Python 3.11 or newer.
# PYTHON=… chooses the interpreter the environment is made from.

PYTHON ?=
SECONDS ?= 300
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz check bench load growth peers faults format docs lock clients conformance wheel clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(READY) ## Make .venv and install everything into it (the other verbs do this too)

$(READY): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh $(VENV)
	@touch $@

demo: $(READY) ## Watch an agent without memory keep up a conversation
	@$(BIN)/recollect demo

test: $(READY) ## Run the tests in three processes; ARGS="-k name" is passed on to pytest
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(READY) ## Send REST and MCP what nobody should send, for SECONDS=300 each
	@RECOLLECT_TEST_FUZZ_SECONDS=$(SECONDS) $(BIN)/python -m pytest -s tests/api/test_fuzz.py tests/mcp_server/test_fuzz.py $(ARGS)

check: $(READY) ## Format, lint, types, layers, generated docs, pins, and the wheel as users install it
	@$(BIN)/python -m scripts.check

bench: $(READY) ## Measure against bare asyncpg and a bare MCP server
	@$(BIN)/python -m benchmarks $(ARGS)

load: $(READY) ## Ten thousand conversations at once, over MCP and REST; ARGS="--quick" for a few
	@$(BIN)/python -m benchmarks.load $(ARGS)

growth: $(READY) ## Up to 50 million messages, and what the verbs cost then; hours, or ARGS=--quick
	@$(BIN)/python -m benchmarks.growth $(ARGS)

peers: $(READY) ## Measure beside other libraries, each installed into an environment of its own; ARGS=--quick
	@$(BIN)/python -m benchmarks.peers $(ARGS)

faults: $(READY) ## Break everything under load, and check what is left; minutes, or ARGS=--quick
	@$(BIN)/python -m faults $(ARGS)

format: $(READY) ## Format the code and apply the safe lint fixes
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

docs: $(READY) ## Rewrite the tables in the README, server.json and docs/openapi.json from the code
	@$(BIN)/python -m scripts.docs

lock: $(READY) ## Resolve the newest dependencies again and rewrite constraints.txt
	@$(BIN)/python -m scripts.constraints --write

clients: $(READY) ## Run real MCP clients against the server (each in an environment of its own)
	@$(BIN)/python -m pytest -m clients $(ARGS)

conformance: $(READY) ## Run the official MCP conformance suite
	@$(BIN)/python -m pytest -m conformance $(ARGS)

wheel: $(READY) ## Build the wheel and use it from outside the checkout
	@$(BIN)/python -m scripts.installed_wheel

clean: ## Remove .venv and every cache
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
