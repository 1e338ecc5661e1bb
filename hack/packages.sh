#!/usr/bin/env bash
# Sees to the programs that the tests need and that are not built here: PostgreSQL for an external store, Node.js for an
# example and the browser's tests, Chromium for these, curl and jq for the pages of the documentation. As root on Debian it installs what is missing. Elsewhere it
# says which packages are missing, and fails.
set -euo pipefail

has() { command -v "$1" >/dev/null; }

# Debian keeps PostgreSQL's programs out of PATH, and others elsewhere: these are the places where the tests look.
has_postgresql() {
  has initdb && has postgres && return
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || compgen -G '/usr/pgsql-*/bin/initdb' >/dev/null ||
    compgen -G '/opt/homebrew/opt/postgresql*/bin/initdb' >/dev/null
}

missing=()
has_postgresql || missing+=(postgresql)
has node || missing+=(nodejs)
has npm || missing+=(npm)
has chromium || has chromium-browser || has google-chrome || missing+=(chromium)
has curl || missing+=(curl)
has jq || missing+=(jq)
[[ ${#missing[@]} -eq 0 ]] && exit

if [[ $EUID -ne 0 ]] || ! has apt-get; then
  echo "test: missing packages: ${missing[*]}; on Debian: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "test: installing ${missing[*]}"
# PostgreSQL's programs only: no cluster of Debian's own is to be made and started.
mkdir -p /etc/postgresql-common
[[ -e /etc/postgresql-common/createcluster.conf ]] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
