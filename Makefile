PYTHON ?= python3
# A process for each core, up to eight. A file's tests stay together, so that what they share is made once.
PYTEST_ARGS ?= -q --durations=10 -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder
DEMO_ARGS ?=
BENCH_ARGS ?=
MINIMUM_TESTS ?= tests
PIP_OPTIONS ?=

VENV := .venv
DOCS_VENV := .venv-docs
MINIMUM_VENV := .venv-minimum
WHEEL_VENV := .venv-wheel
STAMP := $(VENV)/installed
UNFINISHED := $(VENV)/unfinished
LOG := $(VENV)/install.log
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input
# The other files in benchmarks/ are what these share.
BENCHMARKS := $(sort $(shell grep -l '__main__' benchmarks/*.py))
# Run a second time, in fp32.
IN_FP32 := $(shell grep -l 'add_precision_argument(parser)' $(BENCHMARKS))
MMACTION := $(shell sed -n 's/^\(mmaction2==[^;]*\);.*/\1/p' requirements/mminstall.txt)

.DEFAULT_GOAL := help
.PHONY: help env demo tutorials lint docs test test-minimum faults bench wheel try-wheel clean

help: ## this list
	@echo 'make TARGET. Everything runs in $(VENV), which is made when it is missing.'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s  %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'Settings, e.g. make env PYTHON=python3.12:'
	@echo '  PYTHON       the Python (3.10 or newer) that $(VENV) is made with; after a change: make clean'
	@echo '  PIP_OPTIONS  more options for pip install, e.g. an index with CPU builds of PyTorch'
	@echo '  DEMO_ARGS    arguments of tools/demo.py'
	@echo '  BENCH_ARGS   arguments of all benchmarks, e.g. --quick'
	@echo '  PYTEST_ARGS  arguments of pytest instead of $(PYTEST_ARGS)'
	@echo '  MINIMUM_TESTS  what make test-minimum runs instead of $(MINIMUM_TESTS)'

env: $(STAMP) ## install videossl and all it needs into .venv

demo: $(STAMP) ## pretrain, fine-tune and test on made-up videos, and print a table
	@$(VENV)/bin/python tools/demo.py $(DEMO_ARGS)

lint: $(STAMP) ## check style and types
	@$(VENV)/bin/ruff format --check --quiet . || { echo 'not formatted; run: $(VENV)/bin/ruff format .'; exit 1; }
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

tutorials: $(STAMP) ## run the tutorials, examples/tutorials/*.py
	@for script in examples/tutorials/*.py; do echo "== $$script"; $(VENV)/bin/python $$script || exit 1; done

# -E: pages.py has removed the pages of the reference, which sphinx-autoapi takes for there if no source has changed.
docs: $(DOCS_VENV)/installed ## build the site, build/site/html/index.html; a link or a reference that leads nowhere is an error
	@$(DOCS_VENV)/bin/python docs/site/pages.py build/site/source
	@$(DOCS_VENV)/bin/python -m sphinx -q -E -W --keep-going -j auto -c docs/site -d build/site/doctrees build/site/source build/site/html
	@echo 'The site: build/site/html/index.html'

# Temporary files lie in memory where it has room for them: some disks take milliseconds to remove a file, and there are many.
test: $(STAMP) ## run the tests
	@if df -Pk /dev/shm 2> /dev/null | awk 'END { exit ($$4 < 4000000) }' && [ -w /dev/shm ]; then \
	  TMPDIR=$$(mktemp -d /dev/shm/videossl.XXXXXX) && export TMPDIR && trap 'rm -rf "$$TMPDIR"' EXIT; \
	fi; \
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

test-minimum: $(MINIMUM_VENV)/installed ## run the tests with the lowest releases that the requirements allow, in .venv-minimum
	@$(MINIMUM_VENV)/bin/python -m pytest $(PYTEST_ARGS) $(MINIMUM_TESTS)

faults: $(STAMP) ## run all fault-injection tests, and the slow tests of everything else
	@$(VENV)/bin/python -m pytest $(PYTEST_ARGS) -m 'slow or not slow' tests/faults tests/datasets/readers
	@$(VENV)/bin/python -m pytest $(PYTEST_ARGS) -m slow --ignore=tests/faults --ignore=tests/datasets/readers tests

# Figures to compare need a machine that does nothing else meanwhile.
bench: $(STAMP) ## run the benchmarks one after another, those that train in both precisions, more than an hour
	@failed=; for script in $(BENCHMARKS) $(IN_FP32:%='% --precision fp32'); do \
	  echo; echo "== $$script $(BENCH_ARGS)"; \
	  $(VENV)/bin/python $$script $(BENCH_ARGS) || failed="$$failed $$script"; \
	done; [ -z "$$failed" ] || { echo; echo "failed:$$failed"; exit 1; }

# What setuptools left would be packed again, files that are gone since among them. The site, build/site, stays.
wheel: $(STAMP) ## build dist/videossl-*.whl
	@rm -rf build/lib build/bdist* dist/videossl-*.whl
	@$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/videossl-*.whl

try-wheel: wheel ## install the wheel in an environment of its own, .venv-wheel, and use it outside of the checkout
	@rm -rf $(WHEEL_VENV)
	@$(PYTHON) -m venv $(WHEEL_VENV)
	@$(WHEEL_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input $(PIP_OPTIONS) dist/videossl-*.whl
	@$(WHEEL_VENV)/bin/python -m pip check
	@cd $(WHEEL_VENV) && bin/videossl doctor && bin/videossl demo --dry-run

clean: ## remove .venv and what was built; data/ and work_dirs/ stay
	rm -rf $(VENV) $(DOCS_VENV) $(MINIMUM_VENV) $(WHEEL_VENV) build dist videossl.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The site is built without videossl's own requirements: its environment is small, and fits every release of them.
$(DOCS_VENV)/installed: requirements/docs.txt requirements/constraints.txt
	@rm -rf $(DOCS_VENV)
	@$(PYTHON) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip install --disable-pip-version-check --no-input $(PIP_OPTIONS) \
	    -c requirements/constraints.txt -r requirements/docs.txt >$(DOCS_VENV)/install.log 2>&1 \
	  || { tail -n 15 $(DOCS_VENV)/install.log; exit 1; }
	@touch $@

# The lower end of every range: PACKAGE>=X becomes PACKAGE==X. What those need themselves is the newest that fits.
$(MINIMUM_VENV)/installed: $(wildcard requirements/*.txt) setup.py
	@rm -rf $(MINIMUM_VENV)
	@$(PYTHON) -m venv $(MINIMUM_VENV)
	@sed -n 's/^\([A-Za-z0-9_-]*\)>=\([0-9.]*\)[^;]*/\1==\2/p' requirements/mminstall.txt requirements/runtime.txt \
	    requirements/tests.txt > $(MINIMUM_VENV)/lowest.txt
	@echo 'installing the lowest releases (some minutes)'
	@$(MINIMUM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input $(PIP_OPTIONS) \
	    -c $(MINIMUM_VENV)/lowest.txt -r requirements/mminstall.txt -r requirements/runtime.txt -r requirements/tests.txt
	@$(MINIMUM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps $(PIP_OPTIONS) $(MMACTION)
	@$(MINIMUM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# An installation that was cut off may leave packages half-written which pip takes for whole, so it is begun anew; what
# was downloaded is in pip's cache. A finished one is only brought up to date when the requirements change.
$(STAMP): $(wildcard requirements/*.txt) setup.py pyproject.toml
	@if [ -e $(UNFINISHED) ]; then \
	  echo 'An earlier installation was cut off; starting over.'; rm -rf $(VENV); \
	elif [ -e $(VENV) ] && [ ! -e $(LOG) ]; then \
	  echo '$(VENV) is not of our making. Move it away, then run make again.'; exit 1; \
	elif [ -e $(VENV) ] && ! $(VENV)/bin/python -c 'import sys, pip; assert sys.version_info >= (3, 10)' 2>/dev/null; then \
	  echo '$(VENV) does not work here; making another.'; rm -rf $(VENV); \
	fi
	@if [ ! -e $(VENV) ]; then \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	    echo "videossl needs Python 3.10 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo not there)."; \
	    for name in python3.13 python3.12 python3.11 python3.10; do \
	      if $$name --version >/dev/null 2>&1; then echo "There is $$name here: make $(MAKECMDGOALS) PYTHON=$$name"; found=yes; break; fi; \
	    done; \
	    [ -n "$$found" ] || echo 'Install one, then: make $(MAKECMDGOALS) PYTHON=/path/to/python3'; \
	    exit 1; \
	  }; \
	  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "'$(PYTHON)' comes without venv. On Debian and Ubuntu: apt install python3-venv"; exit 1; \
	  }; \
	  echo "[1/3] making $(VENV) with $$($(PYTHON) --version)"; \
	  mkdir $(VENV) && touch $(UNFINISHED) && $(PYTHON) -m venv $(VENV); \
	fi
	@touch $(UNFINISHED); : > $(LOG)
	@echo '[2/3] installing the requirements (some minutes; $(LOG) tells how far it is)'
	@$(PIP) install $(PIP_OPTIONS) -c requirements/constraints.txt \
	    -r requirements/mminstall.txt -r requirements/runtime.txt -r requirements/tests.txt -r requirements/lint.txt >>$(LOG) 2>&1 \
	  && $(PIP) install $(PIP_OPTIONS) --no-deps $(MMACTION) >>$(LOG) 2>&1 \
	  || { tail -n 15 $(LOG); \
	       echo; echo 'The installation failed: see above, or $(LOG) for all of it. Run make again when it is mended:'; \
	       echo 'what was downloaded is not downloaded again. (When pip cannot reach its index, it too speaks of conflicts.)'; \
	       exit 1; }
	@echo '[3/3] installing videossl itself, as a link to this folder'
	@$(PIP) install --no-deps --no-build-isolation -e . >>$(LOG) 2>&1 \
	  || { tail -n 15 $(LOG); echo 'videossl could not be installed: see above.'; exit 1; }
	@rm -f $(UNFINISHED); touch $(STAMP)
	@echo 'Ready: . $(VENV)/bin/activate'
