#!/usr/bin/env bash
# Puts etcd, kube-apiserver, kube-controller-manager and kubectl into bin/controlplane of this
# checkout. They are built once and kept outside the checkout, under $BAILIWICK_CACHE, where every
# clone finds them again. If KUBEBUILDER_ASSETS names a directory with all four, there is nothing to
# do: the tests and the demo use those.
#
# KUBERNETES=1.33 takes the versions of kubernetes-1.33.mod instead of those of go.mod.
set -euo pipefail

readonly programs=(etcd kube-apiserver kube-controller-manager kubectl)
readonly progress_seconds=15

cd "$(dirname "$0")"

modules=go.mod
modfile=()
if [[ -n ${KUBERNETES:-} ]]; then
  modules=kubernetes-$KUBERNETES.mod
  [[ -f $modules ]] || { echo "controlplane: KUBERNETES=$KUBERNETES: there is $(echo kubernetes-*.mod | sed 's/kubernetes-//g; s/\.mod//g')" >&2; exit 1; }
  modfile=("-modfile=$modules")
fi

# Static, so that neither a C compiler nor the C library of the machine makes a difference.
export CGO_ENABLED=0
kubernetes_version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' $modules)
readonly build_flags=(-trimpath -buildvcs=false -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes_version")

say() { echo "controlplane: $*"; }

has_all() {
  local program
  for program in "${programs[@]}"; do
    [[ -x $1/$program ]] || return 1
  done
}

# The directory that belongs to exactly these sources, flags and this toolchain.
cache_directory() {
  local root=${BAILIWICK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bailiwick} key
  key=$({ cat "$modules" "${modules%.mod}.sum" main.go && echo "${build_flags[@]}" && go env GOVERSION GOOS GOARCH; } | git hash-object --stdin)
  echo "$root/controlplane/${key:0:16}"
}

# `go build -v` names each package that it compiles, on its standard error.
compile() {
  go list "${modfile[@]}" -deps . 2>"$staging/log" | wc -l >"$staging/total"
  exec go build -v "${modfile[@]}" "${build_flags[@]}" -o "$staging/controlplane" . 2>"$staging/log"
}

progress() {
  local elapsed
  elapsed=$(printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)))
  if [[ -s $staging/total ]]; then
    say "$elapsed elapsed, $(grep -vc '^go: ' "$staging/log") of $(tr -d ' ' <"$staging/total") packages compiled"
  else
    say "$elapsed elapsed, fetching modules"
  fi
}

# Builds into a directory beside the final one and renames it, so that a directory in the cache is
# always complete.
build_into() {
  local target=$1 program next_progress=$progress_seconds
  SECONDS=0
  staging=$(mktemp -d "$target.XXXXXX")
  say "building etcd and Kubernetes $kubernetes_version with $(go env GOVERSION); this takes 5 to 10 minutes, once"

  compile 9>&- &
  builder=$!
  while kill -0 "$builder" 2>/dev/null; do
    sleep 1 9>&-
    if ((SECONDS >= next_progress)); then
      progress
      next_progress=$((SECONDS + progress_seconds))
    fi
  done
  if ! wait "$builder"; then
    say "the build failed:" >&2
    tail -n 40 "$staging/log" >&2
    return 1
  fi

  for program in "${programs[@]}"; do
    ln -s controlplane "$staging/$program"
  done
  rm "$staging/log" "$staging/total"
  chmod 755 "$staging"
  mv "$staging" "$target"
  say "built in $((SECONDS / 60))m$((SECONDS % 60))s, kept in $target"
}

# After a successful build the staging directory has moved away.
clean_up() {
  [[ -z ${builder:-} ]] || kill "$builder" 2>/dev/null || true
  [[ -z ${staging:-} ]] || rm -rf "$staging"
}

if [[ -n ${KUBEBUILDER_ASSETS:-} ]] && has_all "$KUBEBUILDER_ASSETS"; then
  say "using KUBEBUILDER_ASSETS, $KUBEBUILDER_ASSETS"
  exit 0
fi

cache=$(cache_directory)
if ! has_all "$cache"; then
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$(dirname "$cache")"
  if command -v flock >/dev/null; then
    exec 9>"$cache.lock"
    flock --nonblock 9 || { say "another build is under way, waiting for it" && flock 9; }
  fi
  has_all "$cache" || build_into "$cache"
fi

links=../../bin/controlplane
mkdir -p "$links"
for program in "${programs[@]}"; do
  ln -sfn "$cache/$program" "$links/$program"
done
