# Everything runs in .venv. `make setup` builds it, and every other goal builds it first if needed.

# To build .venv with another Python than python3 or another torch than requirements/torch.txt:
#   make demo PYTHON=python3.11
#   make demo TORCH=torch==2.8.0
PYTHON ?=
TORCH ?=
PYTEST_ARGS ?=

VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint clean

help:
	@echo 'make setup   install everything into .venv (the other goals do this first)'
	@echo 'make demo    train a small RSN, evaluate it and draw its predictions'
	@echo 'make test    run all tests; COVERAGE=yes prints the coverage, PYTEST_ARGS="-k codec" selects tests'
	@echo 'make lint    check the style and the types'
	@echo 'make clean   remove .venv, build outputs and caches, and keep results'
	@echo 'PYTHON=python3.11 and TORCH=torch==2.8.0 choose the Python and the torch of .venv.'

setup:
	@PYTHON='$(PYTHON)' TORCH='$(TORCH)' bash tools/setup_env.sh $(firstword $(MAKECMDGOALS))

demo: setup
	$(VENV_PYTHON) demo/run_demo.py

# One thread per process: the tests are small, and the processes already share the cores. They start
# many others, each of which would compile this package anew if none wrote what it has compiled.
# In the order of files: by default, those with few tests come last, and some of them take a minute.
# Coverage is of the whole suite: a selection of tests does not print it. Before Python 3.12, counting
# lines takes half of the time again, so it must be asked for: COVERAGE=yes.
COVERAGE ?= $(shell $(VENV_PYTHON) -c 'import sys; print("yes" if sys.version_info >= (3, 12) else "no")')
test: setup
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest \
		-n 2 --dist loadfile --no-loadscope-reorder \
		$(if $(PYTEST_ARGS),,$(if $(filter yes,$(COVERAGE)),--cov --cov-report=term:skip-covered)) \
		$(PYTEST_ARGS)

lint: setup
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy

clean:
	rm -rf .venv .venv.lock build dist rsn_mm.egg-info .pytest_cache .ruff_cache .coverage*
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
