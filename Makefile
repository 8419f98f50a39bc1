# `make help` tells what there is. The environment is .venv; nothing is installed outside it and client/node_modules,
# but for the browsers that `make test` drives, Prometheus, which it asks, and valgrind, which counts instructions.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
UV_INSTALL := VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --require-hashes
UV_COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
CARGO := cargo
MANIFEST := sfu/packets/Cargo.toml
PEERS_MANIFEST := loadtest/native/Cargo.toml
# Both workspaces need the same cryptography, which takes a minute to compile.
export CARGO_TARGET_DIR ?= $(CURDIR)/sfu/packets/target
FUZZ_DIR := sfu/packets/fuzz
FUZZ_SECONDS ?= 60
CARGO_FUZZ_VERSION := 0.13.2

RUST_SOURCES := $(shell find sfu/packets \( -name target -o -name fuzz \) -prune -o -type f -print)
PEERS_SOURCES := $(shell find loadtest/native -name target -prune -o -type f -print)
CLIENT_SOURCES := $(shell find client \( -name node_modules -o -name dist -o -name artifacts \) -prune -o -type f -print)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24
	@echo
	@echo '  SFU_… variables reach the server: SFU_PORT=9000 make serve. `.venv/bin/sfu serve --help` has them all.'

# -- run ------------------------------------------------------------------------------------------

.PHONY: serve
serve: server ## Build what has changed and run the server
	@exec $(BIN)/sfu serve

.PHONY: monitoring
monitoring: ## Run Prometheus beside the server, with the alert rules loaded: MONITORING_PORT=9090
	@.ci/tools prometheus
	@exec $(PYTHON) grafana/monitoring.py

.PHONY: build
build: server .venv/.peers ## Build the packet path, the client and the load test's peers if their sources changed

.PHONY: server
server: tools .venv/.packets sfu/web/static/index.html

.PHONY: wheel
wheel: server ## Build dist/*.whl, which runs with neither Rust nor Node
	@$(BIN)/maturin build --release --locked --out dist

.PHONY: tools
tools:
	@PYTHON=$(PYTHON) .ci/tools build

.venv/.uv:
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/.dependencies: requirements/build.txt .venv/.uv | tools
	@$(UV_INSTALL) --requirement requirements/build.txt
	@touch $@

.venv/.packets: $(RUST_SOURCES) pyproject.toml .venv/.dependencies | tools
	@echo 'Building the packet path (Rust)'
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# They share the packet path's protocol crate.
.venv/.peers: $(PEERS_SOURCES) .venv/.packets .venv/.dependencies | tools
	@echo 'Building the peers of the load test (Rust)'
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable loadtest/native
	@touch $@

client/node_modules/.installed: client/package.json client/package-lock.json | tools
	@echo 'Installing what the client is built with'
	@cd client && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

sfu/web/static/index.html: $(CLIENT_SOURCES) client/node_modules/.installed | tools
	@echo 'Building the client (TypeScript)'
	@cd client && npm run --silent build
	@touch $@

# -- check ----------------------------------------------------------------------------------------

.venv/.development: requirements/dev.txt .venv/.dependencies
	@$(UV_INSTALL) --requirement requirements/dev.txt
	@touch $@

.PHONY: test
test: build .venv/.development ## Run every test: Rust, Python, TypeScript, real browsers
	@.ci/tools browsers
	@.ci/tools prometheus
	$(CARGO) test --quiet --locked --workspace --manifest-path $(MANIFEST)
	SFU_TEST_SHARDS=2 $(CARGO) test --quiet --locked --package sfu-proto --tests --manifest-path $(MANIFEST)
	$(CARGO) test --quiet --locked --package sfu-io --features portable --manifest-path $(MANIFEST)
	$(CARGO) test --quiet --locked --manifest-path $(PEERS_MANIFEST)
	$(BIN)/python -m pytest
	cd client && npm test --silent

.PHONY: lint
lint: build .venv/.development ## Check form, types and import direction in all three languages
	@.ci/tools rust-lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/stubtest sfu._packets loadtest._native
	$(BIN)/lint-imports
	$(CARGO) fmt --all --check --manifest-path $(MANIFEST)
	$(CARGO) fmt --check --manifest-path $(PEERS_MANIFEST)
	$(CARGO) clippy --quiet --locked --workspace --all-targets --manifest-path $(MANIFEST) -- -D warnings
	$(CARGO) clippy --quiet --locked --package sfu-packets --features stages --manifest-path $(MANIFEST) -- -D warnings
	$(CARGO) clippy --quiet --locked --all-targets --manifest-path $(PEERS_MANIFEST) -- -D warnings
	cd client && npx biome ci --colors=off . && npx tsc --noEmit

