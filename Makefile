# Trinity's commands. Each sets up what it needs, once, in .venv; needs only make and Python 3.11 or newer.

# Another interpreter: make PYTHON=/path/to/python3 test
PYTHON ?=
PYTHON_CANDIDATES = $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# More options for the soak: make soak ARGS="--seed 7 --transport inproc"
ARGS ?=
PYTEST_ARGS ?= -n 2 --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet
CHECKED := agents analysis bus simulator store tests bench

# A foreign package on these paths could come before ours.
unexport PYTHONPATH PYTHONHOME
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help soak test lint format torture bench clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

soak: $(VENV)/.installed ## Set up, then simulate 24 hours of WITNESS, ARCHITECT and EXECUTOR
	@$(BIN)/trinity run soak $(ARGS)

test: lint ## Set up, then run everything that must pass
	@echo "pytest"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## Check style, format, types and the order of imports
	@echo "ruff check"
	@$(BIN)/ruff check
	@echo "ruff format --check"
	@$(BIN)/ruff format --check
	@echo "mypy --strict"
	@$(BIN)/mypy
	@echo "lint-imports"
	@$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

torture: $(VENV)/.installed-dev ## Mistreat log, processes and peers for 40 minutes, and print what held
	@$(BIN)/python -m tests.torture $(ARGS)

bench: $(VENV)/.installed-dev ## Measure speed and print it as ratios
	@$(BIN)/python -m bench $(ARGS)

clean: ## Remove .venv and every cache; keeps runs/
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a step that failed or was broken off leaves none, and is done again.

$(VENV)/.created:
	@python=''; \
	for candidate in $(PYTHON_CANDIDATES); do \
		if "$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "make: Trinity needs Python 3.11 or newer; none found as: $(PYTHON_CANDIDATES)." \
			"Install it, or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV) || { \
		echo "make: $$python cannot make a virtual environment (see above)." \
			"On Debian and Ubuntu install the package python3-venv." >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	@echo "Installing Trinity and what it needs into $(VENV)"
	@$(PIP_INSTALL) --editable . || { $(install_failed); }
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml
	@echo "Installing Trinity, what it needs and the tools of its developers into $(VENV)"
	@$(PIP_INSTALL) --editable '.[dev]' || { $(install_failed); }
	@touch $(VENV)/.installed $@

install_failed = echo "make: the installation failed (see above). It needs a network or a package index that pip knows." >&2; exit 1
