{{/* What runs: its words for the image, whose rows and key it uses, and what it reaches. */}}
{{- define "postkontor.components" -}}
billing: {args: [services.billing], service: billing, worker: true}
domain: {args: [services.domain], service: domain, worker: true}
mailbox: {args: [services.mailbox], service: mailbox, worker: true}
dnscheck: {args: [services.dnscheck], service: dnscheck, worker: true}
render: {args: [services.billing, render], service: billing, worker: false}
policy: {args: [services.mailbox, policy], service: mailbox, worker: false, port: 10040}
{{- end }}

{{- define "postkontor.selector" -}}
app.kubernetes.io/name: postkontor
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "postkontor.labels" -}}
{{ include "postkontor.selector" . }}
app.kubernetes.io/part-of: postkontor
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "postkontor.image" -}}
{{- with .Values.image -}}
{{- if and .requireDigest (not .digest) }}{{ fail "image.digest is required here: name the image that was tested" }}{{ end -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Of every pod here: nobody in particular, without a token for the cluster's API. */}}
{{- define "postkontor.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Of every container here: it can gain nothing and write nowhere but /tmp. */}}
{{- define "postkontor.container" -}}
image: {{ include "postkontor.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "postkontor.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* How a program finds the bus, as a dict in YAML. Argument: root, identity. */}}
{{- define "postkontor.busEnv" -}}
POSTKONTOR_NATS_URL: {{ .root.Values.bus.url | quote }}
POSTKONTOR_NATS_SEED: /run/postkontor/bus/{{ .identity }}.nk
{{- if .root.Values.bus.caSecret }}
POSTKONTOR_NATS_CA: /run/postkontor/ca/bus/ca.crt
{{- end }}
{{- end }}

{{- define "postkontor.busMounts" -}}
- {name: bus, mountPath: /run/postkontor/bus, readOnly: true}
{{- if .Values.bus.caSecret }}
- {name: bus-ca, mountPath: /run/postkontor/ca/bus, readOnly: true}
{{- end }}
{{- end }}

{{/* Of the Secret with all keys, the one of this identity. */}}
{{- define "postkontor.busVolumes" -}}
- name: bus
  secret:
    secretName: {{ .root.Values.bus.existingSecret }}
    defaultMode: 0440
    items: [{key: {{ .identity }}.nk, path: {{ .identity }}.nk}]
{{- with .root.Values.bus.caSecret }}
- name: bus-ca
  secret: {secretName: {{ . }}, defaultMode: 0444, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{/* A pod that runs the command line with one identity's key. Argument: root, identity, args. */}}
{{- define "postkontor.command" -}}
{{ include "postkontor.pod" .root }}
restartPolicy: Never
containers:
  - name: {{ .name }}
    {{- include "postkontor.container" .root | nindent 4 }}
    command: [/opt/postkontor/bin/postkontor]
    args: {{ toJson .args }}
    env:
      {{- include "postkontor.env" (include "postkontor.busEnv" . | fromYaml) | nindent 6 }}
    resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 256Mi}}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- include "postkontor.busMounts" .root | nindent 6 }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 16Mi}}
  {{- include "postkontor.busVolumes" . | nindent 2 }}
{{- end }}

{{/* The lanes of a worker with their consumers, as a list in JSON. Argument: root, service. */}}
{{- define "postkontor.lanes" -}}
{{- $made := list }}
{{- range get (.root.Files.Get "files/topology.json" | fromJson).lanes .service }}
  {{- $lane := .spec | toJson }}
  {{- if .partitioned }}
    {{- range until (int $.root.Values.partitions) }}{{ $made = append $made ($lane | replace "@LANE@" (toString .) | replace "@PARTITIONS@" (toString $.root.Values.partitions) | fromJson) }}{{ end }}
  {{- else }}
    {{- $made = append $made .spec }}
  {{- end }}
{{- end }}
{{- dict "lanes" $made | toJson }}
{{- end }}
