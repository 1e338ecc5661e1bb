#!/usr/bin/env bash
# Fails if what is generated is not what is in the tree, if a module is not tidy, if the API has become
# narrower than that of the last release, if docs/openapi.yaml is no valid OpenAPI, or if the linters find
# something. The tree, untracked files included, is compared before and after: work in progress doesn't
# matter, and a clean checkout misses a generated file that was never added.
set -euo pipefail
cd "$(dirname "$0")/.."

index=$(mktemp)
trap 'rm -f "$index"' EXIT

# The working tree as a git tree: what is tracked and what is untracked, without what is ignored.
snapshot() {
  cp "$(git rev-parse --git-path index)" "$index"
  GIT_INDEX_FILE=$index git add --all
  GIT_INDEX_FILE=$index git write-tree
}

before=$(snapshot)
make --no-print-directory generate
after=$(snapshot)
if [[ $before != "$after" ]]; then
  git --no-pager diff --stat "$before" "$after"
  echo "verify: the files above are not what is generated: run \`make generate\` and add them" >&2
  exit 1
fi

git ls-files -- go.mod '*/go.mod' | while read -r file; do
  go -C "$(dirname "$file")" mod tidy -diff
done

# The API may get wider than that of the last release, and narrower only where that is meant.
last=$(printf '%s\n' test/upgrade/testdata/v*/crds | sort -V | tail -n 1)
go run ./hack/apicheck "$last" config/crd/bases hack/apicheck/breaking.txt

# What applications are told of the API has to be OpenAPI.
go test -run Valid ./test/openapi

make --no-print-directory lint
echo "verify: all is as it should be"
