# Two commands are enough on a bare machine with Python 3.11 or newer: `make demo` and `make test`.

# The first interpreter that is new enough. It is run, not only looked up: a version manager's shim may name a version
# that it cannot start.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$name; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Programs that check the deployment; each with packages of its own, because they clash with ours.
TOOLS := .tools
# The virtual environment decides, not what the caller's shell happens to export.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-chaos test-long test-mail test-docker deploy-test sbom lint bench load fuzz fuzz-bus contracts clean

help: ## print these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## install Postkontor and its tools into .venv; again only when their versions change

demo: $(INSTALLED) ## start everything on this machine and walk a customer's way through it
	@$(BIN)/postkontor demo

test: $(INSTALLED) ## run the test suite, on real servers
	@echo "Testing, on real servers. Left out are long tests and those of a mail server, of containers, of the chart, of chaos:"
	@echo "make test-long test-mail test-docker deploy-test test-chaos."
	@$(BIN)/pytest -n 2 --dist loadfile -m "not long and not mail and not docker and not chart and not chaos"

test-chaos: $(INSTALLED) ## break everything at once for a minute, and audit what is left; long runs: docs/reliability.md
	@echo "Breaking workers, bus and database under load ..."
	@$(BIN)/pytest -m chaos

test-long: $(INSTALLED) ## run the tests that take minutes
	@echo "Running the tests that take minutes ..."
	@$(BIN)/pytest -m long

test-mail: $(INSTALLED) ## run the tests on Debian's Postfix and Dovecot, as root; they say what is missing
	@echo "Testing with Postfix and Dovecot on loopback ..."
	@$(BIN)/pytest -m mail

test-docker: $(INSTALLED) ## build the image and run the tests in containers; they say what is missing
	@echo "Testing in containers ..."
	@$(BIN)/pytest -m docker tests/docker

deploy-test: $(INSTALLED) $(TOOLS)/helm $(TOOLS)/checkov/.installed sbom ## prove the chart without a cluster; what needs Docker says so where there is none
	@echo "Testing the chart and what stands around it ..."
	@$(BIN)/pytest tests/deploy

sbom: $(INSTALLED) $(TOOLS)/cyclonedx/.installed $(TOOLS)/image/.installed ## list what the image is made of in build/postkontor.cdx.json (CycloneDX)
	@mkdir -p build
	@$(TOOLS)/cyclonedx/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --sv 1.6 \
		-o build/postkontor.cdx.json $(TOOLS)/image/bin/python
	@echo "Written: build/postkontor.cdx.json"

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

load: $(INSTALLED) ## five minutes of steady work at half of the peak: rate held, p99, memory
	@$(BIN)/python bench/steady.py

fuzz: $(INSTALLED) ## fuzz the reader of DNS replies for five minutes; installs atheris where it has a wheel
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -qq --disable-pip-version-check --only-binary :all: atheris || { \
		echo "atheris has no wheel for this Python; pip says above which it has."; \
		exit 1; }
	@$(BIN)/python tests/fuzz/fuzz_wire.py -max_total_time=300 -max_len=1232

fuzz-bus: $(INSTALLED) ## 100,000 generated and mutated messages on every subject, some minutes; each is answered or set aside
	@$(BIN)/python tests/fuzz/fuzz_bus.py

contracts: $(INSTALLED) ## write schemas, golden messages and the AsyncAPI document anew from the models
	@echo "Writing the generated contracts ..."
	@$(BIN)/python -m contracts.generate

clean: ## remove .venv, caches and builds; the stack's own files in .postkontor stay
	@echo "Removing $(VENV), $(TOOLS), caches and builds ..."
	@rm -rf $(VENV) $(TOOLS) .pytest_cache .hypothesis .ruff_cache .import_linter_cache dist build *.egg-info
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

$(TOOLS)/helm: tests/deploy/tools/helm.txt | $(INSTALLED)
	@echo "Fetching helm ..."
	@$(BIN)/python tests/deploy/tools/helm.py $(TOOLS)

$(TOOLS)/checkov/.installed $(TOOLS)/cyclonedx/.installed: $(TOOLS)/%/.installed: tests/deploy/tools/%.txt | $(INSTALLED)
	@echo "Installing $* into $(TOOLS) ..."
	@$(BIN)/python -m venv --clear $(TOOLS)/$*
	@$(TOOLS)/$*/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

# What the image holds, installed as its Containerfile does, without pip.
$(TOOLS)/image/.installed: pyproject.toml constraints.txt | $(INSTALLED)
	@echo "Installing what the image is made of into $(TOOLS) ..."
	@$(BIN)/python -m venv --clear --without-pip $(TOOLS)/image
	@$(BIN)/python -m pip --python $(TOOLS)/image/bin/python install -qq --disable-pip-version-check -c constraints.txt '.[einvoice]'
	@touch $@