.PHONY: bench
bench: build .venv/.development ## Measure the cost of forwarding, stage by stage, beside the least that it can be
	$(CARGO) bench --quiet --locked --workspace --benches --manifest-path $(MANIFEST)
	$(CARGO) run --quiet --locked --release --package sfu-proto --example estimating --manifest-path $(MANIFEST)
	$(BIN)/python -m pytest tests/bench --benchmark-only --benchmark-disable-gc
	$(BIN)/python -m tests.bench.floor

.PHONY: bench-room
bench-room: build .venv/.development ## Measure what rooms of 10 to 1000 cost the whole server
	$(BIN)/python -m tests.bench.room

.PHONY: bench-crowd
bench-crowd: build .venv/.development ## Measure one room of 50 to 200 who all publish, and what a change costs the others
	$(BIN)/python -m tests.bench.crowd

.PHONY: bench-joins
bench-joins: build .venv/.development ## Measure a storm of joins, and one join into rooms of 10 to 1000
	$(BIN)/python -m tests.bench.storm

.PHONY: bench-workers
bench-workers: build .venv/.development ## Measure what two workers forward, and one join's commands and model
	$(BIN)/python -m tests.bench.workers
	$(BIN)/python -m tests.bench.joins

.PHONY: bench-instructions
bench-instructions: server .venv/.development ## Count instructions a forwarded packet, and fail if 4 % were added
	@.ci/tools valgrind
	$(BIN)/python -m tests.bench.instructions

.PHONY: bench-instructions-baseline
bench-instructions-baseline: server .venv/.development ## Take today's instructions as what the next are compared with
	@.ci/tools valgrind
	$(BIN)/python -m tests.bench.instructions --write

.PHONY: bench-hostile
bench-hostile: build .venv/.development ## Measure what attackers cost others, beside an unharmed run
	$(BIN)/python -m tests.bench.hostile

.PHONY: bench-memory
bench-memory: build .venv/.development ## Measure what an idle server and its subscribers hold in memory
	$(BIN)/python -m tests.bench.memory

.PHONY: bench-network
bench-network: build .venv/.development ## Measure what viewers get over bad links: CASE=step_down SEEDS=5 AT_ONCE=2 PEERS=browser
	$(BIN)/python -m tests.bench.network $(addprefix --case ,$(CASE)) $(addprefix --seeds ,$(SEEDS)) $(addprefix --at-once ,$(AT_ONCE)) $(addprefix --peers ,$(PEERS)) $(addprefix --keep ,$(KEEP))

.PHONY: bench-links
bench-links: tools ## Simulate what viewers get over bad links, 50 seeds a case: CASE=5.1 SEEDS=50
	$(CARGO) run --quiet --locked --release --package sfu-proto --example links --manifest-path $(MANIFEST) -- "$(CASE)" $(SEEDS)

.PHONY: bench-link
bench-link: build .venv/.development ## Measure how punctual the emulated link of bench-network is
	$(BIN)/python -m tests.bench.network.punctual

.PHONY: bench-meeting
bench-meeting: build .venv/.development ## Measure how long four people in real browsers wait for pictures
	$(BIN)/python -m tests.bench.meeting

.PHONY: fuzz
fuzz: tools ## Feed noise to every parser, FUZZ_SECONDS (60) each
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --quiet --locked cargo-fuzz --version $(CARGO_FUZZ_VERSION)
	@# Coverage needs a nightly compiler's flags; the stable one takes them when told that it may. No address
	@# sanitizer: the crate forbids unsafe, and without it targets build and run several times faster.
	@for target in $$(RUSTC_BOOTSTRAP=1 $(CARGO) fuzz list --fuzz-dir $(FUZZ_DIR)); do \
		echo "fuzz $$target, $(FUZZ_SECONDS) s"; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none --fuzz-dir $(FUZZ_DIR) $$target -- -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 || exit 1; \
	done

.PHONY: lock
lock: .venv/.uv ## Choose the newest versions that pyproject.toml allows, with their hashes
	$(UV_COMPILE) --upgrade pyproject.toml --group build --output-file requirements/build.txt
	$(UV_COMPILE) --upgrade pyproject.toml --group dev --output-file requirements/dev.txt

.PHONY: clean
clean: ## Remove all that was built
	rm -rf .venv sfu/packets/target sfu/packets/fuzz/target sfu/web/static sfu/_packets*.so loadtest/_native*.so client/node_modules dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache
