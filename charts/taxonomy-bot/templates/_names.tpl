{{- define "taxonomy-bot.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "taxonomy-bot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "taxonomy-bot.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "taxonomy-bot.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* what a selector matches: never changes from one version to the next. Takes [root, component] */}}
{{- define "taxonomy-bot.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "taxonomy-bot.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "taxonomy-bot.labels" -}}
{{- $root := index . 0 -}}
{{ include "taxonomy-bot.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* an image by its digest where there is one. Takes [root, image] */}}
{{- define "taxonomy-bot.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default (index . 0).Chart.AppVersion $image.tag }}
{{- end -}}
{{- end }}

{{/* the defaults with what one entry says put over them, key by key: an entry's `false` and 0 count */}}
{{- define "taxonomy-bot.over" -}}
{{- $merged := deepCopy (index . 0) -}}
{{- range $key, $value := (index . 1) -}}
{{- $_ := set $merged $key $value -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end }}
