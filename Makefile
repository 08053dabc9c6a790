# Everything a person or CI does with Varve. `make help` lists it.
SHELL := /bin/bash
SWIFT_FLAGS := --explicit-target-dependency-import-check error
DATA ?= ./data
CLUSTER_DATA ?= ./data-cluster
SEEDS ?= 200
# The first of them.
SEED ?= 1
SECONDS ?= 60
# What the build and the server need from Debian; what only the tests need is in scripts/, what the
# first things to try need is installed by `run`.
PACKAGES := liblz4-dev libre2-dev libsnappy-dev libsqlite3-dev libzstd-dev zlib1g-dev

.PHONY: help deps build run cluster test lint bench sim sim-mutants fuzz e2e upgrade golden clean format

help:
	@echo "make run          build release and start a single node on defaults (data in $(DATA))"
	@echo "make cluster      build release and start three nodes in three zones on loopback"
	@echo "make build        build release: .build/release/varve"
	@echo "make test         all tests;  make test ROOM=Query  only one room's"
	@echo "make lint         formatting and house rules that need no build"
	@echo "make bench        figures with goals;  make bench ONLY=statsd;  ONLY=cluster: real nodes;"
	@echo "                  ONLY=peer: queries beside prometheus;  ONLY=tails: 1,000 tails"
	@echo "make sim SEEDS=n  seeded fault schedules over whole clusters;  SEED=n  the first of them"
	@echo "make sim-mutants  bugs on purpose, and which test finds each"
	@echo "make fuzz SECONDS=n  every fuzz target for n seconds"
	@echo "make e2e          end-to-end tests with real clients on loopback"
	@echo "make upgrade FROM=ref  a cluster of the varve of that commit becomes one of this"
	@echo "make golden       writes the golden files of the formats anew"

deps:
	@scripts/install-packages $(PACKAGES)
	@scripts/build-etcdraft

build: deps
	swift build -c release --product varve $(SWIFT_FLAGS)

run: build
	@scripts/install-packages netcat-openbsd bsdutils curl
	@scripts/run-node .build/release/varve $(DATA)

cluster: build
	@scripts/install-packages netcat-openbsd bsdutils curl
	@scripts/run-cluster .build/release/varve $(CLUSTER_DATA)

test: deps
	@scripts/run-tests "$(ROOM)" $(SWIFT_FLAGS)

lint:
	@scripts/lint

bench: deps
	@scripts/bench "$(ONLY)" $(SWIFT_FLAGS)

sim: deps
	@scripts/simulate $(SEEDS) $(SEED) $(SWIFT_FLAGS)

sim-mutants: deps
	@scripts/sim-mutants

fuzz: deps
	@scripts/fuzz $(SECONDS)

e2e: build
	@scripts/e2e .build/release/varve

upgrade: build
	@scripts/upgrade "$(FROM)" $(SWIFT_FLAGS)

golden: deps
	@scripts/golden $(SWIFT_FLAGS)

format:
	swift format -i -r Package.swift Sources Tests

clean:
	rm -rf .build
