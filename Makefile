# One command each: `make demo` shows what the tool does, `make test` passes every test. Both set themselves up.
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test test-all engines bench bench-harness bench-todo chaos chaos-engines bench-engines lint types format coverage wheel-test docs pictures record browser interpreters clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /: /'

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: see https://www.python.org/downloads/"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml constraints.txt
	@echo "setting up $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --editable .
	@$(BIN)/python -m compileall -q selector  # pip does this for a wheel; the first start is as fast as the next
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@echo "installing the development tools ..."
	@$(PIP) install --constraint constraints.txt --group dev
	@touch $@

$(VENV)/.engines: $(VENV)/.dev
	@echo "installing the engines that tests run ..."
	@$(PIP) install --constraint constraints.txt --group engines
	@if [ "$$CI" = true ]; then .ci/redis; fi
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@echo "installing what builds the pages as a site ..."
	@$(PIP) install --constraint constraints.txt --group docs
	@touch $@

demo: $(VENV)/.installed ## recommend an approach for a real workload
	@$(BIN)/concurrency-selector recommend examples/web-scraper.json

# tests read hundreds of modules, in each worker and in the processes they start: compiled once, wherever this is run
test test-all coverage: export PYTHONDONTWRITEBYTECODE =

WHICH ?= not slow
test: $(VENV)/.dev ## run the tests; what takes minutes by nature is in test-all
	@$(BIN)/python -m pytest -m "$(WHICH)"

engines: $(VENV)/.engines ## install Celery, RQ, Dask, Dramatiq and huey for the tests that run them

test-all: $(VENV)/.engines ## every test, also what takes minutes by nature
	@$(BIN)/python -m pytest -m ""

coverage: $(VENV)/.dev ## run every test and hold the branch coverage of selector/ to its floor
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -m ""
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

bench: $(VENV)/.dev ## measure the speeds we promise, as ratios in one run
	@$(BIN)/python benchmarks/bench.py

bench-harness: $(VENV)/.dev ## measure what the benchmark harness itself costs, against the same written by hand
	@$(BIN)/python benchmarks/overhead.py

bench-todo: $(VENV)/.dev ## measure what the todo batch system promises: same results, speedups, overhead, memory
	@$(BIN)/python benchmarks/todo_batch.py

chaos: $(VENV)/.dev ## 100 runs in which workers are killed, hang, raise and eat memory
	@$(BIN)/python benchmarks/chaos.py 100

chaos-engines: $(VENV)/.engines ## kill workers, brokers and submitters of each engine, and count what is lost (ARGS="--runs 5 ...")
	@$(BIN)/python benchmarks/chaos_engines.py $(ARGS)

bench-engines: $(VENV)/.engines ## engines on three hosts, network namespaces with a delay between them (Linux, root)
	@$(BIN)/python benchmarks/bench_engines.py $(ARGS)

lint: $(VENV)/.dev ## check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## check types
	@$(BIN)/mypy

format: $(VENV)/.dev ## mend style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

wheel-test: $(VENV)/.dev ## build sdist and wheel, install the wheel elsewhere, run it in an empty folder
	@PYTHON=$(BIN)/python .ci/wheel-test

ON_PAGES := README.md CHANGELOG.md CONTRIBUTING.md LICENSE docs rules programs selector
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.docs ## build the pages as a site, in site/; every link and anchor must lead somewhere, and nothing be loaded
	@mkdir -p build/pages && ln -sfn $(addprefix ../../,$(ON_PAGES)) build/pages/
	@$(BIN)/mkdocs build --strict --quiet; code=$$?; rm -r build/pages; exit $$code  # hatchling would follow the links
	@if grep -rnoE '<(script|link|img)[^>]+(src|href)="?https?://[^>]*' site --include='*.html'; then exit 1; fi
	@echo "site/index.html"

pictures: $(VENV)/.dev ## make docs/session.svg, report.html and report.png again, from docs/recorded (needs Chromium: make browser)
	@UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q -n 0 -m "" tests/test_pictures.py

record: $(VENV)/.dev ## measure the function of the README again for docs/recorded, and make the pictures: on a quiet machine
	@$(BIN)/python benchmarks/record.py
	@$(MAKE) pictures

browser: ## put Chromium and axe-core on this machine, with which pages are tested (Debian, as root)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	|| apt-get install --yes --no-install-recommends chromium chromium-driver
	@test -f node_modules/axe-core/axe.min.js || npm install --silent --no-save axe-core

interpreters: ## put Python 3.14, 3.15 and a free-threaded build on this machine
	@if test -x ../shared/interpreters/install; then ../shared/interpreters/install; \
	else echo "run: uv python install 3.14 3.15 3.14t"; fi

clean: ## remove what make made
	@rm -rf $(VENV) .venv-* node_modules dist build site .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
