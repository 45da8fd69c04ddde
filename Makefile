# make benchmark: environment, the benchmark in params.yaml as `dvc repro` makes it but several stages at once
#                 (JOBS=1: one), the result table
# make test:      environment, linter, tests
# make drills:    kills, full disks, damaged files, a cluster of three nodes; what came out is docs/drills.md's table
# make test-lowest: the tests with the oldest versions that pyproject.toml allows (an environment of its own: 6 GB)
PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)  # stages run `python`

.PHONY: benchmark test test-lowest drills lint clean

benchmark: .venv/installed
	$(BIN)/python -m stages.run $(if $(JOBS),--jobs $(JOBS))
	@$(BIN)/python -m stages.reports --show

test: .venv/installed lint
	$(BIN)/python -m pytest -n auto

drills: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev,cluster]'
	DRILLS=.store/drills.md $(BIN)/python -m pytest -n 0 -m slow tests/test_run.py tests/test_prune.py tests/drills

test-lowest: .lowest/installed
	PATH=$(CURDIR)/.lowest/bin:$$PATH .lowest/bin/python -m pytest -n auto

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

# Made once; again when the dependencies change.
.venv/installed: pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# What the pipeline made here; the environment and DVC's cache stay.
clean:
	rm -rf .store .pytest_cache .ruff_cache .hypothesis data/sources data/targets data/zoo features labels scores reports
