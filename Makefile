# The commands of the project; each makes .venv by itself when it is missing or older than the lock.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test lint format lock clean
.DEFAULT_GOAL := demo

demo: .venv/installed ## train, evaluate and predict on drawn people; leaves output/demo/contact_sheet.png
	$(BIN)/python tools/demo.py

test: .venv/installed ## the whole test suite
	$(BIN)/python -m pytest

lint: .venv/installed ## style, spelling, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

lock: ## compile requirements.txt from pyproject.toml and overrides.txt (needs uv)
	uv pip compile pyproject.toml --all-extras --override overrides.txt --generate-hashes --python-version 3.11 \
	    --python-platform x86_64-manylinux_2_28 --no-emit-index-url --custom-compile-command "make lock" \
	    --quiet --output-file requirements.txt

clean:
	rm -rf .venv output
