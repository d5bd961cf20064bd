# Every task of this repository, one line each; the longer ones are programs in scripts/.
# Setup is part of each and takes no time when nothing changed.

.PHONY: help setup demo test test-all check bench docs lock build clean

help:           ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup:          ## make .venv from requirements.lock (PYTHON=... chooses the interpreter)
	@scripts/setup

demo: setup     ## serve a generated shop and handbook on 127.0.0.1
	@exec .venv/bin/dragoman demo

test: setup     ## run the tests, but for the slow ones
	@scripts/test -m "not slow"

test-all: setup ## run every test
	@scripts/test

check: setup    ## formatting, lint and types
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet . && .venv/bin/mypy

bench: setup    ## compare speed with other projects (OPTIONS="--quick --rows call" and more: benchmarks/README.md)
	@.venv/bin/python benchmarks/bench.py $(OPTIONS)

docs: setup     ## write the generated pages of docs/reference
	@.venv/bin/python scripts/docs.py

lock: setup     ## write requirements.lock anew (UPGRADE=1 takes the newest of everything)
	@scripts/lock $(if $(UPGRADE),--upgrade)

build: setup    ## write the wheel and the source archive to dist/
	@.venv/bin/python -m hatchling build

clean:          ## remove what the other tasks made
	@rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist demo
