# The two commands of the README are `make run` and `make test`. Both do their own set-up.

export GOTOOLCHAIN = local
GO      ?= go
BINARY   = bin/sealtable
FUZZTIME ?= 5s
SOAKTIME ?= 10m

.PHONY: run test check build bench corpus gen soak setup transcript clean

run: build setup          ## make a key, a table under it, items; then prove what is on disk, and what happens without the key
	scripts/demo.sh $(BINARY)

build:                    ## one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(BINARY) .

setup:                    ## what the demo and the tests need beside Go
	scripts/setup.sh

test: setup check build   ## everything that CI runs
	scripts/test.sh

check:                    ## quick checks that need no build of the tests
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt is due for:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool -modfile=scripts/tools/go.mod staticcheck ./...
	$(GO) run ./internal/api/gen -check
	scripts/changelog.sh -check

gen:                      ## write the generated files anew
	$(GO) run ./internal/api/gen
	$(GO) test ./internal/server -run TestCompatibilityPage -update
	$(GO) test ./internal/audit/rule -run TestRulePages -update
	$(GO) test ./internal/audit -run TestReportSchema -update
	scripts/changelog.sh

transcript: build setup   ## write docs/transcript.md anew: what `make run` shows
	scripts/transcript.sh $(BINARY)

bench: build              ## the ratios of the design, measured in one run
	$(GO) run ./internal/bench -sealtable $(BINARY)

corpus: setup             ## every call of e2e/corpus, as one table
	$(GO) test ./e2e -count 1 -v -run 'TestCorpus$$'

soak: build               ## long fuzz, crash and metamorphic runs
	SOAKTIME=$(SOAKTIME) scripts/soak.sh

clean:
	rm -rf bin
