#!/bin/bash
# A tour for newcomers, and a test: each step says what it shows, and the script fails where the answer is not what it should be.
# Everything happens in a temporary directory, with the AWS CLI as it is installed.
set -euo pipefail

binary=$(cd "$(dirname "${1:?usage: demo.sh PATH-OF-SEALTABLE}")" && pwd)/$(basename "$1")
command -v aws >/dev/null || { echo "demo: the AWS CLI is not installed; scripts/setup.sh installs it" >&2; exit 1; }

home=$(mktemp -d)
server="" output=""
finish() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$home"
}
trap finish EXIT

say() { printf '\n== %s\n' "$*"; }
fail() {
	printf '\ndemo: %s\n' "$*" >&2
	[ ! -s "$home/log" ] || cat "$home/log" >&2
	exit 1
}
# short shows paths from where a person would stand.
short() { sed "s|$home|.|g"; }
# typed prints a command as a person would type it.
typed() {
	local word line='$'
	for word in "$@"; do
		case "$word" in *[!A-Za-z0-9_./:=,-]*) word="'$word'" ;; esac
		line="$line $word"
	done
	printf '%s\n' "$line" | short
}
# run runs a command that must succeed, and keeps what it printed in $output.
run() {
	typed "$@"
	output=$("$@" 2>&1) || fail "this failed: $output"
	[ -z "$output" ] || printf '%s\n' "$output" | short
}
# refused runs a command that must fail.
refused() {
	typed "$@"
	if output=$("$@" 2>&1); then fail "this was not refused: $output"; fi
	printf '%s\n' "$output" | sed '/^$/d' | short
}
# ends runs a command that must end with an exit code, and shows the last lines of what it prints.
ends() {
	local want=$1 lines=$2 code=0
	shift 2
	typed "$@"
	output=$("$@" 2>&1) || code=$?
	printf '…\n%s\n(exit code %s)\n' "$(printf '%s\n' "$output" | tail -n "$lines")" "$code" | short
	[ "$code" = "$want" ] || fail "the exit code is $code instead of $want"
}
expect() {
	case "$output" in *"$1"*) ;; *) fail "the answer lacks: $1" ;; esac
}
# aws is the installed CLI. --endpoint-url is given each time because old releases ignore AWS_ENDPOINT_URL.
aws() { command aws --endpoint-url "$endpoint" "$@"; }
sealtable() { "$binary" "$@"; }

start() {
	printf '$ sealtable serve --data ./data --config ./config &\n'
	: >"$home/log"
	"$binary" serve --listen 127.0.0.1:0 --data "$home/data" --config "$home/config" 2>>"$home/log" &
	server=$!
	for _ in $(seq 300); do
		endpoint=$(sed -n 's/.*msg=ready endpoint=\([^ ]*\).*/\1/p' "$home/log")
		[ -z "$endpoint" ] || return 0
		kill -0 "$server" 2>/dev/null || fail "the server ended"
		sleep 0.1
	done
	fail "the server is not ready"
}
stop() {
	kill -TERM "$server"
	wait "$server" || fail "the server did not end well"
	server=""
}

while read -r variable; do unset "$variable"; done < <(compgen -v | grep -E '^(AWS|SEALTABLE)_')
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE="$home/config/credentials" AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1
export AWS_PAGER="" AWS_EC2_METADATA_DISABLED=true
# Nothing is meant to leave this machine; what would all the same ends at a proxy that does not exist.
export HTTP_PROXY=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY=127.0.0.1

say "A server. Its first start makes the root key and the root access key, outside of the data directory."
start
run ls "$home/config"
expect keyring

say "A customer managed key, a name for it, and a table under it: the AWS CLI as it is (with --endpoint-url, not shown)."
run aws kms create-key --description "for patients" --query KeyMetadata.Arn --output text
key=$output
run aws kms create-alias --alias-name alias/patients --target-key-id "$key"
run aws dynamodb create-table --table-name patients --billing-mode PAY_PER_REQUEST \
	--attribute-definitions AttributeName=ward,AttributeType=S AttributeName=bed,AttributeType=N \
	--key-schema AttributeName=ward,KeyType=HASH AttributeName=bed,KeyType=RANGE \
	--sse-specification Enabled=true,SSEType=KMS,KMSMasterKeyId=alias/patients \
	--query TableDescription.SSEDescription
expect "\"KMSMasterKeyArn\": \"$key\""

say "Items: write two, get one, query, scan."
run aws dynamodb put-item --table-name patients --item '{"ward":{"S":"north"},"bed":{"N":"7"},"diagnosis":{"S":"hypochondria"}}'
run aws dynamodb put-item --table-name patients --item '{"ward":{"S":"north"},"bed":{"N":"12"},"diagnosis":{"S":"wanderlust"}}'
run aws dynamodb get-item --table-name patients --key '{"ward":{"S":"north"},"bed":{"N":"7"}}' --query Item.diagnosis.S --output text
expect hypochondria
run aws dynamodb query --table-name patients --key-condition-expression 'ward = :w AND bed > :b' \
	--expression-attribute-values '{":w":{"S":"north"},":b":{"N":"10"}}' --query 'Items[].diagnosis.S' --output text
expect wanderlust
run aws dynamodb scan --table-name patients --select COUNT --query Count
expect 2

say "On the disk there is none of it: no value, no attribute name, no key, no table name."
for word in hypochondria diagnosis north patients; do
	typed grep -r "$word" "$home/data"
	if grep -r -q -e "$word" "$home/data"; then fail "the data directory shows: $word"; fi
done
echo "(nothing)"

say "What is on the disk, accounted for: every file, and the chain of keys above it. Without the root key nothing can be read."
stop
run sealtable inspect "$home/data" --config "$home/config"
ends 5 4 sealtable inspect "$home/data" --config "$home/nowhere"
start

say "Which key is every table under, and does it still work? The same question can be put to AWS."
run sealtable audit --endpoint-url "$endpoint" --region us-east-1
expect patients

say "Without its key a table is dead. Disable the key, and restart, so that nothing is cached."
run aws kms disable-key --key-id "$key"
stop
start
refused aws dynamodb get-item --table-name patients --key '{"ward":{"S":"north"},"bed":{"N":"7"}}'
expect "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: $key is disabled."
run aws dynamodb describe-table --table-name patients --query 'Table.[TableStatus,SSEDescription]'
expect INACCESSIBLE_ENCRYPTION_CREDENTIALS
ends 3 11 sealtable audit --endpoint-url "$endpoint" --region us-east-1

say "With its key the table is back, every item of it."
run aws kms enable-key --key-id "$key"
run aws dynamodb get-item --table-name patients --key '{"ward":{"S":"north"},"bed":{"N":"7"}}' --query Item.diagnosis.S --output text
expect hypochondria
stop

say "All of it as it should be, in $SECONDS seconds. The directory of the demonstration is removed."
