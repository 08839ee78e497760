#!/bin/sh
# Runs every fuzz target for the given time. It prints the output of the one that fails, with the input that made it.
set -eu
cd "$(dirname "$0")/.."
time=${1:?how long each target runs, such as 5s}
output=$(mktemp)
trap 'rm -f "$output"' EXIT
count=0
for file in $(git ls-files '*_test.go'); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		if ! go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x >"$output" 2>&1; then
			cat "$output"
			exit 1
		fi
		count=$((count + 1))
	done
done
echo "$count fuzz targets found nothing"
[ "$count" -gt 0 ]
