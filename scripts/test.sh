#!/bin/sh
# Runs all tests: once plainly, once under the race detector where there is a C compiler, then each fuzz target for some seconds.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local

echo "== tests"
go test -timeout 15m ./...

if command -v gcc >/dev/null 2>&1; then
	echo "== tests under the race detector"
	CGO_ENABLED=1 go test -race -short -timeout 15m ./internal/...
else
	echo "== no C compiler: the race detector did not run"
fi

echo "== fuzz targets, ${FUZZTIME:-5s} each"
scripts/fuzz.sh "${FUZZTIME:-5s}"
