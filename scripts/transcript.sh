#!/bin/sh
# Writes docs/transcript.md anew: what the demonstration shows, with random parts of names cut.
set -eu
cd "$(dirname "$0")/.."
out=docs/transcript.md
{
	cat <<-'HEAD'
		# What `make run` shows

		The output of `scripts/demo.sh`, written by `make transcript`; the random parts of ids, the ports and the times are cut. The
		script stops with an error where an answer is not the one below.

		```console
	HEAD
	scripts/demo.sh "${1:?the path of the binary}" | sed -E \
		-e 's/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/\1-xxxx-xxxx-xxxx-xxxxxxxxxxxx/g' \
		-e 's#tables/0{31}1#tables/CATALOG#g' \
		-e 's/([0-9a-f]{6})[0-9a-f]{26}/\1xxxxxxxxxxxxxxxxxxxxxxxxxx/g' \
		-e 's#tables/CATALOG#tables/00000000000000000000000000000001#g' \
		-e 's/(seal +[0-9a-f]{4})[0-9a-f]{12}/\1xxxxxxxxxxxx/' \
		-e 's/127\.0\.0\.1:[0-9]+/127.0.0.1:8000/g' \
		-e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}([ T])[0-9]{2}:[0-9]{2}/20xx-xx-xx\1xx:xx/g' \
		-e 's/("InaccessibleEncryptionDateTime": ).*/\1…/' \
		-e 's/, in [0-9]+ seconds//' \
		-e 's/ +$//' | sed '1{/^$/d}'
	echo '```'
} >"$out.new"
mv "$out.new" "$out"
