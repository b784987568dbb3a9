# Everything runs in .venv, which `setup` makes from requirements.lock; nothing needs activating.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed.lock
JOBS ?= 3
UV := uv==0.13.9

# For `images`: the client with BuildKit, where to push, what to build on, and how a build reaches the package index.
DOCKER ?= docker
REGISTRY ?=
BASE_IMAGE ?= python:3.11-slim-bookworm
BUILD_NETWORK ?= default
CERTIFICATES ?= $(SSL_CERT_FILE)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types format lock data golden readmes benchmarks images pipeline-local clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(INSTALLED) ## Make .venv from requirements.lock; does nothing when it is up to date

# Compiling once saves every later process seconds: importing torchvision takes 6 s instead of 17 s on a slow core.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed; give it with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --editable .
	cp requirements.lock $@

demo: setup ## Simulate plants, run the whole pipeline on them, and report (JOBS=1: one fold after the other)
	$(BIN)/python -m pipelines.demo --jobs $(JOBS)

# Most of the time tests wait for a process of theirs; files share a process, as fixtures do.
test: setup ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile

lint: setup ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types
	$(BIN)/mypy

format: setup ## Format, and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## Resolve pyproject.toml into requirements.lock again, and into its parts for the images
	$(BIN)/uv pip compile pyproject.toml --extra dev --python $(BIN)/python \
		--no-emit-index-url --no-annotate --no-header --output-file requirements.lock
	$(MAKE) setup
	$(BIN)/python -m pipelines.images.locks

data: setup ## Simulate the demo's data anew and let data.dvc name it
	$(BIN)/python -m pipelines.demo_data

golden: setup ## Compile the Kubeflow pipeline into the copy that the tests compare with
	$(BIN)/python -m pipelines.retrain --out tests/pipelines/golden/retrain.yaml

readmes: setup ## Write the stages' READMEs from their docstrings
	$(BIN)/python -m components.readme

benchmarks: setup ## Measure speed and accuracy of the parts, on a finished demo
	for file in benchmarks/[a-z]*.py; do $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

images: setup ## Build an image a stage, tagged by content, and write docker/images.lock (REGISTRY=host/path pushes them)
	$(BIN)/python -m pipelines.images.build --docker "$(DOCKER)" --registry "$(REGISTRY)" --base "$(BASE_IMAGE)" \
		--installer "$(UV)" --network "$(BUILD_NETWORK)" --certificates "$(CERTIFICATES)"

pipeline-local: setup ## Run the Kubeflow pipeline on this machine with the built images, on smoke-size data
	$(BIN)/python -m pipelines.local

clean: ## Remove the stages' outputs and the report; keeps data, .venv, tracked runs and DVC's cache
	rm -rf build reports
