# One command each: `make demo` to see it run, `make test` to see it hold. Both install what is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
SOURCES := domain db runtime routeros gateways radius accounting coa bss monitoring webadmin cli tests scripts
# Tests that share nothing run side by side; a third process on two cores only waits.
WORKERS ?= 2

.PHONY: help setup demo stop status test test-long test-fast check screenshots bench bench-million bench-live-change bench-panel storm payments faults fuzz fuzz-api format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: system packages, Python environment, front-end files
	@scripts/bootstrap run

demo: ## Start everything, seed a demo provider, make a real login, print the panel's address
	@scripts/bootstrap run
	@$(BIN)/lintas up --detach --demo
	@$(BIN)/lintas demo run

stop: ## Stop everything that was started here
	@test ! -x $(BIN)/lintas || $(BIN)/lintas stop

status: ## Say what runs and whether it is healthy
	@test -x $(BIN)/lintas || { echo "not set up; 'make demo' does it"; exit 0; }; $(BIN)/lintas status || true

test: ## Run the whole suite, with real servers and a browser
	@scripts/bootstrap test
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not live and not long" --ignore tests/browser
	@# Playwright keeps an event loop running in its process, in which no other test could run one of its own.
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not long" tests/browser
	@$(BIN)/pytest -m "live and not long" --ignore tests/browser

test-long: ## Open and call everything there is: every page, every route by every role, hostile text everywhere
	@scripts/bootstrap test
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "long and not live" --ignore tests/browser
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m long tests/browser
	@$(BIN)/pytest -m long tests/integration/live

test-fast: ## Run the tests that need no service, in seconds
	@scripts/bootstrap test
	@$(BIN)/pytest tests/unit tests/house

check: ## Lint, types, import contracts, dead code, dependencies, lock file
	@scripts/bootstrap test
	@scripts/check

screenshots: ## Have browser tests take the pictures of README and docs anew, in docs/images (their names: tests/browser/pictures.py)
	@scripts/bootstrap test
	@# api-docs, cash-desk, customer, customers, doctor, first-run, online, phone-customer, plan, router and today, all .png
	@PICTURES_FOLDER=docs/images $(BIN)/pytest tests/browser/test_pictures.py tests/browser/test_first_run.py \
		tests/browser/test_ten_jobs_on_the_network.py -k "not phone-chromium"

bench: ## Measure against stock FreeRADIUS with SQL; results in var/bench
	@scripts/bootstrap test
	@$(BIN)/lintas bench

bench-million: ## Measure a million subscribers beside ten thousand: cold start, rate, memory
	@scripts/bootstrap test
	@$(BIN)/lintas bench million

bench-live-change: ## Change a plan's speed for 50,000 live sessions on 20 routers, two of them dead, while staff click
	@scripts/bootstrap test
	@$(BIN)/lintas bench live-change

bench-panel: ## Ask every page of the panel with 100,000 customers and 20,000 of them online, and time its first paint
	@scripts/bootstrap test
	@$(BIN)/lintas bench panel

storm: ## Have 20,000 customers dial at the same moment, and time how soon all are online
	@scripts/bootstrap test
	@$(BIN)/lintas bench storm

payments: ## Have 10,000 payment events come at once over three channels, again and again, and see nobody credited twice
	@scripts/bootstrap test
	@PAYMENT_EVENTS=10000 $(BIN)/pytest tests/integration/gateways/test_crowd.py

faults: ## Break everything in turn under load (FAULTS=a1,b7 FAULT_RECORDS=100000); lines in var/faults
	@scripts/bootstrap test
	@PYTHONPATH=.:tests $(BIN)/python -m faults.runner

fuzz: ## Send 20,000 broken and made-up packets to both servers while customers log in
	@scripts/bootstrap test
	@FUZZ_PACKETS=20000 $(BIN)/pytest tests/packets/test_fuzz.py

fuzz-api: ## Send the API requests made from its own document for ten minutes (FUZZ_API_S=600), with all rights
	@scripts/bootstrap test
	@FUZZ_API_S=$${FUZZ_API_S:-600} $(BIN)/pytest -o log_cli=true --log-cli-level=WARNING tests/integration/api/test_contract.py

format: ## Put the code into its one format
	@scripts/bootstrap test
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

clean: ## Remove caches and the environment; var, with its data, stays
	rm -rf .venv node_modules webadmin/static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
