# Everything a newcomer and the continuous integration run. Needs python3 with venv, nothing else.
#
#   make quickstart                    from nothing to a compressed, exported generator
#   make test PYTEST_ARGS="-k grid"    some of the tests
#   make PYTHON=python3.12 VENV=../venv test

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
# Folder of the quickstart's run; empty: runs/quickstart-<n>.
RUN ?=

BIN := $(VENV)/bin
PACKAGING := setup.cfg setup.py pyproject.toml

.PHONY: help quickstart test test-portable test-robustness test-slow check docs dist format clean
.DELETE_ON_ERROR:

help:
	@echo "make quickstart   train, compress, check and export a generator of digits (5 minutes)"
	@echo "make test         run the tests"
	@echo "make test-portable  run the tests with the kernels of other processors"
	@echo "make test-robustness  run thousands of hostile inputs against all that reads"
	@echo "make test-slow    run the tests that take minutes each"
	@echo "make check        lint, formatting, types, which room imports which, the documentation"
	@echo "make docs         build the documentation site"
	@echo "make dist         build sdist and wheel, and try the wheel away from the checkout"
	@echo "make format       let ruff mend what it can"
	@echo "make clean        remove $(VENV) and what tools left behind; runs/ stays"

quickstart: $(VENV)/.installed-onnx
	$(BIN)/gancompress run recipes/quickstart.yaml $(if $(RUN),--run $(RUN))

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

# What differs between processors is which kernels PyTorch, oneDNN and the BLAS choose; these settings
# choose others. The last run does without oneDNN.
PORTABLE ?= ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE MKL_CBWR=AVX2 \
	OMP_NUM_THREADS=2 PYTEST_PLUGINS=tests.without_onednn

test-portable: $(VENV)/.installed-dev
	@set -e; for setting in $(PORTABLE); do echo "$$setting"; \
		env $$setting $(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS); done

# The same tests on more hostile inputs.
test-robustness: $(VENV)/.installed-dev
	ROBUSTNESS_INPUTS=100 $(BIN)/python -m pytest -n auto tests/robustness $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto -m slow $(PYTEST_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) docs

# Warnings are errors: a page that is in no menu, a link to nowhere, an argument that is not explained.
docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "build/site/index.html"

# DIST_ARGS=--download tries the wheel with dependencies that are installed anew, not lent.
dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build --quiet --outdir dist .
	$(BIN)/python tests/try_wheel.py $(DIST_ARGS) dist/*.whl

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find gancompress tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per set of extras: nothing is installed again until the packaging changes.
$(VENV)/.installed-%: $(PACKAGING) | $(BIN)/python
	@echo "installing gancompress[$*] into $(VENV); PyTorch is large: this takes some minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "gancompress needs Python 3.10 or newer; $(PYTHON) is missing or older:" \
		"make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -f $(BIN)/python; echo "$(PYTHON) cannot make virtual environments:" \
		"install its venv package (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
