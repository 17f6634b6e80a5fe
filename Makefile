# SPDX-License-Identifier: Apache-2.0

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## static binaries into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/bulkhead ./cmd/bulkheadd ./cmd/bulkheadctl

.PHONY: demo
demo: deps ## containers, policies, an agent, and what gets through
	CGO_ENABLED=0 go run ./e2e/demo

.PHONY: test
test: deps ## every suite; fails on a skip, and on a package that no suite runs
	go run ./internal/suite

.PHONY: lint
lint: ## format, vet, and the laws of internal/arch
	go run ./internal/suite lint

.PHONY: fuzz
fuzz: ## every fuzz target, a minute each
	go run ./internal/suite -fuzztime 1m fuzz

.PHONY: soak
soak: deps ## churn for FOR (30m), and KILLS (1000) of the agent, under probes
	go test ./e2e/soak -count=1 -v -timeout 0 -soak.for $(or $(FOR),30m) -soak.everycall \
		-soak.agentfor 2h -soak.agentkills $(or $(KILLS),1000)

.PHONY: bench
bench: deps ## what it costs, as ratios; fails while a goal is missed
	go run ./e2e/bench

.PHONY: generate
generate: ## CRD schemas, docs/clauses.md and the code of wire schemas
	go generate ./...

.PHONY: image
image: ## container image bulkhead:latest
	docker build --tag bulkhead .

.PHONY: deps
deps: ## install what tests and demo need (root, Debian)
	hack/deps

.PHONY: clean
clean: ## remove bin/
	rm -rf bin
