# make benchmark: environment, the benchmark in params.yaml as `dvc repro` makes it but several stages at once
#                 (JOBS=1: one), the result table; BENCHMARK=name puts one of orbweaver/pipeline/benchmarks there first (mini is
#                 the committed one)
# make test:      environment, linter, tests
# make test-slow: everything that takes longer than that; of it
#   make drills:         runs of a tiny benchmark that are killed, out of space, twice at once, on nodes that die
#   make drills-mini:    the mini benchmark on Ray nodes that die
#   make test-catalogue: every PTM of the catalogue at its real size
# make test-lowest: the tests with the oldest versions that pyproject.toml allows (an environment of its own: 6 GB)
PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)  # stages run `python`

.PHONY: benchmark benchmark-tasks test test-slow test-lowest drills drills-mini test-catalogue lint clean

benchmark: .venv/installed
	$(if $(BENCHMARK),$(BIN)/python -m orbweaver.pipeline.choose $(BENCHMARK))
	$(BIN)/python -m orbweaver.pipeline.run $(if $(JOBS),--jobs $(JOBS))
	@$(BIN)/python -m stages.reports --show

benchmark-tasks:
	$(MAKE) benchmark BENCHMARK=tasks

test: .venv/installed lint
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: .venv/installed
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

test-catalogue: .venv/installed
	$(BIN)/python -m pytest -m slow tests/models

drills: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev,cluster]'
	mkdir -p .store
	DRILLS=.store/drills.md $(BIN)/python -m pytest -n 0 -m slow -k 'not mini' tests/pipeline/test_run.py tests/pipeline/test_prune.py tests/drills

drills-mini: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev,cluster]'
	$(BIN)/python -m pytest -n 0 -m slow -k mini tests/drills/test_cluster.py

test-lowest: .lowest/installed
	PATH=$(CURDIR)/.lowest/bin:$$PATH .lowest/bin/python -m pytest -n auto --dist worksteal

.lowest/installed: pyproject.toml
	$(PYTHON) -m venv .lowest
	.lowest/bin/python -m pip install --quiet uv
	.lowest/bin/uv pip compile --quiet --resolution lowest-direct --extra dev pyproject.toml --output-file .lowest/versions.txt
	.lowest/bin/uv pip install --quiet --python .lowest/bin/python --requirement .lowest/versions.txt
	.lowest/bin/uv pip install --quiet --python .lowest/bin/python --no-deps --editable .
	touch $@

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

# Made once; again when the dependencies change.
.venv/installed: pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# What the pipeline made here; the environment and DVC's cache stay.
clean:
	rm -rf .store .pytest_cache .ruff_cache .hypothesis data/sources data/targets data/zoo features labels scores reports
