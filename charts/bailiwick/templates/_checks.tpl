{{/* What no schema can say so that it is understood: values that don't go together. */}}
{{- define "bailiwick.checks" }}
{{- $external := .Values.store.external }}
{{- if eq .Values.store.type "external" }}
  {{- if not $external.address }}
    {{- fail "store.external.address: name the OpenFGA server's gRPC API, as host:port" }}
  {{- end }}
  {{- if and $external.keySecret (not $external.tls.enabled) }}
    {{- fail "store.external.keySecret: a key needs store.external.tls.enabled, else everyone on the way can read it" }}
  {{- end }}
  {{- if and $external.tls.caSecret (not $external.tls.enabled) }}
    {{- fail "store.external.tls.caSecret: there are no certificates without store.external.tls.enabled" }}
  {{- end }}
{{- else if $external.address }}
  {{- fail "store.external.address is set, but store.type is embedded: set store.type to external, or leave the address out" }}
{{- end }}
{{- if and .Values.store.embedded.existingClaim (not .Values.store.embedded.persistent) }}
  {{- fail "store.embedded.existingClaim: a claim needs store.embedded.persistent; set it to true, or leave the claim out" }}
{{- end }}
{{- with .Values.store.embedded.api }}
{{- if .enabled }}
  {{- if ne $.Values.store.type "embedded" }}
    {{- fail "store.embedded.api.enabled: an external store has an API of its own; leave this out" }}
  {{- end }}
  {{- if not .keysSecret }}
    {{- fail "store.embedded.api.keysSecret: without keys everybody in the cluster may read the whole store; name a Secret with them" }}
  {{- end }}
  {{- if not (and $.Values.decisions.enabled $.Values.decisions.tlsSecret) }}
    {{- fail "store.embedded.api.enabled: keys would go over the network in the clear; name a Secret with a certificate in decisions.tlsSecret" }}
  {{- end }}
{{- end }}
{{- if and .ingress.enabled (not .enabled) }}
  {{- fail "store.embedded.api.ingress.enabled: there is nothing to reach without store.embedded.api.enabled" }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.host) }}
  {{- fail "store.embedded.api.ingress.host: name the host under which applications reach it" }}
{{- end }}
{{- end }}
{{- if and .Values.strategy (ne .Values.store.type "external") }}
  {{- fail "strategy: the embedded store is a file that one Pod opens, so it ends before the next one starts; leave this out" }}
{{- end }}
{{- if has (int .Values.webhook.port) (list 8080 8081 8082 8083 8084 8085) }}
  {{- fail "webhook.port: 8080 to 8085 are the operator's other ports; choose another one" }}
{{- end }}
{{- if ne (not .Values.webhook.clients.caSecret) (not .Values.webhook.clients.names) }}
  {{- fail "webhook.clients: caSecret and names go together; who has signed the API server's certificate may have signed others, too" }}
{{- end }}
{{- if and (or .Values.events.caSecret .Values.events.tokenSecret) (not .Values.events.sinkURL) }}
  {{- fail "events.sinkURL: events.caSecret and events.tokenSecret are for a sink; say where events are posted, or leave them out" }}
{{- end }}
{{- if and .Values.events.tokenSecret (hasPrefix "http:" .Values.events.sinkURL) }}
  {{- fail "events.tokenSecret: the token would go over the network in the clear; write https in events.sinkURL" }}
{{- end }}
{{- if and .Values.decisions.ingress.enabled (not .Values.decisions.enabled) }}
  {{- fail "decisions.ingress.enabled: there is nothing to reach without decisions.enabled" }}
{{- end }}
{{- if and .Values.decisions.ingress.enabled (not .Values.decisions.ingress.host) }}
  {{- fail "decisions.ingress.host: name the host under which applications reach it" }}
{{- end }}
{{- range $key, $value := .Values.commonLabels }}
  {{- if has $key (list "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "app.kubernetes.io/component") }}
    {{- fail (printf "commonLabels: the chart sets %s itself; choose another label" $key) }}
  {{- end }}
{{- end }}
{{- range $key, $value := .Values.podLabels }}
  {{- if has $key (list "app.kubernetes.io/name" "app.kubernetes.io/part-of") }}
    {{- fail (printf "podLabels: %s is what the Services and the Deployments find the Pods by; choose another label" $key) }}
  {{- end }}
{{- end }}
{{- if and .Values.decisions.replicas.enabled (not .Values.decisions.enabled) }}
  {{- fail "decisions.replicas.enabled: there is nothing to answer without decisions.enabled" }}
{{- end }}
{{- if gt (int .Values.decisions.replicas.min) (int .Values.decisions.replicas.max) }}
  {{- fail "decisions.replicas.min: it is more than decisions.replicas.max" }}
{{- end }}
{{- end }}
