PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUT ?= runs/toy

.PHONY: demo test coverage install docs clean

demo: $(VENV)/.installed  ## install, run the main job, print where the report is
	$(BIN)/prm run recipes/toy.yaml --out $(OUT)

test: $(VENV)/.installed-dev  ## format, lint, types, layers, generated docs, all tests
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/python -m prmkit.cli.docs --check
	$(BIN)/python -m pytest -q

# a process that a test kills leaves its measurements half written: a warning, and a file to remove
coverage: $(VENV)/.installed-dev  ## all tests, and which lines and branches they reach
	$(BIN)/python -m pytest -q --cov --cov-report=term --cov-report=html
	rm -f .coverage.*

docs: $(VENV)/.installed  ## write the generated pages of docs/
	$(BIN)/python -m prmkit.cli.docs

install: $(VENV)/.installed

# torch goes first and pinned: an open range would let pip choose a build that needs gigabytes
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "prmkit needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local,report,dev]'
	touch $@

clean:  ## remove the virtual environment and caches; runs are kept
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
