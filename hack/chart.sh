#!/usr/bin/env bash
# Writes the templates of the chart that are the manifests in config, word for word: those in which a
# release chooses nothing but its namespace, and whether they are installed. The other templates are
# written by hand; test/chart holds them all against config.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly templates=charts/bailiwick/templates

# The namespace is the release's, and what Helm would take for a template's own is quoted.
template() {
  echo "# Generated from $1 by \`make generate\`."
  sed -e '1{/^---$/d}' -e 's/{{/{{ "{{" }}/g' \
    -e 's/: bailiwick-system$/: {{ .Release.Namespace | quote }}/' \
    -e 's/bailiwick-system/{{ .Release.Namespace }}/g' "$1"
}

# Helm leaves alone what stands in a chart's directory crds when it upgrades, so these are templates, and
# removes templates when it uninstalls, and all objects of a CRD with it, so these are kept.
custom_resource_definition() {
  echo '{{- if .Values.crds.enabled }}'
  template "$1" | sed -e '0,/^  annotations:$/ s//&\n    helm.sh\/resource-policy: keep/'
  echo '{{- end }}'
}

# Many a Prometheus selects by a label.
monitoring() {
  echo '{{- if .Values.monitoring.enabled }}'
  template "$1" | sed -e '0,/^    app.kubernetes.io\/name: bailiwick$/ s//&\n    {{- with .Values.monitoring.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}/'
  echo '{{- end }}'
}

rm -rf "$templates"/{crds,monitoring,rbac,webhook}
mkdir -p "$templates"/{crds,monitoring,rbac,webhook}
for file in config/crd/bases/*.yaml; do
  custom_resource_definition "$file" >"$templates/crds/${file##*/}"
done
for file in config/{rbac,webhook}/*.yaml; do
  if [[ ${file##*/} != kustomization.yaml ]]; then
    template "$file" >"$templates/${file#config/}"
  fi
done
for file in config/monitoring/*.yaml; do
  if [[ ${file##*/} != kustomization.yaml ]]; then
    monitoring "$file" >"$templates/${file#config/}"
  fi
done
cp config/monitoring/dashboard.json charts/bailiwick/
