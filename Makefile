# Needs Python 3.11 or newer, make and, the first time, the network.  `make help` lists what there is to do.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# The interpreter is looked up only when an environment has to be made.  `make PYTHON=/path/to/python ...` decides otherwise.
MODERN := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON = $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$python -c '$(MODERN)' 2>/dev/null && { echo $$python; break; }; done)

# Locked, hashed and complete, so pip need not resolve anything.
INSTALL = $(BIN)/python -m pip --disable-pip-version-check install -qq --no-deps
# One answer for every Python from 3.11 on and every platform: names, versions and hashes, and no word on where they came from.
LOCK = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" $(ARGS)
define BUILD_REQUIRES
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
endef
export BUILD_REQUIRES
UV = $(BIN)/uv
ROOT_MAY := $(shell test "$$(id -u)" = 0 && echo --allow-root)

.DEFAULT_GOAL := help
.PHONY: help lab test lint types pytest pytest-kit pytest-pages pytest-lab reference torture sanitize valgrind leaks bench setup lock pictures binder-check badge clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

lab: $(VENV)/lab.stamp  ## open the tour in JupyterLab; ARGS="--no-browser --port=9000" go to jupyter
	$(BIN)/jupyter lab $(ROOT_MAY) --LabApp.default_url=/lab/tree/01-tour.ipynb $(ARGS) notebooks/01-tour.ipynb

# With JOBS=2 two of these run at a time, and each says what it has to say at its end: for CI, which nobody watches.
JOBS ?= 1
TESTS = lint types $(if $(ARGS),pytest,pytest-pages pytest-kit pytest-lab) reference
test: $(VENV)/dev.stamp  ## style, types and every test; ARGS="-k words" go to pytest
	@if $(MAKE) --no-print-directory --keep-going --jobs=$(JOBS) $(if $(filter-out 1,$(JOBS)),--output-sync=target) \
		$(TESTS) ARGS='$(ARGS)'; then echo "make test: all passed"; else echo "make test: failed, see above"; exit 1; fi

lint: $(VENV)/dev.stamp  ## ruff: rules and format
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .

types: $(VENV)/dev.stamp  ## mypy, strict
	$(BIN)/mypy

pytest: $(VENV)/dev.stamp  ## the tests alone: kit's examples, tests/, notebooks, browser
	$(BIN)/python -m pytest -q $(ARGS)

# Three runs, so that two of them can go side by side: what waits for pages and kernels, the kit, and the lab.
PAGES = tests/browser tests/notebooks
LAB = kit/rcu tests/rcu
pytest-kit: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q $(LAB:%=--ignore=%) $(PAGES:%=--ignore=%)

pytest-pages: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -p no:cacheprovider $(PAGES)

pytest-lab: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -p no:cacheprovider $(LAB)

reference: $(VENV)/dev.stamp  ## the tests of the markers and their contract once more, on the dispatcher in Python
	@echo "KIT_DISPATCH=python, where the tests above had $$($(BIN)/python -c 'import kit; print(kit.dispatcher)')"
	@KIT_DISPATCH=python $(BIN)/python -m pytest -q tests/core tests/contract $(ARGS) || { status=$$?; test $$status = 5 || exit $$status; }

# In Python without `locals`: CPython keeps something of each of those threads, see docs/contract.md, rule 28.
TORTURE = $(BIN)/python -m kit.torture --everything $(or $(ARGS),--seconds 150)
torture: $(VENV)/dev.stamp  ## everything at once, 5 minutes, both dispatchers side by side; ARGS="--seconds 1800 --seed 7"
	@printf '%s\n' 'KIT_DISPATCH=c $(TORTURE)' 'KIT_DISPATCH=python $(TORTURE) --without locals' | xargs -P 2 -I WHICH sh -c WHICH

sanitize: $(VENV)/dev.stamp  ## the C extension under gcc's sanitizers; ARGS="tests/contract -k words" go to pytest
	$(BIN)/python -m tests.c.checked sanitize $(ARGS)

valgrind: $(VENV)/dev.stamp  ## the C extension under valgrind, which takes an hour; ARGS as for sanitize
	$(BIN)/python -m tests.c.checked valgrind $(ARGS)

leaks: $(VENV)/dev.stamp  ## a million connects, records and reads: is anything left behind?
	$(BIN)/python -m tests.c.leaks $(or $(ARGS),1000000)

bench: $(VENV)/dev.stamp $(VENV)/bench.stamp  ## the table of speed, peers beside it; ARGS=--quick
	$(BIN)/python -m tests.benchmarks $(ARGS)

setup: $(VENV)/dev.stamp  ## make the environment and nothing else

pictures: $(VENV)/dev.stamp  ## take the README's pictures again, in a real browser
	$(BIN)/python -m tests.browser.pictures $(ARGS)

binder-check: $(VENV)/dev.stamp  ## what Binder would do, without Docker
	$(BIN)/python -m tests.project.binder $(ARGS)

badge:  ## the Binder badge of the GitHub repository that the remote "origin" names
	@repository=$$(git remote get-url origin 2>/dev/null | sed -nE 's#.*github\.com[:/]([^/]+/[^/]+)$$#\1#p' | sed 's/\.git$$//'); \
	test -n "$$repository" || { echo "The remote \"origin\" is not a GitHub repository; Binder needs one it can clone."; exit 1; }; \
	echo "[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/$$repository/HEAD?urlpath=lab/tree/notebooks/01-tour.ipynb)"

lock: $(VENV)/dev.stamp  ## resolve requirements/ again (ARGS=--upgrade for the newest), for every Python and platform
	@set -e; $(BIN)/python -c "$$BUILD_REQUIRES" > $(VENV)/build.in; \
	$(LOCK) pyproject.toml $(VENV)/build.in --extra lab -o requirements/lab.txt; \
	$(LOCK) pyproject.toml $(VENV)/build.in --extra test -c requirements/lab.txt -o requirements/test.txt; \
	$(LOCK) pyproject.toml $(VENV)/build.in --extra dev -c requirements/lab.txt -c requirements/test.txt -o requirements/dev.txt; \
	$(LOCK) pyproject.toml $(VENV)/build.in --extra bench -c requirements/dev.txt -o requirements/bench.txt; \
	cp requirements/lab.txt binder/requirements.txt

clean:  ## remove the environment and everything the tools left behind
	rm -rf $(VENV) $(VENV)-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/browser/screenshots
	find kit tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python.stamp:
	@test -n "$(PYTHON)" || { echo "markers-kit needs Python 3.11 or newer with venv and ensurepip (on Debian: apt install python3-venv)."; \
		echo "None was found on PATH; name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@"$(PYTHON)" -c '$(MODERN)' 2>/dev/null || { echo "$(PYTHON) is not what markers-kit needs: Python 3.11 or newer with venv and ensurepip."; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

# A stamp is newer than the pins and the metadata it was made from: the second call installs nothing.
# dev.txt holds all of lab.txt at the same versions.
$(VENV)/%.stamp: $(VENV)/python.stamp requirements/%.txt pyproject.toml binder/overrides.json
	@echo "Installing $$(grep -c '^[a-z].*==' requirements/$*.txt) pinned packages (requirements/$*.txt); half a minute, once"
	@$(INSTALL) --require-hashes -r requirements/$*.txt
	@$(INSTALL) --no-build-isolation -e .
	@mkdir -p $(VENV)/share/jupyter/lab/settings && cp binder/overrides.json $(VENV)/share/jupyter/lab/settings/
	@touch $@ $(if $(findstring dev,$@),$(VENV)/lab.stamp)
