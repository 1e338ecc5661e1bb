#!/usr/bin/env bash
# Keeps the API as it is now for what comes after: `make verify` holds the CRDs of the tree against the last
# of these, and test/upgrade upgrades from each, with the samples in force. Run it when a version is released, with the version's name: hack/snapshot.sh v0.2. A snapshot is
# never changed afterwards; what comes later takes a new one.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?which version? for example: hack/snapshot.sh v0.2}
[[ $version =~ ^v[0-9]+\.[0-9]+$ ]] || { echo "snapshot: $version is no version such as v0.2" >&2; exit 1; }
directory=test/upgrade/testdata/$version
[[ ! -e $directory ]] || { echo "snapshot: $directory is there already" >&2; exit 1; }

make --no-print-directory controlplane build
sed -i '/^#/!d' hack/apicheck/breaking.txt # that is behind us
mkdir -p "$directory/crds"
cp config/crd/bases/*.yaml "$directory/crds"
go run -buildvcs=false ./hack/snapshot "$directory"
echo "snapshot: the API of $version, and an installation of it, are in $directory: add them"
