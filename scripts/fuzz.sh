#!/bin/sh
# Runs every fuzz target for the given time. It prints the output of the one that fails, with the input that made it.
set -eu
cd "$(dirname "$0")/.."
time=${1:?how long each target runs, such as 5s}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

fuzz() {
	go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x >"$output" 2>&1
}

# Before Go 1.27 a target that ran until its time was up may say that it failed, by one bare line (golang/go, issue 75804). What is
# found is always said with the input that made it, or by a panic.
ended_late() {
	grep -qx ' *context deadline exceeded' "$output" && ! grep -Eqi 'failing input|panic|fatal error|_test\.go:' "$output"
}

count=0
for file in $(git ls-files '*_test.go'); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		if ! fuzz "./$(dirname "$file")" "$target" && ! ended_late; then
			cat "$output"
			exit 1
		fi
		count=$((count + 1))
	done
done
echo "$count fuzz targets found nothing"
[ "$count" -gt 0 ]
