#!/bin/sh
# Installs what the demonstration and the tests need beside Go: the AWS CLI and boto3, and a C compiler for the race detector.
# Debian's packages are used, and only for what is missing. Without root it says what is missing and goes on.
set -eu

missing=""
command -v aws >/dev/null 2>&1 || missing="$missing awscli"
python3 -c 'import boto3' >/dev/null 2>&1 || missing="$missing python3-boto3"
command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v curl >/dev/null 2>&1 || missing="$missing curl"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "setup: not installed, and this user may not install it:$missing" >&2
	echo "setup: tests that need it are skipped; install it with: apt-get install$missing" >&2
	exit 0
fi
echo "setup: installing$missing" >&2
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
