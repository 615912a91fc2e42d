{{/* one variable from a Secret. Takes [variable, secret, key, whether the key may be missing] */}}
{{- define "taxonomy-bot.secret" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
      {{- if index . 3 }}
      optional: true
      {{- end }}
{{- end }}

{{/* where artifacts and models lie; the prefix is that of the program. Takes [root, prefix] */}}
{{- define "taxonomy-bot.artifacts-env" -}}
{{- $root := index . 0 -}}
{{- $prefix := index . 1 -}}
{{- $s3 := $root.Values.artifacts.s3 -}}
{{- if eq $root.Values.artifacts.kind "claim" }}
- {name: {{ $prefix }}ARTIFACTS_URL, value: /srv/artifacts/artifacts}
- {name: {{ $prefix }}MODEL_STORE_URL, value: /srv/artifacts/models}
{{- else }}
- {name: {{ $prefix }}ARTIFACTS_URL, value: {{ $s3.url | quote }}}
- {name: {{ $prefix }}MODEL_STORE_URL, value: {{ default (printf "%s-models" (trimSuffix "/" $s3.url)) $s3.modelStoreUrl | quote }}}
{{- with $s3.endpointUrl }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with $s3.region }}
- {name: AWS_DEFAULT_REGION, value: {{ . | quote }}}
{{- end }}
{{- with $s3.existingSecret }}
{{ include "taxonomy-bot.secret" (list "AWS_ACCESS_KEY_ID" . "AWS_ACCESS_KEY_ID" false) }}
{{ include "taxonomy-bot.secret" (list "AWS_SECRET_ACCESS_KEY" . "AWS_SECRET_ACCESS_KEY" false) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "taxonomy-bot.ca-env" -}}
{{- if .Values.caBundle.configMap }}
- {name: SSL_CERT_FILE, value: {{ printf "/etc/taxonomy-ca/%s" .Values.caBundle.key | quote }}}
- {name: AWS_CA_BUNDLE, value: {{ printf "/etc/taxonomy-ca/%s" .Values.caBundle.key | quote }}}
{{- if .Values.traces.url }}
- {name: OTEL_EXPORTER_OTLP_CERTIFICATE, value: {{ printf "/etc/taxonomy-ca/%s" .Values.caBundle.key | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* a value as a program reads it. Numbers of a values file are floats, which would be 2.62144e+07 from a million on */}}
{{- define "taxonomy-bot.plain" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}
{{- printf "%.0f" . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end }}

{{/* further settings of a program. Takes [map, prefix] */}}
{{- define "taxonomy-bot.settings-env" -}}
{{- $prefix := index . 1 -}}
{{- range $name, $value := (index . 0) }}
- {name: {{ $prefix }}{{ $name }}, value: {{ include "taxonomy-bot.plain" $value | quote }}}
{{- end }}
{{- end }}

{{/* the address of a model: that of a server of this release, or the one that is set. Takes [root, role] */}}
{{- define "taxonomy-bot.model-url" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $server := get $root.Values.modelServers $role -}}
{{- if and $server (ne (get $server "enabled" | toString) "false") -}}
http://{{ include "taxonomy-bot.fullname" $root }}-{{ $role }}:8000/v1
{{- else -}}
{{ (get $root.Values.models $role).url }}
{{- end -}}
{{- end }}

{{- define "taxonomy-bot.model-name" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{ default $role (get $root.Values.models $role).name }}
{{- end }}

{{- define "taxonomy-bot.bot-env" -}}
{{- $secret := .Values.github.existingSecret -}}
{{- $ids := list -}}
{{- range .Values.github.repositories -}}
{{- $ids = append $ids (. | int64 | toString) -}}
{{- end -}}
- {name: TAXONOMY_BOT_APP_ID, value: {{ .Values.github.appId | int64 | toString | quote }}}
- {name: TAXONOMY_BOT_REPOSITORIES, value: {{ join "," $ids | quote }}}
{{ include "taxonomy-bot.secret" (list "TAXONOMY_BOT_PRIVATE_KEY" $secret "TAXONOMY_BOT_PRIVATE_KEY" false) }}
{{ include "taxonomy-bot.secret" (list "TAXONOMY_BOT_WEBHOOK_SECRETS" $secret "TAXONOMY_BOT_WEBHOOK_SECRETS" false) }}
{{- range $name := list "OAUTH_CLIENT_ID" "OAUTH_CLIENT_SECRET" "NIGHTLY_WEBHOOK_URL" "RELAY_URL" "STUDENT_API_KEY" "BUILD_API_KEY" }}
{{- $variable := printf "TAXONOMY_BOT_%s" $name }}
{{ include "taxonomy-bot.secret" (list $variable $secret $variable true) }}
{{- end }}
{{- if eq .Values.database.kind "sqlite" }}
- {name: TAXONOMY_BOT_DATABASE_URL, value: "sqlite:////var/lib/taxonomy-bot/taxonomy-bot.sqlite"}
- {name: TAXONOMY_BOT_DATABASE_WAIT_S, value: "60"}
{{- else }}
{{ include "taxonomy-bot.secret" (list "TAXONOMY_BOT_DATABASE_URL" $secret "TAXONOMY_BOT_DATABASE_URL" false) }}
{{- end }}
{{- if .Values.broker.enabled }}
{{ include "taxonomy-bot.secret" (list "TAXONOMY_BOT_BROKER_URL" $secret "TAXONOMY_BOT_BROKER_URL" false) }}
{{- else }}
- {name: TAXONOMY_BOT_BROKER_URL, value: "off"}
{{- end }}
- {name: TAXONOMY_BOT_HOST, value: "0.0.0.0"}
- {name: TAXONOMY_BOT_PORT, value: "8080"}
- {name: TAXONOMY_BOT_DRAIN_S, value: {{ .Values.bot.drainS | quote }}}
- {name: TAXONOMY_BOT_LOG_FORMAT, value: json}
- {name: TAXONOMY_BOT_INDEX_FOLDER, value: /var/lib/taxonomy-bot/indexes}
{{- if .Values.metrics.enabled }}
- {name: TAXONOMY_BOT_METRICS_HOST, value: "0.0.0.0"}
- {name: TAXONOMY_BOT_METRICS_PORT, value: "9090"}
{{- end }}
{{- with .Values.traces.url }}
- {name: TAXONOMY_BOT_TRACES_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.publicUrl }}
- {name: TAXONOMY_BOT_PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.github.apiUrl }}
- {name: TAXONOMY_BOT_GITHUB_API_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.github.graphqlUrl }}
- {name: TAXONOMY_BOT_GITHUB_GRAPHQL_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.github.webUrl }}
- {name: TAXONOMY_BOT_GITHUB_WEB_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.caBundle.configMap }}
- {name: TAXONOMY_BOT_DOCUMENT_CA_FILE, value: {{ printf "/etc/taxonomy-ca/%s" .Values.caBundle.key | quote }}}
{{- end }}
{{- with include "taxonomy-bot.model-url" (list . "student") }}
- {name: TAXONOMY_BOT_STUDENT_URL, value: {{ . | quote }}}
- {name: TAXONOMY_BOT_STUDENT_NAME, value: {{ include "taxonomy-bot.model-name" (list $ "student") | trim | quote }}}
{{- end }}
{{- if (get .Values.modelServers "student" | default dict).adaptersClaim }}
- {name: TAXONOMY_BOT_STUDENT_ADAPTER_FOLDER, value: /srv/adapters}
{{- end }}
{{- include "taxonomy-bot.artifacts-env" (list . "TAXONOMY_BOT_") }}
{{- include "taxonomy-bot.ca-env" . }}
{{- include "taxonomy-bot.settings-env" (list .Values.bot.settings "TAXONOMY_BOT_") }}
{{- end }}

