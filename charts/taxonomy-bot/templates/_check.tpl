{{/* refuses values that contradict one another; what each one alone may be, values.schema.json says */}}
{{- define "taxonomy-bot.check" -}}
{{- $wrong := list -}}
{{- $v := .Values -}}
{{- if lt ($v.github.appId | int64) 1 -}}
{{- $wrong = append $wrong "github.appId is missing: the App's id, on its settings page on GitHub." -}}
{{- end -}}
{{- if not $v.github.repositories -}}
{{- $wrong = append $wrong "github.repositories is empty: give the numeric ids of the repositories to serve." -}}
{{- end -}}
{{- if not $v.github.existingSecret -}}
{{- $wrong = append $wrong "github.existingSecret is missing: the name of a Secret with TAXONOMY_BOT_PRIVATE_KEY, TAXONOMY_BOT_WEBHOOK_SECRETS and the addresses of database and broker. The chart makes none; docs/install.md shows the command." -}}
{{- end -}}
{{- if and (eq $v.database.kind "sqlite") (gt (int $v.bot.replicas) 1) -}}
{{- $wrong = append $wrong (printf "bot.replicas is %d, but SQLite has one writer: set bot.replicas to 1, or database.kind to postgresql." (int $v.bot.replicas)) -}}
{{- end -}}
{{- if and (eq $v.database.kind "sqlite") $v.postgresql.enabled -}}
{{- $wrong = append $wrong "postgresql.enabled starts a server that database.kind sqlite would not use: set one of them otherwise." -}}
{{- end -}}
{{- if and $v.redis.enabled (not $v.broker.enabled) -}}
{{- $wrong = append $wrong "redis.enabled starts a broker that broker.enabled: false would not use: set one of them otherwise." -}}
{{- end -}}
{{- if and (or $v.redis.enabled $v.postgresql.enabled) (not $v.trialSecret) -}}
{{- $wrong = append $wrong (printf "trialSecret is missing: the name of a Secret with REDIS_PASSWORD and POSTGRES_PASSWORD for the servers of this release, which will be %[1]s-redis and %[1]s-postgresql (user and database taxonomy_bot): kubectl -n %[2]s create secret generic NAME --from-literal=REDIS_PASSWORD=... --from-literal=POSTGRES_PASSWORD=..." (include "taxonomy-bot.fullname" .) .Release.Namespace) -}}
{{- end -}}
{{- if and $v.broker.enabled $v.workers (not $v.workersSecret) -}}
{{- $wrong = append $wrong "workersSecret is missing: the name of a Secret with TAXONOMY_PIPELINE_BROKER_URL. It is another one than the bot's, which workers must not see." -}}
{{- end -}}
{{- if and $v.workersSecret (eq $v.workersSecret $v.github.existingSecret) -}}
{{- $wrong = append $wrong "workersSecret is the bot's Secret: workers need one of their own, without GitHub's key and the database." -}}
{{- end -}}
{{- if and (eq $v.artifacts.kind "s3") (not (hasPrefix "s3://" $v.artifacts.s3.url)) -}}
{{- $wrong = append $wrong "artifacts.s3.url is missing: s3://BUCKET/FOLDER, or set artifacts.kind to claim." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.publicUrl) -}}
{{- $wrong = append $wrong "ingress.enabled needs publicUrl: its host is where GitHub and people come in." -}}
{{- end -}}
{{- with (urlParse $v.publicUrl).path | trimAll "/" -}}
{{- if $v.ingress.enabled -}}
{{- $wrong = append $wrong (printf "publicUrl has the path /%s, which an Ingress cannot take off again, and the bot answers at / only: give it a host of its own, or set ingress.enabled to false and make a way in that takes the path off." .) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.scaling.kind "keda") (not $v.scaling.prometheusUrl) -}}
{{- $wrong = append $wrong "scaling.kind keda needs scaling.prometheusUrl: where the bot's metrics are asked for." -}}
{{- end -}}
{{- if and (ne $v.scaling.kind "none") (not $v.metrics.enabled) -}}
{{- $wrong = append $wrong "scaling needs metrics.enabled: it goes by the bot's queues." -}}
{{- end -}}
{{- range $name, $given := $v.workers -}}
{{- $worker := include "taxonomy-bot.over" (list $v.workerDefaults $given) | fromYaml -}}
{{- if and $worker.enabled (not $worker.queues) -}}
{{- $wrong = append $wrong (printf "workers.%s.queues is empty: say which queues it serves." $name) -}}
{{- end -}}
{{- if gt (int $worker.minReplicas) (int $worker.maxReplicas) -}}
{{- $wrong = append $wrong (printf "workers.%s.minReplicas is more than its maxReplicas." $name) -}}
{{- end -}}
{{- end -}}
{{- range $role, $given := $v.modelServers -}}
{{- $server := include "taxonomy-bot.over" (list $v.modelServerDefaults $given) | fromYaml -}}
{{- if $server.enabled -}}
{{- if not (and $server.model $server.modelsClaim) -}}
{{- $wrong = append $wrong (printf "modelServers.%s needs model, a folder below /models, and modelsClaim, the claim that is mounted there." $role) -}}
{{- end -}}
{{- if (get $v.models $role).url -}}
{{- $wrong = append $wrong (printf "models.%s.url names another server than modelServers.%s: set one of them." $role $role) -}}
{{- end -}}
{{- if not $v.workersSecret -}}
{{- $wrong = append $wrong (printf "modelServers.%s needs workersSecret: the keys that clients need are in it." $role) -}}
{{- end -}}
{{- if and $server.adaptersClaim (not (and (eq $role "student") (eq $server.program "serve-student"))) -}}
{{- $wrong = append $wrong (printf "modelServers.%s.adaptersClaim is for the student with program serve-student: it takes adapters from that folder only." $role) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- if and $v.broker.enabled (not $v.redis.enabled) (not $v.networkPolicy.broker.peers) -}}
{{- $wrong = append $wrong "networkPolicy.broker.peers is empty: say where your Redis is, such as [{ipBlock: {cidr: 10.0.5.0/24}}], or nobody reaches it." -}}
{{- end -}}
{{- if and (eq $v.database.kind "postgresql") (not $v.postgresql.enabled) (not $v.networkPolicy.database.peers) -}}
{{- $wrong = append $wrong "networkPolicy.database.peers is empty: say where your PostgreSQL is, or the bot does not reach it." -}}
{{- end -}}
{{- if and (eq $v.artifacts.kind "s3") (not $v.networkPolicy.artifacts.peers) -}}
{{- $wrong = append $wrong "networkPolicy.artifacts.peers is empty: say where your bucket is, or nobody reaches it." -}}
{{- end -}}
{{- if and $v.traces.url (not $v.networkPolicy.traces.peers) -}}
{{- $wrong = append $wrong "networkPolicy.traces.peers is empty: say where the collector of traces.url is, or no trace gets there." -}}
{{- end -}}
{{- range $part := list "broker" "artifacts" "models" "traces" -}}
{{- range (get $v.networkPolicy $part).peers -}}
{{- $cidr := (get . "ipBlock" | default dict).cidr -}}
{{- if and $cidr (hasSuffix "/0" $cidr) -}}
{{- $wrong = append $wrong (printf "networkPolicy.%s.peers has %s: that opens GitHub's API to the workers. Name the network of that server." $part $cidr) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $kinds := dict "bot.settings" $v.bot.settings "workerDefaults.settings" $v.workerDefaults.settings "modelServerDefaults.settings" $v.modelServerDefaults.settings -}}
{{- range $part := list "workers" "modelServers" -}}
{{- range $name, $given := (get $v $part) -}}
{{- $_ := set $kinds (printf "%s.%s.settings" $part $name) (default dict $given.settings) -}}
{{- end -}}
{{- end -}}
{{- range $where, $settings := $kinds -}}
{{- $isBot := eq $where "bot.settings" -}}
{{- $secrets := ternary (include "taxonomy-bot.bot-secrets" .) (include "taxonomy-bot.pipeline-secrets" .) $isBot | splitList " " -}}
{{- $own := ternary (include "taxonomy-bot.bot-own" .) (include "taxonomy-bot.pipeline-own" .) $isBot | splitList " " -}}
{{- range $name, $_ := $settings -}}
{{- if has $name $secrets -}}
{{- $wrong = append $wrong (printf "%s.%s is secret, and values are not: put %s_%s into the Secret of %s." $where $name (ternary "TAXONOMY_BOT" "TAXONOMY_PIPELINE" $isBot) $name (ternary "github.existingSecret" "workersSecret" $isBot)) -}}
{{- else if has $name $own -}}
{{- $wrong = append $wrong (printf "%s.%s is set by the chart itself, from other values." $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "these values do not go together:\n  - %s" (join "\n  - " $wrong)) -}}
{{- end -}}
{{- end }}

