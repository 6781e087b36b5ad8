# Everything that a person or the CI does here. `make help` lists it.

VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(FITS)' 2>/dev/null && { echo $$p; break; }; done)
NO_PYTHON := Heartward needs Python 3.11 or newer with its venv module (Debian: apt-get install \
	python3-venv). Name one: make PYTHON=/path/to/python3.12

# Some benchmarks load the runtime by themselves: it shall report to nobody.
export ORT_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-parts test-units lint format bench chaos histories test-slow \
	constraints

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(RUN_STAMP) ## Watch a simulated ward of 12 beds come alive (ARGS="--beds 4" for others)
	@exec $(BIN)/heartward demo $(ARGS)

setup: $(DEV_STAMP) ## Make .venv with all that demo, tests and benchmarks need

# Two cores are kept busy: the tests of whole parts start servers of their own and mostly wait for
# them, so three files go at once, in the order of `tests/conftest.py`. Unit tests share nothing and
# compute, and take what time those leave.
test: lint ## Check style, types and layers, then run every test but the slow ones
	@$(MAKE) --no-print-directory --jobs=2 test-parts test-units

# Java's quick compiler alone: the other takes longer than most of these servers live.
test-parts: $(DEV_STAMP) ## Run the tests of whole parts, on real servers, alone
	OMP_NUM_THREADS=1 JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 \
		$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/unit

test-units: $(DEV_STAMP) ## Run the unit tests alone
	OMP_NUM_THREADS=1 nice -n 10 $(BIN)/pytest -n 2 --dist loadfile tests/unit

lint: $(DEV_STAMP) ## Check style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(DEV_STAMP) ## Put the code into its standard form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-slow: $(DEV_STAMP) ## Run the slow tests: full size, long outages, the other broker
	$(BIN)/pytest -m slow

bench: $(DEV_STAMP) ## Measure every figure of the README; JSON goes to bench-results/
	$(BIN)/python -m tests.benchmarks

chaos: $(DEV_STAMP) ## Kill and pause every part under load; JSON goes to bench-results/
	$(BIN)/pytest -m "slow or not slow" -s tests/chaos

histories: $(DEV_STAMP) ## Check the alarms over 10,000 random histories with deaths in between
	$(BIN)/pytest -m slow tests/unit/stream_processors/alarms

constraints: ## Pin the newest versions that fit pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)-pins
	$(VENV)-pins/bin/pip install --quiet --editable '.[embedded,bench,console,dashboards,test]'
	$(VENV)-pins/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	rm -rf $(VENV)-pins

$(RUN_STAMP): EXTRAS := embedded,console
$(RUN_STAMP): DONE := $(RUN_STAMP)
$(DEV_STAMP): EXTRAS := embedded,training,bench,test
$(DEV_STAMP): DONE := $(RUN_STAMP) $(DEV_STAMP)
$(RUN_STAMP) $(DEV_STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "$(NO_PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' || { echo "$(NO_PYTHON)" >&2; exit 1; }
	@echo "Installing into $(VENV) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile \
		--constraint constraints.txt --editable '.[$(EXTRAS)]'
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib || true # pip would on one core
	@touch $(DONE)
