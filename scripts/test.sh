#!/bin/sh
# Runs all tests: once plainly, once under the race detector where there is a C compiler, then each fuzz target for some seconds.
# Each stage says how long it took.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local

stage() {
	started=$(date +%s)
	echo "== $1"
	shift
	"$@"
	echo "== done in $(($(date +%s) - started)) s"
}

stage "tests" go test -timeout 15m ./...
if command -v gcc >/dev/null 2>&1; then
	# The tests of e2e run the binary as a child, which the race detector does not see.
	stage "tests under the race detector" env CGO_ENABLED=1 go test -race -short -timeout 15m ./internal/...
else
	echo "== no C compiler: the race detector did not run"
fi
stage "fuzz targets, ${FUZZTIME:-5s} each" scripts/fuzz.sh "${FUZZTIME:-5s}"
