# Each target is one documented command. The environment is made, and brought up to date, by the first that needs it.
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that fits; `make PYTHON=/path/to/python3.12 install` takes another.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(if $(shell $(p) -c $(FITS) 2>/dev/null && echo yes),$(p))))
FITS := 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
UV_VERSION := $(shell sed -n '/^name = "uv"$$/{n;s/version = "\(.*\)"/\1/p;}' uv.lock)
INSTALLED := $(VENV)/.installed
ROLE ?= owner
WORKERS ?= 3

# byte-code is what makes Airflow start in 3 s and not in 7
unexport PYTHONDONTWRITEBYTECODE
# as the stack has it: several processes share the cores, and threads that wait for one another take longer than one
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
.DEFAULT_GOAL := help
.PHONY: help install demo up stop status logs dsn psql test test-slow lint format bench evaluate preview reset requirements schema docs env

help:  ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## make .venv with the locked dependencies (PYTHON=... to choose the interpreter)

demo: $(INSTALLED)  ## run the real DAGs on real purchase records; leaves Airflow and the inbox open
	@$(BIN)/marketflow demo

up: $(INSTALLED)  ## start PostgreSQL, the mail catcher, the edge service and Airflow
	@$(BIN)/marketflow up

stop: $(INSTALLED)  ## end what `up` started; the state stays in var/
	@$(BIN)/marketflow stop

status: $(INSTALLED)  ## show what runs, where to look, and Airflow's users
	@$(BIN)/marketflow status

logs: $(INSTALLED)  ## print the end of the logs (PART=scheduler, FOLLOW=1)
	@$(BIN)/marketflow logs $(PART) $(if $(FOLLOW),--follow)

dsn: $(INSTALLED)  ## print the warehouse's connection URI (ROLE=analyst for the read-only role)
	@$(BIN)/marketflow dsn --role $(ROLE)

psql: $(INSTALLED)  ## open psql on the warehouse (ROLE=analyst)
	@$(BIN)/marketflow psql --role $(ROLE)

# Files side by side, each in one process with a PostgreSQL server of its own; WORKERS=0 runs all in one.
test: $(INSTALLED)  ## run the tests (ONLY=tests/unit for some of them, WORKERS=4 for more of them at a time)
	@$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ONLY)

test-slow: $(INSTALLED)  ## run the tests that take minutes: the whole demo, Airflow killed at work, a new source
	@$(BIN)/pytest -m slow $(ONLY)

lint: $(INSTALLED)  ## check style, types, layers, SQL, and that generated files are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint sql/migrations sql/queries sql/transforms
	@$(REQUIREMENTS) | diff -u requirements.txt - || { echo "requirements.txt is not what uv.lock says: make requirements"; exit 1; }
	@$(BIN)/marketflow schema --check
	@$(BIN)/marketflow docs --check

format: $(INSTALLED)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## run the benchmarks, write var/bench/latest.json (ONLY=name for one)
	@$(BIN)/marketflow bench $(ONLY)

evaluate: $(INSTALLED)  ## run all models on real data beside their baselines; writes docs/models.md, var/evaluate/latest.json
	@$(BIN)/python -m benchmarks._models $(MODELS)

preview: $(INSTALLED)  ## write a page of what customers would read (CAMPAIGN=win_back, LOCALE=zh for one language)
	@$(BIN)/marketflow preview $(CAMPAIGN) $(if $(LOCALE),--locale $(LOCALE))

reset: $(INSTALLED)  ## stop and delete all state in var/ (asks)
	@$(BIN)/marketflow reset

requirements: $(INSTALLED)  ## write requirements.txt from uv.lock
	@$(REQUIREMENTS) > requirements.txt

schema: $(INSTALLED)  ## write sql/schema.sql, the sum of the migrations
	@$(BIN)/marketflow schema

docs: $(INSTALLED)  ## write docs/contracts.md and docs/catalogue.html
	@$(BIN)/marketflow docs

env:  ## write .env for `docker compose`, with random secrets; keeps the one that is there
	@test -e .env || (umask 077; while IFS= read -r line; do case "$$line" in \
	  [A-Z]*_KEY=) echo "$$line$$(openssl rand -base64 32)" ;; [A-Z]*_SECRET=) echo "$$line$$(openssl rand -hex 64)" ;; \
	  [A-Z]*=) echo "$$line$$(openssl rand -hex 24)" ;; *) echo "$$line" ;; esac; done < .env.example > .env)

# What a deployment installs: neither the embedded stack nor the tools. The hashes are in uv.lock.
REQUIREMENTS = $(BIN)/uv export --quiet --frozen --no-default-groups --no-emit-project --no-hashes --no-header

SYNC = VIRTUAL_ENV= $(BIN)/uv sync --quiet --frozen --compile-bytecode --python $(BIN)/python

# Our itemsets are held against a miner that comes as C: where that can't be compiled, its tests are skipped (in CI they fail).
ADD_MINERS = $(filter-out --compile-bytecode,$(SYNC)) --group miners
MINERS = if command -v cc >/dev/null || command -v gcc >/dev/null; then \
	  $(ADD_MINERS) 2>/dev/null || $(ADD_MINERS) --system-certs 2>/dev/null || \
	  echo "pyfim could not be compiled (are Python's headers there?): the tests that need it will be skipped" >&2; fi

# What is said here goes to standard error: `make dsn` prints one line on standard output.
$(INSTALLED): uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found; set PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "installing the locked dependencies into $(VENV) (once; a minute or two)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)" >&2
	@$(SYNC) 2>/dev/null || $(SYNC) --system-certs >&2  # behind a company's proxy only the system knows its certificate
	@$(MINERS)
	@touch $@
