# What a developer types. Every recipe is a step of .ci/run, so CI and your machine agree.

# list the recipes
default:
    @just --list --unsorted

# everything CI runs
check:
    .ci/run

# the fast half: everything but tests and the wheel
lint:
    .ci/run format lint types contracts

# the documentation as a site, in site/
docs:
    .ci/run docs

# tests, with pytest's arguments
test *args:
    .venv/bin/python -m pytest {{args}}

# rewrite what tools can rewrite
fix:
    .venv/bin/ruff check --fix . && .venv/bin/ruff format .
