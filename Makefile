# Every target works on a bare clone with only Python (3.11 or newer) and make: the environment is made first.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-fast coverage check bench format hooks constraints clean

help:            ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/runtime    ## tune learning rate and momentum of a small network on handwritten digits
	$(BIN)/surefoot tune digits

test: .venv/dev  ## run the whole test suite
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(if $(CI),--durations=25)

test-fast: .venv/dev ## a minute, after an edit: unit tests, those that draw pictures left out; TESTS=tests/unit/search for a room
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "not slow" $(or $(TESTS),tests/unit)

coverage: .venv/dev ## the same, and which lines no test reaches
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --cov --cov-report=term-missing:skip-covered

check: .venv/dev ## lint, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every part goes on where it was broken off. What was measured is data in benchmarks/data: delete it to measure anew.
bench: .venv/bench ## measure, beside the alternatives; hours, or minutes with QUICK=1
	$(BIN)/python -m benchmarks.fleet $(if $(QUICK),digits --rounds 2 --json benchmarks/data/quick/fleet.json,--json benchmarks/data/fleet.json)
	$(BIN)/python -m benchmarks.memory $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.driver $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.cold_start $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.deadline $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.diagnosis.generate $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.diagnosis.verdicts $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.diagnosis.log_verdicts $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.event_reader $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.watch $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.watch_alarms $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.claims $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.play $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.regret $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.regret.wall $(if $(QUICK),--tasks digits-conv)
	$(BIN)/python -m benchmarks.good_range $(if $(QUICK),--quick)
	$(BIN)/python -m benchmarks.report $(if $(QUICK),--quick)

format: .venv/dev ## put the code in shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

hooks: .venv/dev ## run the checks before every commit
	$(BIN)/pre-commit install

constraints:     ## pin anew what a fresh environment resolves to
	rm -rf .venv-fresh && $(PYTHON) -m venv .venv-fresh
	.venv-fresh/bin/python -m pip install --quiet --upgrade pip
	.venv-fresh/bin/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	.venv-fresh/bin/python -m pip install --quiet --editable . --group dev --group bench
	head -2 constraints.txt > .venv-fresh/constraints.txt
	.venv-fresh/bin/python -m pip freeze --exclude-editable | sed 's/^\(torch==[^+]*\).*/\1/' >> .venv-fresh/constraints.txt
	mv .venv-fresh/constraints.txt constraints.txt && rm -rf .venv-fresh

clean:           ## remove the environment and what tools left behind
	rm -rf .venv .venv-fresh .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage

# torch goes first and by itself, so that pip takes the pinned build and nothing that another package would pull.
.venv/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(INSTALL) torch
	$(INSTALL) --editable .
	@touch $@

.venv/dev: .venv/runtime
	$(INSTALL) --group dev
	@touch $@

.venv/bench: .venv/dev
	$(INSTALL) --group bench
	@touch $@
