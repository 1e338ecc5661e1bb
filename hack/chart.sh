#!/usr/bin/env bash
# Writes the templates of the chart that are the manifests in config, word for word: those in which a
# release chooses nothing but its namespace, and whether they are installed. The other templates are
# written by hand; test/chart holds them all against config.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly templates=charts/bailiwick/templates

# The namespace is the release's, what Helm would take for a template's own is quoted, and each object has
# the labels that a release gives to all.
template() {
  echo "# Generated from $1 by \`make generate\`."
  sed -e '1{/^---$/d}' -e 's/{{/{{ "{{" }}/g' \
    -e 's/: bailiwick-system$/: {{ .Release.Namespace | quote }}/' \
    -e 's/bailiwick-system/{{ .Release.Namespace }}/g' "$1" |
    awk '
      function close_metadata() {
        if (inside && !labelled) print "  {{- include \"bailiwick.labels\" . }}"
        inside = labelled = 0
      }
      /^[^ ]/ { close_metadata() }
      { print }
      /^metadata:$/ { inside = 1 }
      inside && /^  labels:$/ { labelled = 1; print "    {{- include \"bailiwick.commonLabels\" . }}" }
      END { close_metadata() }
    '
}

# Helm leaves alone what stands in a chart's directory crds when it upgrades, so these are templates, and
# removes templates when it uninstalls, and all objects of a CRD with it, so these are kept unless somebody says otherwise.
custom_resource_definition() {
  echo '{{- if .Values.crds.enabled }}'
  template "$1" | sed -e '0,/^  annotations:$/ s//&\n    {{- if .Values.crds.keep }}\n    helm.sh\/resource-policy: keep\n    {{- end }}/'
  echo '{{- end }}'
}

# Many a Prometheus selects by a label, and not every cluster has something that reads all parts.
monitoring() {
  case ${1##*/} in
  prometheus_rule.yaml) part=alerts ;;
  *) part=serviceMonitor ;;
  esac
  echo "{{- if and .Values.monitoring.enabled .Values.monitoring.$part }}"
  template "$1" | sed -e '0,/^    app.kubernetes.io\/name: bailiwick$/ s//&\n    {{- with .Values.monitoring.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}/'
  echo '{{- end }}'
}

rm -rf "$templates"/{crds,decision-replicas,monitoring,rbac,webhook}
mkdir -p "$templates"/{crds,decision-replicas,monitoring,rbac,webhook}
for file in config/crd/bases/*.yaml; do
  custom_resource_definition "$file" >"$templates/crds/${file##*/}"
done
for file in config/{rbac,webhook}/*.yaml; do
  if [[ ${file##*/} != kustomization.yaml ]]; then
    template "$file" | sed -e 's/^  timeoutSeconds: 10$/  timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}/' \
      >"$templates/${file#config/}"
  fi
done
# The other templates of these replicas depend on values.
for name in service_account role role_binding; do
  {
    echo '{{- if .Values.decisions.replicas.enabled }}'
    template "config/decision-replicas/$name.yaml"
    echo '{{- end }}'
  } >"$templates/decision-replicas/$name.yaml"
done
cat >>"$templates/rbac/service_account.yaml" <<'EOF'
  {{- with .Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
EOF
for file in config/monitoring/*.yaml; do
  if [[ ${file##*/} != kustomization.yaml ]]; then
    monitoring "$file" >"$templates/${file#config/}"
  fi
done
cp config/monitoring/dashboard.json charts/bailiwick/

# The chart's README has the table of its values, as they are documented for both ways of installing.
{
  sed '/^## Values$/,$d' charts/bailiwick/README.md
  echo '## Values'
  echo
  # Links lead to the pages where they are read: in the sources.
  sed -n '/^| value | default |/,/^$/p' docs/install.md | sed -E \
    -e 's#\]\(([a-z/]+\.md)#](https://github.com/bailiwick-dev/bailiwick/blob/main/docs/\1#g' \
    -e 's#\]\(\##](https://github.com/bailiwick-dev/bailiwick/blob/main/docs/install.md\##g' -e '/^$/d'
} >charts/bailiwick/README.md.new
mv charts/bailiwick/README.md.new charts/bailiwick/README.md
