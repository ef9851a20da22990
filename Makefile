# Everything here needs Python 3.11 or newer and make, nothing else; uv is used where it is installed.

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)

# Absolute, but not resolved: a virtual environment is found by the path of its interpreter.
RUN := $(abspath $(VENV))/bin/python
export PORT DEMO_DIR REDIS_URL

# A file's tests share servers and workers, so they stay together. They wait more than they compute.
PARALLEL ?= --numprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test chaos lint format messages install clean distclean bench measure corpus

help:  ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## Run the whole service here: http://127.0.0.1:8000/ (PORT=, DEMO_DIR=, REDIS_URL=)
	@exec $(RUN) -m config.demo

test: $(VENV)/.dev  ## Run all tests (ARGS= for pytest)
	$(RUN) -m pytest $(PARALLEL) $(ARGS)

chaos: $(VENV)/.dev  ## Prove that nothing is lost: real processes and faults (ARGS='--seed 1 --fault kills')
	$(RUN) -m tests.chaos $(ARGS)

corpus: $(VENV)/.dev  ## Render bombs and all of Pillow's own test pictures
	$(RUN) -m tests.corpus $(ARGS)

bench:  ## Measure speed, memory and likeness beside other packages (ARGS=--quick)
	@$(MAKE) --no-print-directory VENV=.venv-bench measure

measure: $(VENV)/.bench
	$(RUN) -m benchmarks $(ARGS)

lint: $(VENV)/.dev  ## Check style, types and the walls between the packages
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev  ## Let ruff put the style right
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

messages: $(VENV)/.dev  ## Update and compile the translations; list the texts that need a translator
	$(RUN) -m tests.translations

install: $(VENV)/.dev  ## Install everything for development into .venv

clean:  ## Remove what was built and cached, and what the demo kept
	rm -rf build dist var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## Remove the virtual environment, too
	rm -rf $(VENV) .venv-bench

# One stamp for each extra: it is as old as the installation for this pyproject.toml. What is
# installed for development holds what the demo needs.
$(VENV)/.dev: pyproject.toml
	$(call install,dev)
	@touch $(VENV)/.dev $(VENV)/.demo

# Apart from the rest: the package that ours stands in for is in it.
$(VENV)/.bench: pyproject.toml
	$(call install,bench)
	@touch $@

$(VENV)/.demo: pyproject.toml
	$(call install,demo)
	@touch $@

ifdef UV
define install
	UV_PROJECT_ENVIRONMENT=$(abspath $(VENV)) $(UV) sync --quiet --frozen --compile-bytecode --inexact --extra $(1)
endef
else
define install
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say where: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once; takes a minute)"
	@$(RUN) -m pip install -qq --disable-pip-version-check --editable '.[$(1)]'
endef
endif
