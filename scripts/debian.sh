#!/bin/sh
# Runs the tests that use the AWS CLI, boto3 and other programs once more, with Go and Debian's own packages alone in PATH: a newer
# release that stands first in PATH hides what older ones lack. Tests that need nothing but Go do not run twice.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=local
started=$(date +%s)
bin=$(mktemp -d) output=$(mktemp)
trap 'rm -rf "$bin" "$output"' EXIT
ln -s "$(go env GOROOT)/bin/go" "$bin/go"
export PATH="$bin:/usr/sbin:/usr/bin:/sbin:/bin"
scripts/setup.sh
echo "== tests with Debian's packages alone: $(aws --version 2>&1), boto3 $(python3 -c 'import boto3; print(boto3.__version__)' 2>&1 | tail -n 1)"
go test -count 1 -short -v -timeout 15m ./e2e >"$output" 2>&1 || { grep -v '^=== ' "$output"; exit 1; }
grep -E 'skipped|too old' "$output" | sed 's/^ *[a-z_]*\.go:[0-9]*: //' | sort | uniq -c
echo "== done in $(($(date +%s) - started)) s"
