# Everything that is set up lives in this folder: .venv, node_modules, static/dist, instance, and the vendors' own packages
# in tests/vendors. `make clean` takes it away.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

CATALOGUES := $(patsubst %.po,%.mo,$(wildcard translations/*/LC_MESSAGES/messages.po))
FRONT := $(shell find static -type f -not -path 'static/dist/*' 2>/dev/null)
# What the kit's stylesheet is cut down to: the rules that these have words for.
FRONT += $(shell find templates/dashboard app/dashboard -name '*.html' -o -path '*/dashboard/*.py' 2>/dev/null)
BROWSERS := $(CHROMIUM) chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable
# What decides about bytes and keys, and how much of it tests have to reach, in per cent of lines and branches.
DECIDES := app/intake/*,app/checks/*,app/delivery/*,app/tenants/vault.py,app/tenants/keyset.py,app/tenants/master.py
REACHED := 100
# A vendor's package wants versions that another's, or the gateway, cannot stand: an environment each.
VENDORS := $(patsubst %/requirements.txt,%/.venv/.installed,$(wildcard tests/vendors/*/requirements.txt))
# A package for Node is installed beside the tests that use it.
NODES := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard tests/*/node/package-lock.json))
LOCKS := requirements requirements-kms requirements-otel requirements-local requirements-dev $(basename $(wildcard tests/vendors/*/requirements.in tests/scanners/*/requirements.in))
# A test that failed beside hundreds of processes of others is run once more, alone; what fails then is broken.
AGAIN = echo "Once more, alone: what failed above" && \
	$(BIN)/pytest -n 0 --last-failed --last-failed-no-failures none --cov --cov-append --cov-report=
INSTALL := install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement
PIP := $(BIN)/pip

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

##@ Use

.PHONY: run
run: .venv/.run assets ## Set up, start everything on http://127.0.0.1:8000 (PORT) and print where to go
	@exec $(BIN)/python -m app.local

.PHONY: help
help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  \033[36mmake %-10s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Test

.PHONY: test
test: setup chromium curl php proxies clamav promtool ## Set up and run every test, with coverage
	@$(BIN)/python -m compileall -q app  # once, where the environment keeps each of many processes from it
	$(BIN)/pytest -n auto --cov --cov-report=term --attacks=docs/security-tests.md || { test $$? = 1 && $(AGAIN); }
	@echo "What decides about bytes and keys:"
	@$(BIN)/coverage report --fail-under=$(REACHED) --include='$(DECIDES)'
	$(BIN)/npm test --silent

.PHONY: check
check: setup ## Linters, types, import rules and the fast tests: seconds
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/pytest -q -n auto -m "not live"

.PHONY: coverage
coverage: setup chromium curl php proxies clamav promtool ## The same as test, and a page for each file in htmlcov/
	$(BIN)/pytest -q -n auto --cov --cov-report=html --cov-report=term

.PHONY: mutants
mutants: setup ## Change what decides about bytes and keys in small ways and list the changes that no test notices
	$(BIN)/mutmut run
	$(BIN)/mutmut results

.PHONY: faults
faults: setup ## Kill, cut off and fill up all that can be, in 25 minutes at most; writes docs/reliability.md
	FAULTS=long FAULTS_REPORT=docs/reliability.md timeout 1500 $(BIN)/pytest -q -n 0 -p no:randomly tests/faults

.PHONY: attacks
attacks: setup chromium curl clamav ## Try every attack on the gateway; writes docs/security-tests.md
	$(BIN)/pytest -q -n auto -m attack --attacks=docs/security-tests.md

.PHONY: scan
scan: setup tests/scanners/wapiti/.venv/.installed slowhttptest ## Let wapiti and slowhttptest at a gateway of this machine's own: docs/scanners.md
	$(BIN)/python tests/scanners/scan.py

.PHONY: bench
bench: setup tools ## Measure beside nginx and the tutorials' way; writes docs/benchmarks.md and its chart
	$(BIN)/python -m bench --write docs/benchmarks.md

.PHONY: container
container: setup debootstrap ## Follow the container recipe step by step in a clean Debian, without a container engine, and start what came of it
	$(BIN)/python -m tests.ops.container

.PHONY: screenshots
screenshots: setup chromium ## Save a picture of every page of the dashboard in build/screenshots, and the guide's in docs/images
	$(BIN)/pytest -q -n 0 -p no:randomly tests/dashboard/screenshots.py

.PHONY: lighthouse
lighthouse: setup chromium bench/node/node_modules/.package-lock.json ## Let Lighthouse judge the form as a phone and a desk see it; writes docs/lighthouse.md
	$(BIN)/pytest -q -n 0 -p no:randomly tests/acceptance/lighthouse.py

.PHONY: audit
audit: .venv/.dev ## Ask whether anything that is locked is known to be faulty, and say what could not be asked
	@$(BIN)/python -m supply.audit

.PHONY: sbom
sbom: .venv/.dev ## Write the bill of materials of what is shipped, in CycloneDX: build/sbom.cdx.json
	@mkdir -p build
	$(BIN)/python -m supply.sbom build/sbom.cdx.json

##@ Maintain

.PHONY: format
format: .venv/.dev ## Format the sources and fix what can be fixed safely
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

.PHONY: lock
lock: .venv/.dev ## Lock the newest allowed versions of every library, with their hashes
	@for name in $(LOCKS); do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header --no-annotate $$name.in -o $$name.txt || exit; \
	done
	$(BIN)/npm update --package-lock-only

.PHONY: messages
messages: .venv/.dev ## Collect the sentences of templates and code for the translators
	@mkdir -p build
	$(BIN)/pybabel --quiet extract --mapping babel.cfg --keywords N_ --no-location --output build/messages.pot .
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --input-file build/messages.pot --output-dir translations

.PHONY: reference
reference: .venv/.dev ## Write docs/settings.md, docs/problems.md and docs/calls.md from the code
	$(BIN)/python docs/reference.py

.PHONY: docs
docs: .venv/.dev ## Make the site of docs/ in build/site, which asks no other host
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo build/site/index.html

.PHONY: clean
clean: ## Remove what was set up and built; instance/ (the demo's data) stays
	rm -rf .venv tests/vendors/*/.venv tests/scanners/*/.venv node_modules tests/*/node/node_modules bench/node/node_modules static/dist build htmlcov mutants \
		.coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis translations/*/LC_MESSAGES/messages.mo

# --- set-up: a file each, newer than what it is made from -------------------------------------------------------------

.PHONY: assets
assets: static/dist/manifest.json $(CATALOGUES)

.PHONY: setup
setup: .venv/.dev $(VENDORS) $(NODES) assets

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is not. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: requirements-local.txt | .venv/pyvenv.cfg
	$(PIP) $(INSTALL) $<
	@touch $@

# For the image: what the gateway runs on and nothing else.
.venv/.gateway: requirements.txt | .venv/pyvenv.cfg
	$(PIP) $(INSTALL) $<
	@touch $@

# What development needs contains what running needs, in the same versions.
.venv/.dev: requirements-dev.txt | .venv/pyvenv.cfg
	$(PIP) $(INSTALL) $<
	@touch .venv/.run $@

tests/vendors/%/.venv/.installed: tests/vendors/%/requirements.txt | .venv/.dev
	$(BIN)/python -m venv --clear --without-pip $(@D)
	$(PIP) --python $(@D) $(INSTALL) $<
	@touch $@

tests/scanners/%/.venv/.installed: tests/scanners/%/requirements.txt | .venv/.dev
	$(BIN)/python -m venv --clear --without-pip $(@D)
	$(PIP) --python $(@D) $(INSTALL) $<
	@touch $@

# On its own `.venv/.run` is enough for Node; where `.venv/.dev` is asked for too it must not be installed twice at once.
NODE := $(if $(filter test check coverage mutants faults attacks bench container docs lighthouse screenshots setup,$(MAKECMDGOALS)),.venv/.dev,.venv/.run)

%/.package-lock.json: | $(NODE)
	$(BIN)/npm ci --prefer-offline --no-progress --silent --prefix $(dir $*)
	@touch $@

node_modules/.package-lock.json: package-lock.json .npmrc
bench/node/node_modules/.package-lock.json: bench/node/package-lock.json
$(NODES): %/node_modules/.package-lock.json: %/package-lock.json

static/dist/manifest.json: node_modules/.package-lock.json build.mjs package.json $(FRONT) | $(NODE)
	$(BIN)/npm run build --silent

%.mo: %.po | $(NODE)
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

# $(call get,PACKAGES,WHY): install programs of the system where that can be done without asking.
define get
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends $(1); \
else \
	echo "$(2): sudo apt-get install $(1)" >&2; exit 1; \
fi
endef

# Where it can be had, the one without windows: it opens a page in a quarter of the time.
.PHONY: chromium
chromium:
	@command -v $(firstword $(BROWSERS)) >/dev/null && exit 0; \
	apt-cache show chromium-headless-shell >/dev/null 2>&1 && ( $(call get,chromium-headless-shell,The tests are quicker with it) ) && exit 0; \
	for name in $(BROWSERS); do command -v "$$name" >/dev/null && exit 0; done; \
	$(call get,chromium,The tests need a browser. Set CHROMIUM to its path or install one)

.PHONY: slowhttptest
slowhttptest:
	@command -v slowhttptest >/dev/null && exit 0; $(call get,slowhttptest,One of the scanners)

.PHONY: curl
curl:
	@command -v curl >/dev/null && exit 0; $(call get,curl,The tests try what the pages say with curl)

.PHONY: clamav
clamav:
	@PATH=$$PATH:/usr/sbin command -v clamd >/dev/null && exit 0; \
	$(call get,clamav-daemon,The tests show files to ClamAV)

# One example of one page: where it cannot be had that example is not run, and nothing else is missing.
.PHONY: php
php:
	@command -v php >/dev/null && exit 0; ( $(call get,php-cli php-curl,The example in PHP is not run without it) ) || true

.PHONY: tools
tools:
	@command -v nginx >/dev/null && command -v cc >/dev/null && exit 0; \
	$(call get,nginx-light gcc libc6-dev,The benchmark needs nginx and a C compiler)

# What may stand in front of gateways and between them and the database. Where one cannot be had its file is not run.
.PHONY: proxies
proxies:
	@command -v nginx >/dev/null && command -v caddy >/dev/null && command -v pgbouncer >/dev/null && exit 0; \
	( $(call get,nginx-light caddy pgbouncer,The files in ops/ are not run without them) ) || true

.PHONY: debootstrap
debootstrap:
	@command -v debootstrap >/dev/null && exit 0; $(call get,debootstrap,A clean Debian is made by debootstrap)

.PHONY: promtool
promtool:
	@command -v promtool >/dev/null && exit 0; \
	( $(call get,prometheus,The alerts in ops/prometheus are not tried without promtool) ) || true