{{- define "taxonomy-bot.bot-secrets" -}}
PRIVATE_KEY WEBHOOK_SECRETS DATABASE_URL BROKER_URL OAUTH_CLIENT_SECRET NIGHTLY_WEBHOOK_URL RELAY_URL STUDENT_API_KEY BUILD_API_KEY
{{- end }}

{{- define "taxonomy-bot.bot-own" -}}
APP_ID REPOSITORIES HOST PORT DRAIN_S LOG_FORMAT INDEX_FOLDER METRICS_HOST METRICS_PORT TRACES_URL PUBLIC_URL GITHUB_API_URL GITHUB_GRAPHQL_URL GITHUB_WEB_URL ARTIFACTS_URL MODEL_STORE_URL DOCUMENT_CA_FILE
{{- end }}

{{- define "taxonomy-bot.pipeline-secrets" -}}
BROKER_URL TEACHER_API_KEY CRITIC_API_KEY STUDENT_API_KEY HUB_TOKEN
{{- end }}

{{- define "taxonomy-bot.pipeline-own" -}}
QUEUES WORKER_NAME WORK_DIR RUNTIME_DIR LOG_FORMAT METRICS_HOST METRICS_PORT TRACES_URL ARTIFACTS_URL MODEL_STORE_URL SERVE_MODEL SERVE_HOST SERVE_PORT SERVE_TENSOR_PARALLEL SERVE_READY_WITHIN_S
{{- end }}
