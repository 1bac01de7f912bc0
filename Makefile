.POSIX:
PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
# Said empty, and so left out: without bytecode each process that a test starts compiles all it imports anew.
PYTHONDONTWRITEBYTECODE =
UV = VIRTUAL_ENV=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet

.PHONY: demo test peers check style types contracts form campaign bench format lock clean

# The main job, end to end, then the portal. `make demo ARGS=--once` stops after the main job.
demo: $(VENV)/runtime
	@$(BIN)/letopis demo $(ARGS)

# Everything: on a real PostgreSQL, a real SMTP server, and pages in a real Chromium. Tests wait a fifth of their time, so
# two cores have room for four at once.
test: $(VENV)/dev peers
	$(BIN)/pytest --numprocesses 4 --dist worksteal $(ARGS)

# What tests talk to and pip does not have: a browser, and mail and SMS programs of others.
peers:
	@sh tests/install-chromium
	@sh tests/install-peers

# The form of the code. The parts know nothing of each other: `make -j2 check`.
check: style types contracts form

style: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/dev
	$(BIN)/mypy

contracts: $(VENV)/dev
	$(BIN)/lint-imports

# Every file of tests is imported, so that one which can't be is found now; only the tests of form are run.
form: $(VENV)/dev
	$(BIN)/pytest --quiet -k test_tidy

# Hundreds of tampered logs and forks instead of some: minutes. The suite has the same tests in small.
campaign: $(VENV)/dev
	LETOPIS_CAMPAIGN=1 $(BIN)/pytest --quiet tests/projections/test_tampering.py $(ARGS)

# Ratios measured in one run; `make bench ARGS=--quick` for a first look.
bench: $(VENV)/runtime
	$(BIN)/letopis bench $(ARGS)

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Pin again what requirements/*.in name; no address of any registry is written.
lock: $(VENV)/bin/uv
	for part in uv runtime dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url requirements/$$part.in --output-file requirements/$$part.txt; \
	done

clean:
	rm -rf $(VENV) var build *.egg-info

$(VENV)/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo 'python3 has no venv module: install it (Debian: apt-get install python3-venv)'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	@touch $@

$(VENV)/runtime: $(VENV)/bin/uv requirements/runtime.txt pyproject.toml
	$(UV) --require-hashes --requirement requirements/runtime.txt
	$(UV) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.txt
	$(UV) --require-hashes --requirement requirements/dev.txt
	@touch $@
