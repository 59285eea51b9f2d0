# Everything runs in .venv, which `make setup` makes; any other goal makes it first.

# What to make .venv with, if not python3 and the torch of requirements/torch.txt:
#   make demo PYTHON=python3.11
#   make demo TORCH=torch==2.8.0
PYTHON ?=
TORCH ?=
PYTEST_ARGS ?=

VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint clean

help:
	@echo 'make setup   install everything into .venv (the other goals do it by themselves)'
	@echo 'make demo    train a small RSN, evaluate it and draw its predictions'
	@echo 'make test    run the tests; PYTEST_ARGS="-k codec" selects'
	@echo 'make lint    check the style and the types'
	@echo 'make clean   remove .venv and what builds and caches leave; results are kept'
	@echo 'PYTHON=python3.11 and TORCH=torch==2.8.0 choose what .venv is made with.'

setup:
	@PYTHON='$(PYTHON)' TORCH='$(TORCH)' bash tools/setup_env.sh $(firstword $(MAKECMDGOALS))

demo: setup
	$(VENV_PYTHON) demo/run_demo.py

# One thread per process: the tests are small, and the processes already share the cores.
test: setup
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -n 2 $(PYTEST_ARGS)

lint: setup
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy

clean:
	rm -rf .venv .venv.lock build dist rsn_mm.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
