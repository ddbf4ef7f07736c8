# Everything that people and CI do with this checkout. `make help` lists it.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-schedule demo-mysql test check bench soak lock clean

help:
	@echo 'make demo    back up an application of a real cluster, lose it, restore it there and in a second cluster'
	@echo '             (ARGS="--kubeconfig FILE" uses a cluster of your own)'
	@echo 'make demo-schedule  install it in a cluster with a node: backups every minute, retention, a failure told, a restore'
	@echo 'make demo-mysql  MariaDB under constant writes, with its data: from one cluster with a node to another'
	@echo 'make test    make check, then all tests, in three processes side by side (ARGS="tests/store -x" for some)'
	@echo 'make check   ruff, mypy and import-linter'
	@echo 'make bench   measure, and compare with other programs'
	@echo 'make soak    look for lost data: random kills, stops and faults until Ctrl-C (ARGS="--minutes 30 --seed 7")'
	@echo 'make setup   only prepare the virtual environment $(VENV); the others do it by themselves'
	@echo 'make lock    pin anew, and newer, what goes into the image: deploy/image/requirements.txt'
	@echo 'make clean   remove what the above made here; finished builds stay in ~/.cache/holdfast-testbed'
	@echo
	@echo 'Needed: Python >= 3.11 with venv (another one: make PYTHON=python3.12 ...), Go >= 1.25 for the test clusters,'
	@echo 'root for those of them that run pods.'

setup: $(READY)

# The stamp is made last, so that a setup that was interrupted is begun again. pip knows --group since 25.1.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and \
	    f"error: $(PYTHON) is Python {v[0]}.{v[1]}, and 3.11 or newer is needed; try make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo 'error: $(PYTHON) cannot make virtual environments; on Debian: apt install python3-venv' >&2; exit 1; }
	@echo 'Preparing $(VENV)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(READY)
	@$(BIN)/python -m demo $(ARGS)

demo-schedule: $(READY)
	@$(BIN)/python -m demo.schedule

demo-mysql: $(READY)
	@$(BIN)/python -m demo.mysql

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m $(if $(ARGS),pytest $(ARGS),tests)

bench: $(READY)
	@$(BIN)/python -m bench $(ARGS)

soak: $(READY)
	@$(BIN)/python -m soak $(ARGS)

lock: $(READY)
	@$(BIN)/python -m pip install --quiet 'uv>=0.9'
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --custom-compile-command 'make lock' --output-file deploy/image/requirements.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	find src tests testbed demo bench soak deploy -name __pycache__ -type d -prune -exec rm -rf {} +
