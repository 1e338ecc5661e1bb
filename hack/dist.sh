#!/usr/bin/env bash
# Usage: hack/dist.sh DIRECTORY
# Writes into DIRECTORY what a release consists of, beside the image:
#   install.yaml             all that `kubectl apply --server-side -k config/default` applies
#   crds.yaml                the custom resource definitions alone
#   bailiwick-VERSION.tgz    the chart
#   kubectl-authz_VERSION_OS_ARCH.tar.gz  the plugin, for $PLATFORMS if set, as in linux/amd64,darwin/arm64, else for all
#   checksums.txt, authz.yaml  of these: their checksums, and the manifest by which krew installs them
#   sbom.cdx.json, NOTICE    what is compiled in, and its licences
# $VERSION is a tag, or what `git describe` says of a commit. If $IMAGE is set, name:tag or
# name@sha256:..., both install that image; else the one that config/image and values.yaml name.
set -euo pipefail
(($# == 1)) || { echo "usage: hack/dist.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

# It is given to a linker, and to file names.
[[ $VERSION =~ ^[A-Za-z0-9._+-]+$ ]] || { echo "dist: VERSION=$VERSION: letters, digits and ._+- only" >&2; exit 1; }

readonly image_pattern='^(([a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/)?[a-z0-9][a-z0-9._/-]*)(@(sha256:[a-f0-9]{64})|:([A-Za-z0-9_][A-Za-z0-9_.-]*))$'
if [[ -n ${IMAGE:-} && ! $IMAGE =~ $image_pattern ]]; then
  echo "dist: IMAGE=$IMAGE: it is name:tag or name@sha256:..., with the whole digest" >&2
  exit 1
fi

staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
cp -R charts/bailiwick "$staging"
"${KUBEBUILDER_ASSETS:-bin/controlplane}/kubectl" kustomize config/default >"$staging/install.yaml"
"${KUBEBUILDER_ASSETS:-bin/controlplane}/kubectl" kustomize config/crd >"$staging/crds.yaml"
if [[ -n ${IMAGE:-} ]]; then
  sed -i "s|^\( *image: \)bailiwick:latest\$|\1$IMAGE|" "$staging/install.yaml"
  sed -i -e "s|^  repository: bailiwick\$|  repository: ${BASH_REMATCH[1]}|" \
    -e "s|^  digest: \"\"\$|  digest: \"${BASH_REMATCH[5]}\"|" \
    -e "s|^  tag: latest\$|  tag: \"${BASH_REMATCH[6]:-latest}\"|" "$staging/bailiwick/values.yaml"
fi

# A chart's version is a semantic one. What is no release comes before all that are.
version=${VERSION#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || version=0.0.0-dev-$version
go -C test/chart tool helm package "$staging/bailiwick" --version "$version" --app-version "$VERSION" --destination "$staging" >/dev/null

go build -C hack/release -buildvcs=false -o "$staging/release" .
mkdir "$staging/files"
"$staging/release" -version "$VERSION" -commit "${COMMIT:-unknown}" -directory "$staging/files" ${PLATFORMS:+-platforms "$PLATFORMS"}

mv "$staging"/{install,crds}.yaml "$staging"/bailiwick-*.tgz "$staging"/files/* "$directory"
ls "$directory"
