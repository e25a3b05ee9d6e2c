# Two commands are enough on a bare machine with Python 3.11 or newer: `make demo` and `make test`.

# The first interpreter that is new enough. It is run, not only looked up: a version manager's shim may name a version
# that it cannot start.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$name; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The virtual environment decides, not what the caller's shell happens to export.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-mail lint bench fuzz contracts clean

help: ## print these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## install Postkontor and its tools into .venv; again only when their versions change

demo: $(INSTALLED) ## start everything on this machine and walk a customer's way through it
	@$(BIN)/postkontor demo

test: $(INSTALLED) ## run the test suite, on real servers
	@echo "Testing, on real servers. The long tests and those of a mail server are left out: make test-long test-mail."
	@$(BIN)/pytest -m "not long and not mail"

test-long: $(INSTALLED) ## run the tests that take minutes
	@echo "Running the tests that take minutes ..."
	@$(BIN)/pytest -m long

test-mail: $(INSTALLED) ## run the tests on Debian's Postfix and Dovecot, as root; they say what is missing
	@echo "Testing with Postfix and Dovecot on loopback ..."
	@$(BIN)/pytest -m mail

lint: $(INSTALLED) ## check style, format, types and imports
	@echo "Checking the style ..."
	@$(BIN)/ruff check --quiet .
	@echo "Checking the format ..."
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted; this formats it: $(BIN)/ruff format ."; exit 1; }
	@echo "Checking the types ..."
	@$(BIN)/basedpyright
	@echo "Checking who imports whom ..."
	@$(BIN)/lint-imports --no-logo

bench: $(INSTALLED) ## measure throughput and latency on this machine
	@$(BIN)/python bench/provisioning.py

fuzz: $(INSTALLED) ## fuzz the reader of DNS replies for five minutes; installs atheris where it has a wheel
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -qq --disable-pip-version-check --only-binary :all: atheris || { \
		echo "atheris has no wheel for this Python; pip says above which it has."; \
		exit 1; }
	@$(BIN)/python tests/fuzz/fuzz_wire.py -max_total_time=300 -max_len=1232

contracts: $(INSTALLED) ## write schemas, golden messages and the AsyncAPI document anew from the models
	@echo "Writing the generated contracts ..."
	@$(BIN)/python -m contracts.generate

clean: ## remove .venv, caches and builds; the stack's own files in .postkontor stay
	@echo "Removing $(VENV), caches and builds ..."
	@rm -rf $(VENV) .pytest_cache .hypothesis .ruff_cache .import_linter_cache dist build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an interrupted installation begins again.
$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "Postkontor needs Python 3.11 or newer, and none was found. Install one, or name it: make PYTHON=/path/to/python3"; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "Python $$version is here, but it cannot make virtual environments. On Debian and Ubuntu: apt install python$$version-venv"; \
		exit 1; }
	@echo "Installing Postkontor into $(VENV) with $$($(PYTHON) --version), about a minute ..."
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]' || { \
		echo "The packages could not be installed; pip says above why. Run the same command again to go on."; \
		exit 1; }
	@touch $@
