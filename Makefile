# Treewright. `make run` shows it at work, `make test` checks it. Needs Python 3.11+, venv and make.

.DEFAULT_GOAL := help
.PHONY: help setup run test browser check constraints clean
BIN := .venv/bin
export ENGINE PYTHON

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  ENGINE=cpu|cuda   the engine; found by itself when not said"
	@echo "  PYTHON=python3.12 the Python to use; the first that will do when not said"

setup: ## Set up .venv; returns at once when nothing changed
	@sh scripts/setup.sh

run: setup ## Set up, then run configs/sweep_quickstart.yaml
	@$(BIN)/treewright sweep configs/sweep_quickstart.yaml

test: setup ## Set up, with a Chromium where one can be had, then run the tests
	@$(BIN)/python scripts/browser.py --once
	@$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

browser: setup ## Look again for a Chromium for the tests
	@$(BIN)/python scripts/browser.py

check: setup ## Set up, then lint, formatting, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

constraints: ## Remake constraints/cpu.txt from pyproject.toml
	@sh scripts/constraints.sh

clean: ## Remove .venv and caches; runs/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
