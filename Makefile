# The version of a build: the tag that is checked out, or the last one and how far it is.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# Static programs, and one set of compiled packages for all that is built here.
export CGO_ENABLED = 0

CONTROLLER_GEN = go tool controller-gen
GINKGO = go tool ginkgo run --procs=3
GOLANGCI_LINT = go tool -modfile=$(CURDIR)/hack/tools/go.mod golangci-lint

# The modules of ours beside the root: what they need is not for whoever uses the root.
MODULES = docs/examples/go hack/engines hack/release test/chart test/gitops/argocd test/gitops/flux test/monitoring test/schema/inprocess

# The rows that show whether an API server takes our schemas, policies and webhooks, and keeps what they say.
OLDEST_ROWS = schema|\[Z1\]|\[Z4\]|\[Z5\]|\[Z8\]|\[G7\]|\[G12\]|\[B6\]|\[K2\]|\[K9\]|\[P2\]

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: controlplane build bin/demo ## Show what Bailiwick does, on a Kubernetes API server of its own. Leaves nothing behind.
	@bin/demo

.PHONY: run
run: controlplane build bin/demo ## Start the same and stay until interrupted; `. .run/env` to talk to it.
	@bin/demo --stay

.PHONY: build
build: ## Build bin/bailiwick, the operator, and bin/kubectl-authz, the plugin.
	go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/ ./cmd/...
	install -m 755 cmd/kubectl-authz/kubectl_complete-authz bin/

# A program of its own instead of `go run`, which does not pass on a request to end.
.PHONY: bin/demo
bin/demo:
	@go build -buildvcs=false -o $@ ./hack/demo

.PHONY: dist
dist: controlplane ## Write dist: manifests, chart, kubectl-authz for six platforms, krew's manifest, SBOM and NOTICE. IMAGE=name:tag or name@sha256:... names the manifests' image.
	@VERSION='$(VERSION)' COMMIT='$(COMMIT)' IMAGE='$(IMAGE)' PLATFORMS='$(PLATFORMS)' hack/dist.sh dist

.PHONY: controlplane
controlplane: ## Put etcd, kube-apiserver, kube-controller-manager and kubectl into bin/controlplane. The first time takes 5 to 10 minutes.
	@hack/controlplane/build.sh

.PHONY: test
test: packages controlplane build bin/demo bin/testrun ## Run all tests, the blocks of the documentation among them, and say where the time went.
	@bin/testrun

# What else the tests need: it comes first, so that a machine without it is told so at once.
.PHONY: packages
packages:
	@hack/packages.sh

.PHONY: bin/testrun
bin/testrun:
	@go build -buildvcs=false -o $@ ./hack/testrun

.PHONY: test-external
test-external: packages controlplane build ## Run the integration tests on an external OpenFGA server with PostgreSQL: all that do not say they are about the embedded store.
	BAILIWICK_TEST_STORE=external $(GINKGO) --timeout=90m ./test/integration

.PHONY: test-faults
test-faults: packages controlplane build ## Run the tests of faults (docs/faults.md) in many rounds, on both stores.
	BAILIWICK_FAULT_ROUNDS=$${BAILIWICK_FAULT_ROUNDS:-20} $(GINKGO) --timeout=6h --focus='\[(K([5-9]|11)|F6|D[1235])\]' ./test/integration
	BAILIWICK_FAULT_ROUNDS=$${BAILIWICK_FAULT_ROUNDS:-20} BAILIWICK_TEST_STORE=external $(GINKGO) --timeout=6h --focus='\[(K([5-9]|11)|F6|D[1235])\]' ./test/integration

.PHONY: test-random
test-random: ## Run the random tests with seeds that nobody has tried. SEEDS=FIRST+COUNT says with which.
	BAILIWICK_SEEDS=$(or $(SEEDS),$$(date +%s)+300) go test -timeout=6h $(shell grep -rl --include='*_test.go' seeds.Of internal | xargs -n1 dirname | sort -u | sed 's,^,./,')

.PHONY: test-oldest
test-oldest: export KUBERNETES = 1.33
test-oldest: controlplane build ## Run the schema's and the main rows on the oldest Kubernetes that is supported, built from its modules.
	$(GINKGO) --timeout=60m --focus='$(OLDEST_ROWS)' ./test/integration

.PHONY: vulnerabilities
vulnerabilities: ## Look for known vulnerabilities in what is compiled in. It needs vuln.go.dev.
	go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

.PHONY: bench
bench: controlplane build ## Measure what docs/performance.md promises. BENCH_SCALE=0.1 takes a quick look.
	@go build -buildvcs=false -o bin/bench ./hack/bench
	@bin/bench

.PHONY: engines
engines: ## Ask Bailiwick, cedar-go, OPA and OpenFGA the same questions, and print what each needs. ENGINES="-users=20000" asks about a larger organization.
	@go build -C hack/engines -buildvcs=false -o ../../bin/engines .
	@bin/engines $(ENGINES)

.PHONY: generate
generate: ## Generate deep copies, the CRDs, the operator's ClusterRole, lists of kinds and docs/reference from the Go code, and the chart's manifests.
	$(CONTROLLER_GEN) object paths=./api/...
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:dir=config/crd/bases
	go run -buildvcs=false ./hack/kinds
	$(CONTROLLER_GEN) rbac:roleName=bailiwick paths=./controllers/... paths=./internal/admission/... paths=./internal/installation/... paths=./internal/serviceaccounts/... paths=./internal/operator/... output:rbac:dir=config/rbac
	go run -buildvcs=false ./hack/reference
	hack/chart.sh

.PHONY: pictures
pictures: packages controlplane build ## Take the pictures of the page of kubectl authz ui again, for docs.
	BAILIWICK_PICTURES=docs/pictures go test -count=1 ./test/browser

.PHONY: fmt
fmt: ## Format the Go code.
	$(GOLANGCI_LINT) fmt

.PHONY: lint
lint: ## Run the linters, go vet and gofmt among them, in every module of ours.
	$(GOLANGCI_LINT) run
	@for module in $(MODULES); do echo "$$module:" && (cd $$module && $(GOLANGCI_LINT) run) || exit; done

.PHONY: verify
verify: ## Check what CI checks: generated files, tidy modules, the API no narrower than released, linters.
	@hack/verify.sh

.PHONY: clean
clean: ## Remove what was built here. The control plane stays in its cache.
	rm -rf bin dist .run
