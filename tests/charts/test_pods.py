"""What holds for every pod of the chart: no rights, no secrets, real settings, real probes, time to end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import helm_python
import pytest
from pydantic_settings import BaseSettings

from bot.app import make_app
from bot.settings import PREFIX as BOT
from bot.settings import BotSettings, read_settings
from bot.simulator.access import process_key_pair
from pipeline.contract import Queue
from pipeline.settings import PREFIX as PIPELINE
from pipeline.settings import PipelineSettings, ServeSettings
from tests.charts.rendering import Rendered, environment_of, over, render, values_of
from tests.images.starting import started_redis

# of other programs that the images hold, as docs/models.md, docs/documents.md and their own manuals name them
_OTHERS = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "SSL_CERT_FILE", "HOME", "HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK",
    "REDIS_PASSWORD", "REDISCLI_AUTH", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "PGDATA",
}  # fmt: skip
_SECRET = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|(DATABASE|BROKER|WEBHOOK)_URL")
_OF_GITHUB_OR_DATABASE = re.compile(r"^TAXONOMY_BOT_|GITHUB|DATABASE|POSTGRES|PGDATA|PRIVATE_KEY|WEBHOOK|OAUTH")


def _known() -> set[str]:
    return (
        {BOT + name.upper() for name in BotSettings.model_fields}
        | {PIPELINE + name.upper() for kind in (PipelineSettings, ServeSettings) for name in kind.model_fields}
        | _OTHERS
    )


def containers(rendered: Rendered) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, template in rendered.pods():
        spec = template["spec"]
        found += [(name, each) for each in spec["containers"] + spec.get("initContainers", [])]
    return found


def test_no_container_has_more_rights_than_none(rendered: Rendered) -> None:
    "Not root, nothing writable but what is mounted, no capability, no way to more."
    for name, container in containers(rendered):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_no_pod_is_root_or_knows_the_cluster(rendered: Rendered) -> None:
    "No token of a service account, no links of services, nothing of the node."
    for name, template in rendered.pods():
        spec = template["spec"]
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        assert not any("hostPath" in volume for volume in spec["volumes"]), name
        assert {"/tmp"} <= {m["mountPath"] for m in spec["containers"][0]["volumeMounts"]}, name
        assert spec["containers"][0]["resources"]["limits"]["memory"], name
    for account in rendered.of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_every_mount_has_its_volume(rendered: Rendered) -> None:
    "And no volume is there for nothing."
    for name, template in rendered.pods():
        mounted = {mount["name"] for c in template["spec"]["containers"] for mount in c["volumeMounts"]}
        there = {volume["name"] for volume in template["spec"]["volumes"]}
        assert mounted - there <= ({"data"} if "redis" in name or "postgresql" in name else set()), name
        assert there <= mounted, name


def test_secrets_come_from_secrets_that_are_there(rendered: Rendered) -> None:
    "Nothing that is secret stands in a manifest, and the chart makes no Secret."
    assert not rendered.of("Secret")
    for name, container in containers(rendered):
        for variable, value in environment_of(container).items():
            if _SECRET.search(variable) and value != "off" and not str(value).startswith("sqlite:////"):
                assert isinstance(value, dict), f"{name}: {variable}"
                assert "secretKeyRef" in value, f"{name}: {variable}"
        assert "envFrom" not in container, name


def _secrets_of(kind: type[BaseSettings]) -> list[str]:
    return [name.upper() for name, field in kind.model_fields.items() if "SecretStr" in str(field.annotation)]


@pytest.mark.parametrize(
    ("prefix", "pod", "secret"),
    [(BOT, "", secret) for secret in _secrets_of(BotSettings)]
    + [(PIPELINE, "-worker-cpu", secret) for secret in _secrets_of(PipelineSettings)]
    + [(PIPELINE, "-teacher", secret) for secret in _secrets_of(ServeSettings)],
)
def test_every_secret_of_a_program_has_its_way_in(production: Rendered, prefix: str, pod: str, secret: str) -> None:
    "From a Secret, and from there only: a value of the chart is read by whoever reads the release."
    (container,) = [each for name, each in containers(production) if name == f"demo-taxonomy-bot{pod}"]
    source = environment_of(container)[prefix + secret]["secretKeyRef"]
    assert (source["name"], source["key"]) == ("taxonomy-bot-workers" if pod else "taxonomy-bot", prefix + secret)
    settings = {"settings": {secret: "hunter2"}}
    changes = {
        "": {"bot": settings},
        "-worker-cpu": {"workers": {"cpu": settings}},
        "-teacher": {"modelServers": {"teacher": settings}},
    }[pod]
    with pytest.raises(helm_python.HelmRenderError, match=rf"settings\.{secret} is secret"):
        render(over(values_of("production"), changes))


def test_a_bot_without_jobs_is_told_so() -> None:
    "The one address of a broker that is no secret is none."
    ((_, bot),) = containers(render(values_of("minimal")))
    assert environment_of(bot)["TAXONOMY_BOT_BROKER_URL"] == "off"


def test_every_variable_is_a_real_setting(rendered: Rendered) -> None:
    "A typing error would be passed over in silence by the program that does not know it."
    for name, container in containers(rendered):
        assert set(environment_of(container)) <= _known(), name


def test_no_variable_is_set_twice(rendered: Rendered) -> None:
    "Kubernetes takes the last and says nothing."
    for name, container in containers(rendered):
        names = [each["name"] for each in container["env"]]
        assert sorted(names) == sorted(set(names)), name


def test_workers_and_models_know_neither_github_nor_the_database(rendered: Rendered) -> None:
    "Not by a variable, and not by the Secret that a variable comes from."
    bots = {"", "-migrations", "-maintenance", "-backup", "-postgresql"}
    for name, container in containers(rendered):
        if name.removeprefix("demo-taxonomy-bot") in bots:
            continue
        for variable, value in environment_of(container).items():
            assert not _OF_GITHUB_OR_DATABASE.search(variable), f"{name}: {variable}"
            assert "'taxonomy-bot'" not in str(value), f"{name}: {variable} is of the bot's Secret"


def test_the_settings_that_the_chart_gives_start_the_bot(
    rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Read by the program itself: what comes from Secrets is put in by hand."
    ((_, bot),) = [each for each in containers(rendered) if each[0] == "demo-taxonomy-bot"]
    secrets = {
        f"{BOT}PRIVATE_KEY": process_key_pair().private_pem,
        f"{BOT}WEBHOOK_SECRETS": "a-secret-of-the-webhook",
        f"{BOT}DATABASE_URL": "postgresql://bot:word@db/bot",
        f"{BOT}BROKER_URL": "redis://:word@redis:6379/0",
    }
    for name, value in environment_of(bot).items():
        if isinstance(value, str) and "CA_FILE" not in name:
            monkeypatch.setenv(name, value)
        elif name in secrets:
            monkeypatch.setenv(name, secrets[name])
    settings = read_settings()
    assert settings.repositories == {765432100}
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)
    assert settings.artifact_store_url.startswith(("s3://taxonomy/artifacts", "/srv/artifacts"))


def test_the_settings_that_the_chart_gives_start_a_worker(
    rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Of every kind; an impossible profile of GPUs would be refused here."
    for name, container in containers(rendered):
        if "-worker-" not in name:
            continue
        with monkeypatch.context() as patch:
            for variable, value in environment_of(container).items():
                if isinstance(value, str):
                    patch.setenv(variable, value)
            settings = PipelineSettings()
        assert settings.queues
        assert settings.work_dir.as_posix() == "/work"


def test_settings_arrive_as_they_were_written() -> None:
    "Numbers, whole or not, of a million and more: as a program reads them, which takes no 2.62144e+07 for bytes."
    settings = {"MAX_DELIVERY_BYTES": 26214400, "DOCUMENT_MAX_BYTES": 1, "DRY": True, "FEW": 0.25, "TEXT": "1e6"}
    changes = {
        "bot": {"settings": settings},
        "workers": {"cpu": {"settings": settings}},
        "modelServers": {"teacher": {"settings": settings}},
    }
    environments = {
        name: environment_of(container)
        for name, container in containers(render(over(values_of("production"), changes)))
    }
    for name, prefix in (("", BOT), ("-worker-cpu", PIPELINE), ("-teacher", PIPELINE)):
        environment = environments[f"demo-taxonomy-bot{name}"]
        given = {key: environment[prefix + key] for key in settings}
        assert given == {
            "MAX_DELIVERY_BYTES": "26214400",
            "DOCUMENT_MAX_BYTES": "1",
            "DRY": "true",
            "FEW": "0.25",
            "TEXT": "1e6",
        }


def test_every_queue_has_workers() -> None:
    "A queue that nobody serves is a job that never begins."
    for example in ("single-gpu", "production", "air-gapped"):
        served = {
            queue
            for name, container in containers(render(values_of(example)))
            if "-worker-" in name
            for queue in environment_of(container)[f"{PIPELINE}QUEUES"].split(",")
        }
        assert served == {queue.value for queue in Queue}, example


def test_probes_ask_for_what_is_there(production: Rendered, tmp_path: Any) -> None:
    "Each path of a probe is a route of the bot."
    settings = BotSettings(
        app_id=1,
        private_key=process_key_pair().private_pem,
        webhook_secrets="long-enough",
        repositories="1",
        database_url=f"sqlite:///{tmp_path}/bot.sqlite",
        broker_url="off",
    )
    routes = {resource.canonical for resource in make_app(settings).router.resources()}
    ((_, bot),) = [each for each in containers(production) if each[0] == "demo-taxonomy-bot"]
    asked = {probe: bot[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert set(asked.values()) <= routes


def test_there_is_time_to_end_in_good_order(rendered: Rendered) -> None:
    "The bot drains, a worker hands its job back and tells the bot, before anybody is killed."
    for name, template in rendered.pods():
        spec = template["spec"]
        environment = environment_of(spec["containers"][0])
        if name == "demo-taxonomy-bot":
            drain = float(environment[f"{BOT}DRAIN_S"])
            (_, pause) = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
            assert spec["terminationGracePeriodSeconds"] >= drain + float(pause) + 15
        elif "-worker-" in name:
            settings = PipelineSettings()
            needed = settings.stop_within_s + 2 * settings.resend_s + settings.lease_wait_s
            assert spec["terminationGracePeriodSeconds"] >= 2 * needed, name
        elif "serve-teacher" in spec["containers"][0].get("args", []):
            stop = ServeSettings(serve_model="/models/x").serve_stop_within_s
            assert spec["terminationGracePeriodSeconds"] >= stop + 15, name


def test_traces_of_bot_and_workers_go_to_one_collector() -> None:
    "With the authority of the site, where it has its own; models send none, and without an address nobody does."
    collector = "https://collector.observability:4318/v1/traces"
    changes = {
        "traces": {"url": collector},
        "networkPolicy": {"traces": {"peers": [{"podSelector": {"matchLabels": {"app": "collector"}}}]}},
    }
    rendered = render(over(values_of("air-gapped"), changes))
    for name, container in containers(rendered):
        environment = environment_of(container)
        sent_to = [value for variable, value in environment.items() if variable.endswith("_TRACES_URL")]
        sends = "-worker-" in name or name.startswith("demo-taxonomy-bot-migrations") or name == "demo-taxonomy-bot"
        assert sent_to == ([collector] if sends else []), name
        assert not sends or environment["OTEL_EXPORTER_OTLP_CERTIFICATE"] == environment["SSL_CERT_FILE"]
    for _, container in containers(render(values_of("air-gapped"))):
        assert not re.search(r"_TRACES_URL|OTEL_", " ".join(environment_of(container)))


def test_redis_of_a_trial_takes_the_place_of_its_shell(tmp_path: Path) -> None:
    "With its settings by standard input: a shell that stays the first process lets no SIGTERM through."
    ((_, redis),) = [each for each in containers(render(values_of("single-gpu"))) if "redis" in each[0]]
    is_redis, settings = started_redis(
        [*redis["command"], *redis["args"]], {"REDIS_PASSWORD": "a$pass\\nword"}, tmp_path
    )
    assert is_redis
    assert settings == [
        "requirepass a$pass\\nword", "appendonly yes", "dir /data", "maxmemory-policy noeviction"
    ]  # fmt: skip


def test_images_are_named_by_digest_where_one_is_given() -> None:
    "A tag is only looked at without one."
    rendered = render(values_of("air-gapped"))
    for name, container in containers(rendered):
        assert re.fullmatch(r"registry\.example\.internal/[a-z-]+@sha256:[0-9a-f]{64}", container["image"]), name


def test_gpus_are_asked_for_as_limits_and_requests() -> None:
    "Kubernetes wants both alike; a worker without a GPU asks for none."
    rendered = render(over(values_of("production"), {"workers": {"train": {"gpuResource": "example.com/mig"}}}))
    resources = {name: container["resources"] for name, container in containers(rendered)}
    train = resources["demo-taxonomy-bot-worker-train"]
    assert train["limits"]["example.com/mig"] == train["requests"]["example.com/mig"] == 1
    assert resources["demo-taxonomy-bot-teacher"]["limits"]["nvidia.com/gpu"] == 2
    assert "gpu" not in str(resources["demo-taxonomy-bot-worker-cpu"])


def test_an_upgrade_brings_the_database_up_to_date_first() -> None:
    "A job that runs before the new bot starts, with the bot's own command and image."
    rendered = render(values_of("production"), is_upgrade=True)
    job = rendered.one("Job", "-migrations")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["upgrade"]
    assert (
        container["image"] == rendered.one("Deployment", "")["spec"]["template"]["spec"]["containers"][0]["image"]
    )
    trial = render(values_of("single-gpu")).one("Job", "-migrations")
    assert trial["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"
    assert not render(values_of("minimal")).of(
        "Job"
    )  # SQLite's disk belongs to the bot, which does it at its start
