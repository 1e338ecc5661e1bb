{{/* What runs in a hook's Pod: the operator's image, with rights of its own. The dictionary has the root and the name. */}}
{{- define "bailiwick.hookPod" }}
{{- $root := .root }}
restartPolicy: Never
serviceAccountName: {{ .name }}
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
{{- toYaml . | nindent 0 }}
{{- end }}
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
{{- toYaml . | nindent 0 }}
{{- end }}
containers:
- name: {{ .name }}
  {{- include "bailiwick.image" $root | nindent 2 }}
  args:
  {{- toYaml .args | nindent 2 }}
  {{- with $root.Values.extraEnv }}
  env:
  {{- toYaml . | nindent 2 }}
  {{- end }}
  resources:
    requests:
      cpu: 10m
      memory: 32Mi
    limits:
      memory: 128Mi
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop:
      - ALL
{{- end }}

{{/* The image, and when it is pulled. */}}
{{- define "bailiwick.image" }}
{{- with .Values.image -}}
{{- if .digest -}}
image: {{ .repository }}@{{ .digest }}
{{- else -}}
image: {{ .repository }}:{{ .tag }}
{{- end }}
{{- with .pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}
{{- end }}
