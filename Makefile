# Needs python3 (3.11 or later), make and a network; everything else is installed into .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PORT ?= 8000
DATA ?= ./data
LEG ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
IMPORT_PATHS := .:a2a:mcp
CLIENTS := tests/clients
SOURCES := agentserver benchmarks config threads memory runs a2a/agentserver_a2a mcp/agentserver_mcp tests \
	scripts manage.py

# The newest of the usual names that is recent enough; python3 first, it is what people expect.
FIND_PYTHON = for name in python3 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	echo $$name; break; fi; done

# Settings as in production, so that Django's deployment checks look at what will be deployed.
PRODUCTION = env -u DEBUG AGENTSERVER_DATA=.cache/check ALLOWED_HOSTS=agents.example.org \
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
	DATABASE_URL=postgres://agentserver@db.example.org/agentserver \
	REDIS_URL=redis://redis.example.org/0
SCRATCH = env -u DATABASE_URL -u REDIS_URL AGENTSERVER_DATA=.cache/check

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.runtime ## Serve on 127.0.0.1:$(PORT), with everything kept in $(DATA)
	@$(BIN)/python manage.py serve --port $(PORT) --data $(DATA)

.PHONY: test
test: test-setup ## Run the tests on both legs (LEG=sqlite|postgres, ARGS="-k name")
	@$(BIN)/python -m tests.legs $(if $(LEG),--leg $(LEG)) $(ARGS)

.PHONY: test-setup
test-setup: $(VENV)/.test $(CLIENTS)/node_modules/.installed

.PHONY: check
check: lint types imports migrations-check ## All checks that run no test
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(SCRATCH) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file .cache/openapi.yaml

.PHONY: lint
lint: $(VENV)/.dev ## Style: ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: $(VENV)/.dev ## Repair the style where ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(VENV)/.dev ## Types: mypy --strict
	$(SCRATCH) $(BIN)/mypy $(wildcard $(SOURCES))

.PHONY: imports
imports: $(VENV)/.dev ## Who imports whom: import-linter
	PYTHONPATH=$(IMPORT_PATHS) $(BIN)/lint-imports

.PHONY: migrations-check
migrations-check: $(VENV)/.dev ## No model change without a migration
	$(SCRATCH) $(BIN)/python manage.py makemigrations --check --dry-run

.PHONY: schema
schema: $(VENV)/.runtime ## Write docs/openapi.yaml
	$(SCRATCH) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

.PHONY: conformance
conformance: test-setup ## The official MCP suite against every way to serve
	@$(BIN)/python -m tests.clients.mcp_sdk.conformance

.PHONY: bench
bench: $(VENV)/.test ## Measure throughput and latency (see docs/benchmarks.md)
	@$(BIN)/python -m tests.services --fsync -- $(BIN)/python -m benchmarks $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.test ## Write docs/images/*.png (needs Chromium)
	@$(BIN)/python -m scripts.screenshots

.PHONY: lock
lock: $(VENV)/.uv ## Resolve pyproject.toml again into requirements/*.txt
	$(call compile,,runtime)
	$(call compile,--extra test,test)
	$(call compile,--extra test --extra dev,dev)

.PHONY: clean
clean: ## Remove everything that can be made again; keeps $(DATA)
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist staticfiles
	rm -rf $(CLIENTS)/node_modules
	find '$(CURDIR)' -name __pycache__ -not -path '$(abspath $(DATA))/*' -prune -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------------
# One stamp per requirements file; dev contains test contains runtime.
.PRECIOUS: $(VENV)/.%
$(VENV)/.%: requirements/%.txt scripts/bootstrap.py
	@python=$$($(FIND_PYTHON)); if [ -z "$$python" ]; then \
	echo "No Python 3.11 or later found: looked for python3, python3.13, python3.12, python3.11."; \
	exit 1; fi; $$python scripts/bootstrap.py $(VENV) $< $@

$(VENV)/.uv: | $(VENV)/.runtime
	$(BIN)/python -m venv .cache/uv
	.cache/uv/bin/pip install --quiet uv
	@touch $@

# Real protocol clients for the tests of each face. Without npm those tests report what is missing.
$(CLIENTS)/node_modules/.installed: $(wildcard $(CLIENTS)/package.json $(CLIENTS)/package-lock.json)
	@if command -v npm >/dev/null; then \
	echo "Installing the JavaScript clients used by the tests"; \
	cd $(CLIENTS) && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.installed; \
	else echo "npm not found: tests with JavaScript clients cannot run"; fi

compile = .cache/uv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(1) -o requirements/$(2).txt
