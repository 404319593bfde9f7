# `make demo` shows Vouch at work, `make run` keeps it up, `make test` proves it. Each sets up what it needs.
VENV ?= .venv
PY := $(VENV)/bin/python
# two at least: tests wait for servers; four at most: every process holds a database and an engine
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 4 ? 4 : n)))
export VENV

.PHONY: help setup setup-train lock demo run test check schema audit bench faults fuzz sbom stop clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: ## .venv with everything the locks name
	@requirements/setup

setup-train: setup ## and what fine-tuning adds
	@$(PY) -m pip install --quiet --no-deps --require-hashes -r requirements/train.lock

lock: setup ## write the locks anew from pyproject.toml (UPGRADE=1: newest versions)
	@PYTHON=$(PY) requirements/lock

demo: setup ## the whole path on real photographs; ends by itself
	@$(PY) -m demo

run: setup ## the same servers, kept up until Ctrl-C
	@$(PY) -m demo run

test: setup ## `make check`, then the whole suite against real servers (ARGS="-k erasure" narrows it)
	@requirements/install-browser
	@tools/check; checked=$$?; \
	$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not slow" $(ARGS) && exit $$checked

check: setup ## style, types, import contracts, migrations, API snapshot, security
	@tools/check

schema: setup ## write the API snapshot after a change that was meant
	@tools/schema docs/openapi.yaml

audit: setup ## known vulnerabilities in what is locked (needs the network)
	@$(VENV)/bin/pip-audit --disable-pip --no-deps -r requirements/dev.lock

bench: setup ## latency and throughput, measured here
	@$(PY) -m bench $(ARGS)

faults: setup ## ten minutes of kill -9
	@$(PY) -m tests.faults $(ARGS)

fuzz: setup ## a minute of hostile uploads; guided by coverage where Atheris is installed
	@$(PY) -m tests.fuzz.upload $(ARGS)

sbom: setup ## a bill of materials (CycloneDX) of each process
	@mkdir -p var/sbom
	@for each in web worker; do $(VENV)/bin/cyclonedx-py requirements --pyproject pyproject.toml \
	  --output-reproducible -o var/sbom/$$each.json requirements/$$each.lock && echo "  var/sbom/$$each.json"; done

stop: ## end embedded servers that something left running
	@$(PY) -m kyc.localstack stop
	@$(PY) -m kyc.localstack stop --home var/tests

clean: ## forget all local state: databases, evidence, models. Not .venv
	@if [ -x $(PY) ]; then for home in var var/tests; do \
	  if [ -d $$home ]; then $(PY) -m kyc.localstack erase --home $$home; fi; done; fi
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
