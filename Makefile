# Koi. `make help` lists what one can do; every recipe is one or two lines, longer ones stand in .ci/.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build web web/types run dev demo test test/go test/web test/e2e test/faults lint bench fuzz node clean

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION)
PKG      ?= ./...
FUZZTIME ?= 30s
KILLS    ?= 50
LINT     := go tool -modfile=.ci/tools/go.mod golangci-lint

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z\/]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: web ## build bin/koi with the web apps in it
	@.ci/provision gcc
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/koi ./cmd/koi

web: ## build the web apps, when they changed
	@.ci/web

web/types: ## make the web apps' API types again, after the API changed
	@.ci/web-types

run: build ## build and serve with koi.yaml, or with the defaults when there is none
	bin/koi serve

dev: ## serve from source, logging everything
	KOI_LOG_LEVEL=debug go run ./cmd/koi serve

demo: build ## the product in five minutes at one address: simulated platforms, virtual phones, a firm with a past
	bin/koi demo

test: ## everything: web, Go on SQLite and MariaDB, Chromium; installs what is missing, or says what to install
	@.ci/provision gcc node mariadb chromium
	@$(MAKE) --no-print-directory test/web test/go test/e2e

test/web: web ## types, logic and sizes of the web apps
	@.ci/web-test

test/go: web ## Go, PKG=./... on SQLite and MariaDB
	@.ci/provision gcc node mariadb
	go vet ./...
	go run .ci/test.go $(PKG)

test/e2e: web ## the whole program in Chromium; FLOW=name picks some
	@.ci/e2e $(FLOW)

test/faults: ## kill the server KILLS=50 times per engine under load and count every effect
	@.ci/provision gcc mariadb
	KOI_TEST_KILLS=$(KILLS) go run .ci/test.go -run Crash -timeout 60m $(PKG)

fuzz: ## every fuzz test for FUZZTIME=30s
	@.ci/fuzz $(FUZZTIME)

lint: ## golangci-lint, at the version pinned in .ci/tools/go.mod
	@.ci/provision gcc
	$(LINT) run ./...

bench: build ## measure admission, pipeline, latency, sending and journeys on this machine, with ratios
	@for what in callbacks beacons pipeline latency welcome send journeys; do bin/koi bench $$what; done

node: ## install the Node modules that tests use
	@.ci/provision node
	@.ci/node-modules

clean: ## remove what was built
	rm -rf bin
