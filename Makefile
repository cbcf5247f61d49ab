# make run     the demonstration district on this machine; Ctrl-C stops all of it
# make test    everything that is checked, cheapest first
# make chaos   FAULTS=200 SEED=n: kills, power cuts, full disks, wrong clocks; counts what is stored and raised afterwards
# make bench   the speeds, each beside the raw limit of its parts
# make bench-peers  the same readings into PostgreSQL, InfluxDB and VictoriaMetrics, as far as they are installed
# make bench-nab  the anomaly detector on the Numenta benchmark (NAB_DIR, OUT)
# make fmt     formats everything;  make lint  the linters alone
# make setup   only installs what is missing
#
# Everything a target needs and the machine lacks is installed first; the second time is quick.

export PATH := $(CURDIR)/target/tools/node/bin:$(CURDIR)/target/tools/bin:$(PATH)

DASHBOARD_SOURCES := $(shell find dashboard/src dashboard/public dashboard/index.html dashboard/*.ts dashboard/*.json -type f 2>/dev/null)

.PHONY: run test chaos bench bench-peers bench-nab fmt lint setup build build-bench

run: build
	demo/run

test:
	scripts/setup test
	scripts/check

# `make test` runs sixty of them. The seed of a run is printed at its beginning.
FAULTS ?= 200

chaos:
	scripts/setup test
	cargo build --locked -p gateway -p edge-agent
	BRIGHTWATCH_FAULTS=$(FAULTS) $(if $(SEED),BRIGHTWATCH_SEED=$(SEED)) cargo test --locked -p brightwatch-tests --test it chaos:: -- --nocapture

bench: build-bench
	NAB_DIR="$(NAB_DIR)" target/release/bench

bench-peers: build-bench
	target/release/bench peers

# Where the data that are too large or not ours to publish lie; OUT=<folder> writes the score of every row.
BRIGHTWATCH_DATA ?= ../shared/data
NAB_DIR ?= $(BRIGHTWATCH_DATA)/nab

bench-nab:
	@test -d "$(NAB_DIR)/data" || { echo "no benchmark data in $(NAB_DIR): set NAB_DIR to a checkout of the Numenta Anomaly Benchmark"; exit 1; }
	NAB_DIR="$(NAB_DIR)" cargo run --release --locked -p domain --example nab -- $(if $(OUT),--out "$(OUT)")

fmt: dashboard/node_modules/.package-lock.json
	cargo fmt --all
	npm --prefix dashboard run --silent format

lint: dashboard/node_modules/.package-lock.json
	cargo clippy --workspace --all-targets --locked -- -D warnings
	npm --prefix dashboard run --silent types
	npm --prefix dashboard run --silent lint

setup:
	scripts/setup test

build:
	scripts/setup run
	$(MAKE) --no-print-directory dashboard/dist/index.html
	cargo build --release --locked -p gateway -p edge-agent -p demo

# In one command: built apart, the programs would share fewer of their libraries.
build-bench:
	scripts/setup test
	$(MAKE) --no-print-directory dashboard/dist/index.html
	cargo build --release --locked -p gateway -p edge-agent -p demo -p bench
	cargo build --release --locked -p domain --example nab

dashboard/node_modules/.package-lock.json: dashboard/package-lock.json
	# Not `npm ci`: it wants optional packages of every operating system in the lock file.
	npm --prefix dashboard install --no-save --no-audit --no-fund
	touch $@

dashboard/dist/index.html: dashboard/node_modules/.package-lock.json $(DASHBOARD_SOURCES)
	npm --prefix dashboard run --silent build
	touch $@
