.POSIX:
PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
export UV_PYTHON_DOWNLOADS = never

.PHONY: demo test check bench format clean

demo: $(VENV)/runtime
	@$(BIN)/letopis demo $(ARGS)

$(VENV)/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import ensurepip, venv' || { echo 'python3-venv is missing: install it (Debian: apt-get install python3-venv)'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/uv.txt
	@touch $@

$(VENV)/runtime: $(VENV)/bin/uv requirements/runtime.txt pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --requirement requirements/runtime.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@
