# Everything that a contributor runs. Each target sets up what it needs: .venv to work in, and
# .venv-proto, apart from it, to generate code (tools/generate_proto.py says why).

.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first Python that is new enough; `make PYTHON=...` overrides it.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
BIN := .venv/bin
PROTO_PYTHON := .venv-proto/bin/python
CODE := $(wildcard server simulator tests benchmarks tools)

# A set-up is whole when its last step left .ready, and still good while the checkout is where it
# was (an environment holds absolute paths) and its Python is there. Otherwise it is redone.
whole = $(shell test -x $(1)/bin/python && cat $(1)/.ready 2>/dev/null)
.PHONY: $(foreach venv,.venv .venv-proto,$(if $(filter-out "$(call whole,$(venv))","$(CURDIR)"),$(venv)/.ready))

.PHONY: help
help: ## Show the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

.PHONY: demo
demo: .venv/.ready ## Call 1,000 simulated phones through a real server and watch it.
	@$(BIN)/batchcalls demo

.PHONY: test
test: .venv/.ready ## Run all tests.
	$(BIN)/pytest

.PHONY: simulate
simulate: .venv/.ready ## Play SEEDS=200 virtual worlds that fail, and check every promise.
	@$(BIN)/batchcalls-simulator simulate --seeds $(or $(SEEDS),200) --jobs $(or $(JOBS),2)

.PHONY: chaos
chaos: .venv/.ready ## Kill real servers KILLS=50 times under load, and compare what everybody saw.
	@$(BIN)/batchcalls-simulator chaos --kills $(or $(KILLS),50) $(if $(SEED),--seed $(SEED))

.PHONY: mutations
mutations: .venv/.ready ## Put bugs in, one by one, and see each of them found by a virtual world.
	MUTATIONS=all $(BIN)/pytest tests/mutations tests/system/test_chaos.py

.PHONY: check
check: .venv/.ready .venv-proto/.ready ## Prove format, lint, types, API, documents and layering.
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/python tools/check_breaking.py
	$(PROTO_PYTHON) tools/generate_proto.py --check
	$(BIN)/python -m tools.generate_docs --check
	$(BIN)/pytest --quiet tests/house

.PHONY: bench
bench: .venv/.ready ## Measure, and keep the results; ROWS=dispatch,pacing measures only these.
	$(BIN)/python -m benchmarks $(if $(ROWS),--rows $(ROWS))

.PHONY: bench-peers
bench-peers: .venv/.ready ## Measure other job queues beside ours; PEERS=river,arq runs only these.
	$(BIN)/python -m benchmarks.peers $(if $(PEERS),--peers $(PEERS))

.PHONY: proto
proto: .venv-proto/.ready ## Generate server/batchcalls/v1 from proto/.
	$(PROTO_PYTHON) tools/generate_proto.py

.PHONY: docs
docs: .venv/.ready ## Generate what the documents say about the code.
	$(BIN)/python -m tools.generate_docs

.PHONY: format
format: .venv/.ready ## Format the code and the proto files; mend what ruff can mend.
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/buf format --write

.PHONY: clean
clean: ## Remove all environments and all caches.
	rm -rf .venv .venv-proto .peers .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

# hatchling comes first, and pip's build isolation is off, so that the build is pinned too.
.venv/.ready: pyproject.toml constraints.txt
	$(call fresh_venv,.venv)
	$(BIN)/pip install --quiet --constraint constraints.txt hatchling
	$(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@printf '%s\n' "$(CURDIR)" > $@

.venv-proto/.ready: tools/proto-constraints.txt
	$(call fresh_venv,.venv-proto)
	.venv-proto/bin/pip install --quiet --constraint $< grpcio-tools mypy-protobuf
	@printf '%s\n' "$(CURDIR)" > $@

define fresh_venv
@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it by make PYTHON=..." >&2; exit 1; }
@echo "setting up $(1) with $(PYTHON); this takes a minute"
@rm -rf $(1)
@$(PYTHON) -m venv $(1)
endef
