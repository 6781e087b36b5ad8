{{- define "heartward.labels" -}}
app.kubernetes.io/name: heartward
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "heartward.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  seccompProfile: {type: RuntimeDefault}
automountServiceAccountToken: false
# No variable of a Service by the name of one of our settings.
enableServiceLinks: false
{{- end }}

{{- define "heartward.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ .readOnly }}
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "heartward.kafka" -}}
- {name: HEARTWARD_LOG_FORMAT, value: json}
- {name: HEARTWARD_KAFKA_SERVERS, value: {{ .root.Values.kafka.servers | quote }}}
- {name: HEARTWARD_KAFKA_TLS, value: "true"}
- {name: HEARTWARD_KAFKA_CA_FILE, value: /run/secrets/ca.pem}
- {name: HEARTWARD_KAFKA_USER, value: {{ .user }}}
- {name: HEARTWARD_KAFKA_PASSWORD_FILE, value: /run/secrets/kafka-{{ .user }}}
{{- end }}

{{- define "heartward.influxdb" -}}
- {name: HEARTWARD_INFLUX_URL, value: {{ .Values.influxdb.url | quote }}}
- {name: HEARTWARD_INFLUX_ORG, value: {{ .Values.influxdb.org }}}
- {name: HEARTWARD_INFLUX_BUCKET, value: {{ .Values.influxdb.bucket }}}
- {name: HEARTWARD_INFLUX_TOKEN_FILE, value: /run/secrets/influxdb-token}
{{- end }}

{{- /* Of all secrets a Pod is given the files that it reads: who breaks into one learns no other's. */}}
{{- define "heartward.secrets" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.secretName }}
    defaultMode: 0440
    items:
      {{- range .files }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}

{{- /* Who may come in by which doors; a door without `from` is open to all. */}}
{{- define "heartward.policy" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
spec:
  podSelector:
    matchLabels: {{- include "heartward.labels" (dict "root" .root "component" .component) | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    {{- range .doors }}
    - ports: [{port: {{ .port }}}]
      {{- if hasKey . "from" }}
      from:
        - podSelector:
            matchLabels: {app.kubernetes.io/name: heartward, app.kubernetes.io/instance: {{ $.root.Release.Name }}}
            matchExpressions: [{key: app.kubernetes.io/component, operator: In, values: {{ .from | toJson }}}]
      {{- end }}
    {{- end }}
{{- end }}
