.POSIX:
PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
UV = VIRTUAL_ENV=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet

.PHONY: demo test check campaign bench format lock clean

# The main job, end to end, then the portal. `make demo ARGS=--once` stops after the main job.
demo: $(VENV)/runtime
	@$(BIN)/letopis demo $(ARGS)

# Everything: on a real PostgreSQL, a real SMTP server, and pages in a real Chromium.
test: $(VENV)/dev
	@sh tests/install-chromium
	@sh tests/install-peers
	$(BIN)/pytest --numprocesses 3 --dist worksteal $(ARGS)

# The form of the code: format, lint, types, import contracts, tests of form.
check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --quiet tests/test_tidy.py

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
