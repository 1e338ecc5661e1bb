{{/* Whether AuthZEN is served: "true", or nothing. */}}
{{- define "bailiwick.decisions" }}
{{- $several := and (eq .Values.store.type "external") (gt (int .Values.store.external.replicas) 1) }}
{{- if eq (toString .Values.decisions.enabled) "auto" }}
{{- if not $several }}true{{ end }}
{{- else if .Values.decisions.enabled }}true{{ end }}
{{- end }}
