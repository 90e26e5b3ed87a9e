# The commands of the project; each makes .venv by itself when it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
PYTHONS := 3.11 3.12 3.13
PLATFORMS := x86_64-manylinux_2_28 aarch64-manylinux_2_35 aarch64-apple-darwin x86_64-pc-windows-msvc

.PHONY: demo test lint nightly audit format lock clean
.DEFAULT_GOAL := demo

demo: .venv/installed ## cut out real people, then train on drawn ones; leaves output/demo/act_one.png and act_two.png
	$(BIN)/python tools/demo.py

test: .venv/installed ## the whole test suite, on up to four cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --max-worker-restart 0

lint: .venv/installed ## style, spelling, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

nightly: .venv/installed ## the tests that take long: 30 kills of each job, 4 ranks, 200,000 damaged files for each reader, all bad flags
	MATTING_KILLS=30 $(BIN)/python -m pytest tests/test_kills.py tests/test_batch_kills.py
	MATTING_RANKS=4 $(BIN)/python -m pytest tests/test_distributed.py
	MATTING_NETWORKS=all $(BIN)/python -m pytest tests/test_model_contract.py
	MATTING_FUZZ=200000 $(BIN)/python -m pytest tests/test_fuzz.py
	MATTING_FUZZ=1 $(BIN)/python -m pytest tests/test_flags.py

audit: ## known vulnerabilities of the locked versions; asks a service on the network, and fails when it cannot
	$(PYTHON) -m venv .audit
	.audit/bin/pip install --quiet pip-audit
	# The stand-ins are on no index, and hold nothing.
	awk '/^[^ ]/ { ours = /^\.\/vendor\// } !ours' requirements.txt > .audit/requirements.txt
	.audit/bin/pip-audit --requirement .audit/requirements.txt --require-hashes --disable-pip --strict --progress-spinner off

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in "$(PYTHONS)".split())' || { echo \
	    "error: $(PYTHON) is none of Python $(PYTHONS), for which the locked packages are made; name one: make PYTHON=python3.11" >&2; \
	    exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --no-deps -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

lock: ## compile requirements.txt from pyproject.toml and overrides.txt, and see that wheels are there (needs uv)
	$(PYTHON) vendor/build.py
	uv pip compile pyproject.toml --all-extras --override overrides.txt --generate-hashes --universal --python-version 3.11 \
	    --no-emit-index-url --custom-compile-command "make lock" \
	    --quiet --output-file requirements.txt
	for python in $(PYTHONS); do for platform in $(PLATFORMS); do \
	    MACOSX_DEPLOYMENT_TARGET=14.0 uv pip compile requirements.txt --no-deps --only-binary :all: --quiet \
	        --python-version $$python --python-platform $$platform > /dev/null || exit 1; done; done

clean:
	rm -rf .venv .audit build output
