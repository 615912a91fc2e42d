{{/* the ways out that pods may have, each as one rule of a NetworkPolicy */}}

{{- define "taxonomy-bot.to-dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{/* to one of our own pods. Takes [root, component, port] */}}
{{- define "taxonomy-bot.to-own" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "taxonomy-bot.selector" (list (index . 0) (index . 1)) | nindent 10 }}
  ports:
    - {port: {{ index . 2 }}, protocol: TCP}
{{- end }}

{{/* to others. Takes one of the networkPolicy's parts with peers and a port */}}
{{- define "taxonomy-bot.to-others" -}}
{{- if .peers }}
- to:
    {{- toYaml .peers | nindent 4 }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- end }}
{{- end }}

{{- define "taxonomy-bot.to-broker" -}}
{{- if .Values.redis.enabled -}}
{{- include "taxonomy-bot.to-own" (list . "redis" 6379) }}
{{- else if .Values.broker.enabled -}}
{{- include "taxonomy-bot.to-others" .Values.networkPolicy.broker | trim }}
{{- end -}}
{{- end }}

{{- define "taxonomy-bot.to-database" -}}
{{- if .Values.postgresql.enabled -}}
{{- include "taxonomy-bot.to-own" (list . "postgresql" 5432) }}
{{- else if eq .Values.database.kind "postgresql" -}}
{{- include "taxonomy-bot.to-others" .Values.networkPolicy.database | trim }}
{{- end -}}
{{- end }}

{{- define "taxonomy-bot.to-artifacts" -}}
{{- if eq .Values.artifacts.kind "s3" -}}
{{- include "taxonomy-bot.to-others" .Values.networkPolicy.artifacts | trim }}
{{- end -}}
{{- end }}

{{- define "taxonomy-bot.to-traces" -}}
{{- if .Values.traces.url -}}
{{- include "taxonomy-bot.to-others" .Values.networkPolicy.traces | trim }}
{{- end -}}
{{- end }}

{{- define "taxonomy-bot.to-models" -}}
- to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/instance: {{ .Release.Name }}
          taxonomy-bot/role: model
  ports:
    - {port: 8000, protocol: TCP}
{{ include "taxonomy-bot.to-others" .Values.networkPolicy.models | trim }}
{{- end }}
