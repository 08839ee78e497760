#!/bin/sh
# Runs every fuzz target for the given time.
set -eu
cd "$(dirname "$0")/.."
time=${1:?how long each target runs, such as 5s}
count=0
for file in $(git ls-files '*_test.go'); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x >/tmp/sealtable-fuzz.$$ 2>&1 || {
			cat /tmp/sealtable-fuzz.$$
			rm -f /tmp/sealtable-fuzz.$$
			exit 1
		}
		count=$((count + 1))
	done
done
rm -f /tmp/sealtable-fuzz.$$
echo "$count fuzz targets found nothing"
[ "$count" -gt 0 ]
