{{/* what holds for every pod. Takes [root, user id] */}}
{{- define "taxonomy-bot.pod" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 1 }}
  runAsGroup: {{ index . 1 }}
  fsGroup: {{ index . 1 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "taxonomy-bot.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* where a pod may run, as one part of the values says */}}
{{- define "taxonomy-bot.placement" -}}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* requests and limits, with GPUs in both, as Kubernetes wants it */}}
{{- define "taxonomy-bot.resources" -}}
{{- $resources := deepCopy .resources -}}
{{- if .gpus -}}
{{- range $part := list "requests" "limits" -}}
{{- $_ := set $resources $part (merge (dict $.gpuResource $.gpus) (default dict (get $resources $part))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{- define "taxonomy-bot.ca-volume" -}}
{{- with .Values.caBundle.configMap }}
- name: ca
  configMap:
    name: {{ . }}
{{- end }}
{{- end }}

{{- define "taxonomy-bot.ca-mount" -}}
{{- if .Values.caBundle.configMap }}
- name: ca
  mountPath: /etc/taxonomy-ca
  readOnly: true
{{- end }}
{{- end }}

{{/* the store of artifacts and models, where it is a folder that all see */}}
{{- define "taxonomy-bot.artifacts-volume" -}}
{{- if eq .Values.artifacts.kind "claim" }}
- name: artifacts
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-artifacts" (include "taxonomy-bot.fullname" .)) .Values.artifacts.claim.existing }}
{{- end }}
{{- end }}

{{- define "taxonomy-bot.artifacts-mount" -}}
{{- if eq .Values.artifacts.kind "claim" }}
- name: artifacts
  mountPath: /srv/artifacts
{{- end }}
{{- end }}

{{/* what the bot has at hand, and whatever does something in its place */}}
{{- define "taxonomy-bot.bot-mounts" -}}
- {name: state, mountPath: /var/lib/taxonomy-bot}
- {name: tmp, mountPath: /tmp}
{{- include "taxonomy-bot.artifacts-mount" . }}
{{- include "taxonomy-bot.ca-mount" . }}
{{- end }}

{{- define "taxonomy-bot.bot-volumes" -}}
- name: state
  {{- if eq .Values.database.kind "sqlite" }}
  persistentVolumeClaim:
    claimName: {{ include "taxonomy-bot.fullname" . }}-state
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: tmp
  emptyDir: {}
{{- include "taxonomy-bot.artifacts-volume" . }}
{{- include "taxonomy-bot.ca-volume" . }}
{{- end }}

{{- define "taxonomy-bot.backups-mount" -}}
{{- if .Values.backup.enabled }}
- {name: backups, mountPath: /srv/backups}
{{- end }}
{{- end }}

{{- define "taxonomy-bot.backups-volume" -}}
{{- if .Values.backup.enabled }}
- name: backups
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-backups" (include "taxonomy-bot.fullname" .)) .Values.backup.claim.existing }}
{{- end }}
{{- end }}
