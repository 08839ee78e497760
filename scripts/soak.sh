#!/bin/sh
# The long runs: every fuzz target and every randomised test for SOAKTIME (10 minutes each by default). Seeds are printed.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local
time=${SOAKTIME:-10m}
echo "== randomised tests again and again, new seeds each time"
SEALTABLE_SOAK=$time go test -count 20 -timeout 0 ./internal/storage/... ./internal/keyring/... ./internal/seal/... ./internal/engine/...
echo "== the engine against the reference of plain maps, 20000 tables"
go test -timeout 0 ./internal/engine -run TestAgainstReference -rapid.checks 20000
echo "== what concurrent clients saw, looked through for an order that explains it"
go test -count 200 -timeout 0 ./internal/engine -run TestConcurrentClientsSeeOneOrder
SEALTABLE_SOAK=$time go test -count 3 -v -timeout 0 ./e2e
echo "== fuzz targets, $time each"
scripts/fuzz.sh "$time"
