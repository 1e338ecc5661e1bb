{{/* The labels of every object, for one that has some of its own besides. */}}
{{- define "bailiwick.commonLabels" }}
    helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
    app.kubernetes.io/instance: {{ .Release.Name | quote }}
    app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
    app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The same for an object that has none. */}}
{{- define "bailiwick.labels" }}
  labels:
    {{- include "bailiwick.commonLabels" . }}
{{- end }}
