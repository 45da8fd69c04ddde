# `make` lists the targets. JOBS: stages at once. BENCHMARK: mini, or a file of orbweaver/pipeline/benchmarks.
PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)  # stages run `python`
export PYTHONDONTWRITEBYTECODE :=  # else every process compiles all code anew, and pytest rewrites all tests

.PHONY: help benchmark benchmark-tasks test test-slow test-browser test-lowest drills drills-mini test-catalogue lint docs docs-results clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

benchmark: .venv/installed ## set up, run params.yaml (or BENCHMARK=name), several stages at once, show the table
	$(if $(BENCHMARK),$(BIN)/python -m orbweaver.pipeline.choose $(BENCHMARK))
	$(BIN)/python -m orbweaver.pipeline.run $(if $(JOBS),--jobs $(JOBS))
	@$(BIN)/python -m stages.reports --show

benchmark-tasks: ## the same for the benchmark `tasks`: captions, questions, boxes
	$(MAKE) benchmark BENCHMARK=tasks

test: .venv/installed lint ## environment, linter, tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: .venv/installed ## every test that takes longer than seconds
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

test-browser: .venv/installed ## of the slow tests: the report and the ranking as pages, in the system's Chromium
	$(BIN)/python -m pip install --quiet --editable '.[dev,browser]'
	$(BIN)/python -m pytest -n 0 -m slow tests/report/test_browser.py

test-catalogue: .venv/installed ## of the slow tests: every PTM of the catalogue at its real size
	$(BIN)/python -m pytest -m slow tests/models

drills: .venv/installed ## of the slow tests: runs that are killed, out of disk space, two at once, on nodes that die
	$(BIN)/python -m pip install --quiet --editable '.[dev,cluster]'
	mkdir -p .store
	DRILLS=.store/drills.md $(BIN)/python -m pytest -n 0 -m slow -k 'not mini' tests/pipeline/test_run.py tests/pipeline/test_prune.py tests/drills

drills-mini: .venv/installed ## of the slow tests: mini on Ray nodes that die
	$(BIN)/python -m pip install --quiet --editable '.[dev,cluster]'
	$(BIN)/python -m pytest -n 0 -m slow -k mini tests/drills/test_cluster.py

test-lowest: .lowest/installed ## the tests with the oldest versions that pyproject.toml allows (6 GB)
	PATH=$(CURDIR)/.lowest/bin:$$PATH .lowest/bin/python -m pytest -n auto --dist worksteal

.lowest/installed: pyproject.toml
	$(PYTHON) -m venv .lowest
	.lowest/bin/python -m pip install --quiet uv
	.lowest/bin/uv pip compile --quiet --resolution lowest-direct --extra dev pyproject.toml --output-file .lowest/versions.txt
	.lowest/bin/uv pip install --quiet --python .lowest/bin/python --requirement .lowest/versions.txt
	.lowest/bin/uv pip install --quiet --python .lowest/bin/python --no-deps --editable .
	touch $@

lint: .venv/installed ## ruff, and a check of the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

docs: .venv/docs ## the documentation site, into site/; a warning or a dead link fails
	$(BIN)/python -m docs.site

docs-results: .venv/installed ## put committed results into the pages that show them
	$(BIN)/python -m docs.site.results

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	touch $@

# Made once; again when the dependencies change.
.venv/installed: pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean: ## remove what the pipeline made here; the environment and DVC's cache stay
	rm -rf .store .docs site .pytest_cache .ruff_cache .hypothesis data/sources data/targets data/zoo features labels scores reports
