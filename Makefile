# Works in a fresh clone with python3 (3.11 or newer) and make.
#
#   make run        the whole analysis of the demo scan, into results/
#   make test       lint, types, tests, and the notebooks compared with what they stored
#   make lint       only the first two
#   make bench      the benchmarks, each against its budget
#   make toys       the calibration of fits and p-values on simulated pixels
#   make notebooks  execute and clean the stored notebooks
#   make lab        JupyterLab on the notebooks
#   make clean      remove what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

NBVAL := --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg \
	--nbval-cell-timeout=120

.PHONY: help run test lint bench toys notebooks lab clean

help:
	@sed -n 's/^#   //p' Makefile

run: $(READY)
	$(BIN)/velonb run --out results

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --doctest-modules $(NBVAL) velonb tests notebooks

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks

toys: $(READY)
	$(BIN)/python -m benchmarks toys

notebooks: $(READY)
	$(BIN)/python scripts/notebooks.py

lab: $(READY)
	$(BIN)/velonb lab

# Set up once, and again only when pyproject.toml changes.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "velonb needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1):" \
	       "name a newer one with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[app,test]'
	@touch $@

clean:
	rm -rf $(VENV) data/demo results test-output build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