{{/* a worker's: neither GitHub nor the database. Takes [root, worker] */}}
{{- define "taxonomy-bot.worker-env" -}}
{{- $root := index . 0 -}}
{{- $worker := index . 1 -}}
{{- $secret := $root.Values.workersSecret -}}
- {name: HOME, value: /work}
- {name: HF_HUB_OFFLINE, value: "1"}
- {name: VLLM_NO_USAGE_STATS, value: "1"}
- {name: DO_NOT_TRACK, value: "1"}
- name: TAXONOMY_PIPELINE_WORKER_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- {name: TAXONOMY_PIPELINE_QUEUES, value: {{ join "," $worker.queues | quote }}}
- {name: TAXONOMY_PIPELINE_WORK_DIR, value: /work}
- {name: TAXONOMY_PIPELINE_RUNTIME_DIR, value: /tmp/taxonomy-pipeline}
- {name: TAXONOMY_PIPELINE_LOG_FORMAT, value: json}
{{- if $root.Values.metrics.enabled }}
- {name: TAXONOMY_PIPELINE_METRICS_HOST, value: "0.0.0.0"}
- {name: TAXONOMY_PIPELINE_METRICS_PORT, value: "9090"}
{{- end }}
{{- with $root.Values.traces.url }}
- {name: TAXONOMY_PIPELINE_TRACES_URL, value: {{ . | quote }}}
{{- end }}
{{ include "taxonomy-bot.secret" (list "TAXONOMY_PIPELINE_BROKER_URL" $secret "TAXONOMY_PIPELINE_BROKER_URL" false) }}
{{- range $name := list "TEACHER_API_KEY" "CRITIC_API_KEY" "STUDENT_API_KEY" "HUB_TOKEN" }}
{{- $variable := printf "TAXONOMY_PIPELINE_%s" $name }}
{{ include "taxonomy-bot.secret" (list $variable $secret $variable true) }}
{{- end }}
{{- range $role, $as := dict "teacher" (list "TEACHER" "TEACHER_MODEL") "judge" (list "CRITIC" "CRITIC_MODEL") "student" (list "STUDENT" "STUDENT_NAME") }}
{{- with include "taxonomy-bot.model-url" (list $root $role) }}
{{- if not (or (hasKey $worker.settings (printf "%s_URL" (index $as 0))) (hasKey $worker.settings (index $as 1))) }}
- {name: TAXONOMY_PIPELINE_{{ index $as 0 }}_URL, value: {{ . | quote }}}
- {name: TAXONOMY_PIPELINE_{{ index $as 1 }}, value: {{ include "taxonomy-bot.model-name" (list $root $role) | trim | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- include "taxonomy-bot.artifacts-env" (list $root "TAXONOMY_PIPELINE_") }}
{{- include "taxonomy-bot.ca-env" $root }}
{{- include "taxonomy-bot.settings-env" (list $worker.settings "TAXONOMY_PIPELINE_") }}
{{- end }}
