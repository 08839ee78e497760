#!/bin/sh
# Writes CHANGELOG.md from the files in changelog/: what is unreleased, then each release, the newest first. With -check it
# only compares.
set -eu
cd "$(dirname "$0")/.."

entries() {
	for file in "$1"/*.md; do
		[ -e "$file" ] || continue
		echo
		cat "$file"
	done
}

changelog() {
	printf '# Changelog\n\nWritten by `make gen` from the files in `changelog/`.\n\n## Unreleased\n'
	entries changelog/unreleased
	for release in $(find changelog -mindepth 1 -maxdepth 1 -name '[0-9]*' | sort -rV); do
		printf '\n## %s\n' "${release#changelog/}"
		entries "$release"
	done
}

if [ "${1:-}" != -check ]; then
	changelog >CHANGELOG.md
elif ! changelog | cmp -s - CHANGELOG.md; then
	echo "CHANGELOG.md is not what changelog/ says: run make gen" >&2
	exit 1
fi
