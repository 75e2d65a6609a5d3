# `make` alone lists what there is. Everything that is needed is fetched on the way: uv, then the locked Python
# packages, then (for what needs a cluster) the Kubernetes programs and the embedding model.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test unit bench lint generate binaries embedder up clean

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)
# uv from PATH, else one of our own beside the project's other caches.
UV := $(shell command -v uv 2>/dev/null || echo $(CACHE)/rem/uv/bin/uv)
# The first Python that runs and is new enough: a name on PATH alone proves nothing where version managers put shims.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
RUN := .venv/bin

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(CACHE)/rem/uv/bin/uv:
	@echo "» uv is not on PATH; installing it into $(CACHE)/rem/uv"
	@$(PYTHON) -m venv $(CACHE)/rem/uv && $(CACHE)/rem/uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'

.venv/.synced: $(UV) pyproject.toml local/pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: install python3 (with venv), or name one by PYTHON=…"; exit 1; }
	@echo "» installing the locked Python packages into .venv"
	@UV_SYSTEM_CERTS=1 $(UV) sync --quiet --locked --all-extras --python $(PYTHON)
	@touch $@

setup: .venv/.synced ## install what the other targets run on

binaries: setup ## fetch or build etcd, the Kubernetes control plane and kubectl (once)
	@$(RUN)/rem-local binaries

embedder: setup ## convert the embedding model (once)
	@$(RUN)/python -m rem_runtime.memory.embedding.convert

demo: setup ## apply a RemTenant on a real control plane, fill its memory, ask it three questions
	@$(RUN)/python -m rem_local.demo

up: setup ## a cluster without containers, with the neighbours' stand-ins, until Ctrl-C
	@$(RUN)/rem-local up

test: lint binaries embedder ## everything that CI runs: lint, types, import contracts, all tests
	@$(RUN)/pytest -n 2 --dist loadfile

unit: setup embedder ## the tests that need no cluster
	@$(RUN)/pytest tests/unit

bench: setup embedder ## measure against the targets: a table, and build/bench.json (ARGS="--quick --only names")
	@$(RUN)/python -m tests.bench.run $(ARGS)

lint: setup ## ruff, mypy --strict, import-linter, generated files
	@echo "» ruff" && $(RUN)/ruff check . && $(RUN)/ruff format --check .
	@echo "» mypy" && $(RUN)/mypy
	@echo "» import contracts" && $(RUN)/lint-imports --no-logo

generate: setup ## write the CRDs from the models
	@$(RUN)/python -m rem_crds.generate

clean: ## remove what is built here (the caches in ~/.cache stay)
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
