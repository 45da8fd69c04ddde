# make benchmark: environment, the benchmark in params.yaml as `dvc repro` makes it but several stages at once
#                 (JOBS=1: one), the result table
# make test:      environment, linter, tests
PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)  # stages run `python`

.PHONY: benchmark test lint clean

benchmark: .venv/installed
	$(BIN)/python -m stages.run $(if $(JOBS),--jobs $(JOBS))
	@$(BIN)/python -m stages.reports --show

test: .venv/installed lint
	$(BIN)/python -m pytest -n auto

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
