# Everything here needs only Python 3.11 or newer, and make. If uv is installed, it is used.

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)

# An absolute path, but not resolved: Python finds its virtual environment by this path.
RUN := $(abspath $(VENV))/bin/python
export PORT DEMO_DIR REDIS_URL

# Tests of one file share servers and workers, so one process runs them. Tests wait more than they
# compute, so there may be more processes than cores.
PARALLEL ?= --numprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo manage test chaos lint format messages install clean distclean bench measure corpus \
	bench-service neighbours meet

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## Run the whole service here: http://127.0.0.1:8000/ (PORT=, DEMO_DIR=, REDIS_URL=)
	@exec $(RUN) -m config.demo

manage: $(VENV)/.demo  ## Run a management command on the demo (ARGS='renditions status')
	@exec $(RUN) -m config.demo.manage $(ARGS)

test: $(VENV)/.dev  ## Run all tests (ARGS= for pytest)
	$(RUN) -m pytest $(PARALLEL) $(ARGS)

chaos: $(VENV)/.dev  ## Inject faults into real processes; nothing may be lost (ARGS='--seed 1 --fault kills')
	$(RUN) -m tests.chaos $(ARGS)

corpus: $(VENV)/.dev  ## Render decompression bombs, and all test pictures of Pillow
	$(RUN) -m tests.corpus $(ARGS)

neighbours:  ## Test with other packages in small projects (ARGS='cleanup wagtail -- -x')
	@$(MAKE) --no-print-directory VENV=.venv-neighbours meet

meet: $(VENV)/.neighbours
	$(RUN) -m tests.neighbours $(ARGS)

bench:  ## Compare speed, memory and quality with other packages (ARGS=--quick)
	@$(MAKE) --no-print-directory VENV=.venv-bench measure

bench-service: $(VENV)/.dev  ## Measure what the service costs (ARGS='--delay-ms 50 --only jobs')
	$(RUN) -m benchmarks.service $(ARGS)

measure: $(VENV)/.bench
	$(RUN) -m benchmarks $(ARGS)

lint: $(VENV)/.dev  ## Check style, types, and which package may import which
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev  ## Correct the style with ruff
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

messages: $(VENV)/.dev  ## Update and compile the translations; list the texts that need a translator
	$(RUN) -m tests.translations

install: $(VENV)/.dev  ## Install everything for development into .venv

clean:  ## Remove build files, caches and the files of the demo
	rm -rf build dist var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## Also remove the virtual environments
	rm -rf $(VENV) .venv-bench .venv-neighbours

# Each extra has a stamp file. If pyproject.toml is newer, the extra is installed again. The extra
# `dev` contains the extra `demo`.
$(VENV)/.dev: pyproject.toml
	$(call install,dev)
	@touch $(VENV)/.dev $(VENV)/.demo

# In its own environment, because it contains django-versatileimagefield, which has the names that
# the import alias of this package provides.
$(VENV)/.bench: pyproject.toml
	$(call install,bench)
	@touch $@

# In its own environment, because some of these packages change every model of a project.
$(VENV)/.neighbours: pyproject.toml
	$(call install,neighbours)
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
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Give its path: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV). This is done once, and takes about a minute."
	@$(RUN) -m pip install -qq --disable-pip-version-check --editable '.[$(1)]'
endef
endif
