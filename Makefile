# Works in a fresh clone with python3 (3.11 or newer) and make.
#
#   make run          the whole analysis of the demo scan, into results/
#   make test         lint, types, tests, and the notebooks compared with what they stored
#   make test-lowest  make test with the oldest versions that pyproject.toml allows
#   make lint         only the lint and the types
#   make bench        the benchmarks, each against its budget
#   make toys         the calibration of fits and p-values on simulated pixels
#   make notebooks    execute and clean the stored notebooks
#   make lab          JupyterLab on the notebooks
#   make clean        remove what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOWEST_VENV := .venv-lowest
LOWEST_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
LOWEST_BIN := $(LOWEST_VENV)/bin
LOWEST_READY := $(LOWEST_VENV)/.ready

NBVAL := --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg \
	--nbval-cell-timeout=120
TESTS := -m pytest -n 2 --dist loadfile --doctest-modules $(NBVAL) velonb tests notebooks

.PHONY: help run test test-lowest lint bench toys notebooks lab clean

help:
	@sed -n 's/^#   //p' Makefile

run: $(READY)
	$(BIN)/velonb run --out results

test: lint
	$(BIN)/python $(TESTS)

# Without lint, which judges the code by the newest of everything.
test-lowest: $(LOWEST_READY)
	$(LOWEST_BIN)/python $(TESTS)

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
	$(BIN)/velonb warm
	@touch $@

# Wheels alone: what had to be compiled would fail late and say little.
$(LOWEST_READY): pyproject.toml scripts/lowest.py
	$(LOWEST_PYTHON) -m venv --clear $(LOWEST_VENV)
	$(LOWEST_BIN)/python scripts/lowest.py pyproject.toml > $(LOWEST_VENV)/lowest.txt
	@$(LOWEST_BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --only-binary :all: --requirement $(LOWEST_VENV)/lowest.txt editables || { \
	  echo "The oldest versions that pyproject.toml allows could not be installed; pip says why" \
	       "above. It takes the network and wheels for $$($(LOWEST_BIN)/python --version):" \
	       "name another Python with make test-lowest LOWEST_PYTHON=..." >&2; exit 1; }
	$(LOWEST_BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	$(LOWEST_BIN)/python -m pip check
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST_VENV) data/demo results test-output build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
