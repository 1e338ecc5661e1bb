{{/* What leads to a port from outside of the Pod: a Service, and an Ingress to it. */}}
{{- define "bailiwick.service" }}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "bailiwick.commonLabels" .root }}
    app.kubernetes.io/name: bailiwick
  {{- with .service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if ne .service.type "ClusterIP" }}
  type: {{ .service.type }}
  {{- end }}
  selector:
    {{- toYaml .selector | nindent 4 }}
  ports:
  {{- toYaml .ports | nindent 2 }}
{{- end }}

{{- define "bailiwick.ingress" }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace | quote }}
  labels:
    {{- include "bailiwick.commonLabels" .root }}
    app.kubernetes.io/name: bailiwick
  {{- with .ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .ingress.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  tls:
  - hosts:
    - {{ .ingress.host | quote }}
    {{- with .ingress.tlsSecret }}
    secretName: {{ . | quote }}
    {{- end }}
  rules:
  - host: {{ .ingress.host | quote }}
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: {{ .name }}
            port:
              number: {{ .port }}
{{- end }}
