"""The operator's settings: one typed object, the only reader of the environment, secrets masked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import time, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.budgets import Budget
from bot.github.tokens import read_private_key
from bot.jobs import JobKind
from bot.nightly.schedule import Schedule
from bot.nightly.terms import NightTerms
from bot.store.address import DatabaseError, driver_url
from checks.policy import Policy
from checks.secret_files import secrets_folder
from checks.time_limit import RULE_LIMIT_S
from pipeline.contract import EMBEDDED, REDELIVERY_S, checked_broker

PREFIX = "TAXONOMY_BOT_"

_BROKER = "taxonomy-bot-broker"
POLL_S = 20.0  # where polling is asked for without saying how often
_LEAST_POLL_S = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_QUIET = r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$"
_ARTIFACTS = "taxonomy-bot-artifacts"
_MODELS = "taxonomy-bot-models"
_INDEXES = "taxonomy-bot-indexes"

_HOW_TO_GET = {
    "app_id": 'GitHub, your App\'s settings page, field "App ID"',
    "private_key": 'GitHub, your App\'s settings page, "Generate a private key"; give its text or path',
    "webhook_secrets": "the secret you typed into your App's webhook settings; several, separated by commas, "
    "while you rotate it",
    "repositories": "the numeric ids of the repositories to serve, separated by commas "
    "(https://api.github.com/repos/OWNER/NAME shows it as `id`)",
}


class SettingsError(Exception):
    """The bot cannot start with these settings; the text says which variable is wrong and how to get it."""


class BotSettings(BaseSettings):
    """Everything an operator may set, each by the environment variable TAXONOMY_BOT_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    app_id: int
    private_key: SecretStr
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode, Field(min_length=1)]
    repositories: Annotated[frozenset[int], NoDecode, Field(min_length=1)]

    start_in: Literal["observe", "adopted"] = "observe"  # how a repository begins that was never served before

    database_url: Annotated[str, Field(repr=False)] = "sqlite:///taxonomy-bot.sqlite"  # it may hold a password
    database_connections: Annotated[int, Field(gt=0)] = 10  # to PostgreSQL, at most
    database_wait_s: Annotated[float, Field(ge=0)] = 0.0  # for another bot's end that uses the same SQLite file
    replica_silence_s: Annotated[float, Field(ge=2)] = 15.0  # after which the others take over from a replica
    drain_s: Annotated[float, Field(ge=0)] = 20.0  # on SIGTERM, for what is under way
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    github_api_url: str = "https://api.github.com"
    github_graphql_url: str = ""  # empty: <github_api_url>/graphql
    github_web_url: str = "https://github.com"
    request_timeout_s: Annotated[float, Field(gt=0)] = 20.0

    write_burst: Annotated[int, Field(gt=0)] = 60
    writes_per_minute: Annotated[int, Field(gt=0)] = 80
    writes_per_hour: Annotated[int, Field(gt=0)] = 500

    rule_workers: Annotated[int, Field(gt=0)] = 2
    rule_time_limit_s: Annotated[float, Field(gt=0)] = RULE_LIMIT_S
    concurrent_triages: Annotated[int, Field(gt=0)] = 8
    nightly: bool = True  # whether builds are planned by themselves
    nightly_cron: str = "0 2 * * *"  # when a build is due, in UTC
    nightly_replay_share: Annotated[float, Field(ge=0, le=1)] = 1.0  # of the samples of unchanged leaves
    nightly_noise_seeds: Annotated[int, Field(ge=0, le=20)] = 2  # trainings that tell how a score moves by chance
    nightly_blame_runs: Annotated[int, Field(ge=0)] = 0  # after a failed gate; 0: as many as halving needs
    nightly_noise_freedom: Annotated[int, Field(ge=0, le=60)] = 6  # known so well, few builds have them
    nightly_data_version: Annotated[str, Field(max_length=64)] = ""  # another one has everything generated anew
    nightly_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    nightly_look_s: Annotated[float, Field(ge=1, le=600)] = (
        60.0  # between two looks after builds, and after reports
    )
    report_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"  # its report is due then
    # where reports and alarms about builds are posted as JSON {"text": ...}; whoever knows it may post there
    nightly_webhook_url: SecretStr = SecretStr("")
    nightly_webhook_hosts: Annotated[frozenset[str], NoDecode] = frozenset()  # that may be reached by plain http
    sweep_minutes: Annotated[float, Field(ge=0)] = 5.0  # between two sweeps over open pull requests; 0: none
    poll_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0  # between two looks, without webhooks; 0: none
    relay_url: SecretStr = SecretStr("")  # a smee channel that webhooks are fetched from; whoever knows it reads it
    policy_cache_s: Annotated[float, Field(ge=0)] = 60.0

    max_delivery_bytes: Annotated[int, Field(gt=0)] = 25 * 1024 * 1024
    max_file_bytes: Annotated[int, Field(gt=0)] = 4 * 1024 * 1024  # ceiling on limits.file_bytes
    max_changed_files: Annotated[int, Field(gt=0, le=300)] = 300  # ceiling on limits.changed_files
    max_commits: Annotated[int, Field(gt=0)] = 2000  # of one pull request; more are refused, never judged in part
    broker_url: SecretStr = SecretStr("")  # it may hold a password; empty: one of our own, "off": no jobs
    job_time_limit_s: Annotated[float, Field(gt=0)] = 4 * 3600.0
    # for kinds that differ: "precheck=900,evaluate=28800"
    job_time_limits_s: Annotated[dict[JobKind, Annotated[float, Field(gt=0)]], NoDecode] = {}
    jobs_per_pull: Annotated[int, Field(gt=0)] = 4  # waiting or running
    jobs_per_author_and_day: Annotated[int, Field(gt=0)] = 20
    jobs_waiting: Annotated[int, Field(gt=0)] = 500  # in one queue
    gpu_h_per_day: Annotated[float, Field(ge=0)] = 0.0  # 0: no limit
    gpu_h_per_month: Annotated[float, Field(ge=0)] = 0.0
    quiet_hours: Annotated[str, Field(pattern=_QUIET)] = ""  # "08:00-18:00" in UTC: no GPU job begins then
    nightly_gpu_h: Annotated[float, Field(ge=0)] = (
        0.0  # of nightly jobs, in 24 hours from when NIGHTLY_CRON first comes true in a day; 0: no limit
    )
    # for documents on git servers of an own network: what is accepted though it is not public, and who is trusted
    document_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    document_ca_file: Path | None = None
    check_duplicates: bool = True  # whether leaves are compared with the tree and with other pull requests
    check_documents: bool = True  # whether the documents that leaves name are fetched and looked into
    document_wait_s: Annotated[float, Field(ge=0, le=60)] = 5.0  # so long a check waits; the rest is judged later
    swap_patience_minutes: Annotated[float, Field(ge=0)] = 20.0  # a job is passed so long by others without a swap
    job_retries: Annotated[int, Field(ge=0, le=10)] = 2  # after infrastructure errors
    worker_silence_s: Annotated[float, Field(ge=1)] = 60.0  # after which its job is given to another
    job_retry_pause_s: Annotated[float, Field(ge=0)] = 30.0  # before the first; doubled for each further one
    job_resend_s: Annotated[float, Field(ge=1)] = 60.0  # a message that no worker has asked about by then is lost
    broker_redelivery_s: Annotated[float, Field(ge=1)] = REDELIVERY_S  # of messages that nobody acknowledges
    delivery_days: Annotated[int, Field(ge=7)] = 30  # after it was handled; GitHub sends it again for three days
    job_log_days: Annotated[int, Field(ge=1)] = 90  # after a job is over
    artifacts_url: str = ""  # empty: the folder taxonomy-bot-artifacts beside the database
    artifact_days: Annotated[int, Field(ge=1)] = 90
    index_folder: Path | None = None  # None: the folder taxonomy-bot-indexes beside the database
    model_store_url: str = ""  # empty: the folder taxonomy-bot-models beside the database
    releases_kept: Annotated[int, Field(ge=1)] = 7  # the newest; and what is served, pinned, or needed to roll back
    release_days: Annotated[int, Field(ge=0)] = 90  # that one which was served is kept after it was replaced
    artifact_link_s: Annotated[int, Field(ge=60)] = 7 * 24 * 3600
    public_url: str = ""  # where people reach the bot; empty: it gives no links to artifacts
    # of the App, for signing in to the pages; without them everybody sees what is public, and nobody signs in
    oauth_client_id: str = ""
    oauth_client_secret: SecretStr = SecretStr("")
    reading_days: Annotated[int, Field(ge=1)] = 90  # that the pages show what was judged of a pull request
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0  # after which people sign in anew
    # servers that people ask on the pages, by OpenAI's protocol, up to /v1; the bot talks to no other models
    student_url: str = ""  # of the base model, with adapters
    student_name: str = ""  # of the base model there; empty: the first that is no adapter
    student_api_key: SecretStr = SecretStr("")
    student_adapter_folder: Path | None = (
        None  # where that server reads, too: adapters of pull requests are laid there
    )
    build_url: str = ""  # of builds, each under its name
    build_api_key: SecretStr = SecretStr("")
    log_format: str = "console"  # or "json"
    metrics_host: str = "127.0.0.1"  # where Prometheus asks, never at the public port
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0  # 0: nowhere
    debug_port: Annotated[int, Field(ge=0, le=65535)] = 0  # of this machine alone; 0: nowhere
    traces_url: str = ""  # of an OpenTelemetry collector, up to /v1/traces; empty: no traces

    @field_validator("webhook_secrets", "repositories", "document_networks", "nightly_webhook_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("nightly_cron")
    @classmethod
    def _is_a_schedule(cls, value: str) -> str:
        return str(Schedule(value))

    @model_validator(mode="after")
    def _is_a_webhook(self) -> Self:
        """Refuse an address that sends in clear what others should not read; the address itself is not said."""
        address = self.nightly_webhook_url.get_secret_value()
        if not address:
            return self
        found = urlsplit(address)
        is_allowed = found.scheme == "https" or (
            found.scheme == "http" and found.hostname in self.nightly_webhook_hosts
        )
        if not is_allowed or not found.hostname or found.username or any(c.isspace() for c in address):
            raise PydanticCustomError(
                "nightly_webhook_url",
                "has to begin with https:// and to name no user; a host that may be reached by plain http is named "
                "in TAXONOMY_BOT_NIGHTLY_WEBHOOK_HOSTS",
            )
        return self

    @field_validator("poll_seconds")
    @classmethod
    def _is_a_pause(cls, value: float) -> float:
        if 0 < value < _LEAST_POLL_S:
            raise ValueError(f"has to be at least {_LEAST_POLL_S:g}, or 0: GitHub allows so many requests an hour")
        return value

    @field_validator("relay_url")
    @classmethod
    def _is_a_channel(cls, value: SecretStr) -> SecretStr:
        """Refuse what would be read in clear on its way; the address itself is not said."""
        address = value.get_secret_value()
        found = urlsplit(address)
        is_safe = found.scheme == "https" or (found.scheme == "http" and found.hostname in _LOOPBACK)
        if address and (not is_safe or not found.hostname or found.username or any(c.isspace() for c in address)):
            raise ValueError(
                "has to be the address of a channel, such as https://smee.io/CHANNEL, without user; plain http "
                "only on this machine (127.0.0.1, ::1, localhost)"
            )
        return value

    @field_validator("job_time_limits_s", mode="before")
    @classmethod
    def _by_kind(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if unknown := {kind.strip() for kind, *_ in pairs} - set(JobKind):
            raise ValueError(f"knows no kind of job {sorted(unknown)[0]!r}; there are {', '.join(JobKind)}")
        return {kind.strip(): seconds.strip() for kind, _, seconds in pairs}

    @field_validator("private_key", mode="before")
    @classmethod
    def _read_key(cls, value: Any) -> Any:
        if isinstance(value, str) and value and "-----BEGIN" not in value:
            path = Path(value).expanduser()
            if not path.is_file():
                raise ValueError("is neither a PEM text (with its BEGIN line) nor the path of a file that exists")
            try:
                return path.read_text()
            except OSError as error:
                raise ValueError(f"names a file that cannot be read ({error.strerror})") from None
        return value

    @field_validator("private_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        try:
            read_private_key(value.get_secret_value())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("is not a private key in PEM form; download a fresh one") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        try:
            return driver_url(value).render_as_string(hide_password=False)
        except DatabaseError as error:
            raise ValueError(str(error)) from None

    @field_validator("webhook_secrets")
    @classmethod
    def _no_empty_secret(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(secret.get_secret_value()) < 8 for secret in value):
            raise ValueError("must be at least 8 characters long: a short secret lets strangers forge deliveries")
        return value

    @field_validator("broker_url")
    @classmethod
    def _is_a_broker(cls, value: SecretStr) -> SecretStr:
        checked_broker(value.get_secret_value())
        return value

    @field_validator("traces_url")
    @classmethod
    def _is_a_collector(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+/[^\s?#]*", value):
            raise ValueError("has to be an address such as http://127.0.0.1:4318/v1/traces, without user, ? or #")
        return value

    @field_validator("student_url", "build_url")
    @classmethod
    def _is_a_server(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError(
                "has to be an address up to /v1, such as http://127.0.0.1:8000/v1, without user, ? or #"
            )
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("has to be the address of the bot, such as https://bot.example.org, without ? or #")
        return value.rstrip("/")

    @property
    def starts_adopted(self) -> bool:
        """Whether a repository that was never served before hears from us at once."""
        return self.start_in == "adopted"

    @property
    def budget(self) -> Budget:
        """How much may be computed."""
        quiet_from, _, quiet_until = self.quiet_hours.partition("-")
        return Budget(
            self.jobs_per_pull,
            self.jobs_per_author_and_day,
            self.jobs_waiting,
            self.gpu_h_per_day,
            self.gpu_h_per_month,
            time.fromisoformat(quiet_from) if quiet_from else None,
            time.fromisoformat(quiet_until) if quiet_until else None,
            self.nightly_gpu_h,
            self.schedule.first_of_a_day,
        )

    @property
    def broker(self) -> str:
        """The broker's address as set, or an embedded one in a folder beside the database; empty for none."""
        given = self.broker_url.get_secret_value()
        if given:
            return "" if given == "off" else given
        return f"{EMBEDDED}{self._beside_the_database(_BROKER)}"

    @property
    def artifact_store_url(self) -> str:
        """Where the artifact store is: as set, or a folder beside the database, or here if that is a server's."""
        if self.artifacts_url:
            return self.artifacts_url
        return str(self._beside_the_database(_ARTIFACTS))

    @property
    def models_url(self) -> str:
        """Where the store of models is: as set, or a folder beside the database, as for artifacts."""
        return self.model_store_url or str(self._beside_the_database(_MODELS))

    @property
    def indexes_folder(self) -> Path:
        """Where the indexes of passages lie; what is lost there is made anew."""
        return self.index_folder or self._beside_the_database(_INDEXES)

    def _beside_the_database(self, name: str) -> Path:
        url = driver_url(self.database_url)
        path = url.database or ""
        is_file = url.get_backend_name() == "sqlite" and path not in ("", ":memory:")
        return (Path(path).parent if is_file else Path()).absolute() / name

    def time_limit_of(self, kind: JobKind) -> timedelta:
        """Return after how long a job of a kind is ended."""
        return timedelta(seconds=self.job_time_limits_s.get(kind, self.job_time_limit_s))

    @property
    def keeps_readings_for(self) -> timedelta:
        """How long what was judged of a pull request is kept for people to read."""
        return timedelta(days=self.reading_days)

    @property
    def keeps_deliveries_for(self) -> timedelta:
        """How long a delivery is remembered after it was handled."""
        return timedelta(days=self.delivery_days)

    @property
    def keeps_releases_for(self) -> timedelta:
        """How long a build that was served is kept after another took its place."""
        return timedelta(days=self.release_days)

    @property
    def keeps_logs_for(self) -> timedelta:
        """How long the log of a job is kept after it is over."""
        return timedelta(days=self.job_log_days)

    @property
    def night_terms(self) -> NightTerms:
        """What holds for all builds."""
        return NightTerms(
            self.nightly_seed,
            self.nightly_noise_seeds,
            self.nightly_blame_runs,
            self.nightly_data_version,
            self.nightly_replay_share,
            self.nightly_noise_freedom,
        )

    @property
    def schedule(self) -> Schedule:
        """When a nightly build is due."""
        return Schedule(self.nightly_cron)

    @property
    def base_path(self) -> str:
        """The path under which people reach the bot, where it shares its host with others; mostly empty."""
        return urlsplit(self.public_url).path

    @property
    def has_sign_in(self) -> bool:
        """Whether people can sign in to the pages."""
        return bool(self.oauth_client_id and self.oauth_client_secret.get_secret_value())

    @property
    def graphql_url(self) -> str:
        """Where GraphQL documents are posted."""
        return self.github_graphql_url or self.github_api_url.rstrip("/") + "/graphql"

    def capped(self, policy: Policy) -> Policy:
        """Return the community's policy with the operator's ceilings put on it."""
        limits = policy.limits.model_copy(
            update={
                "file_bytes": min(policy.limits.file_bytes, self.max_file_bytes),
                "changed_files": min(policy.limits.changed_files, self.max_changed_files),
            }
        )
        return policy.model_copy(update={"limits": limits})


def read_settings(**overrides: Any) -> BotSettings:
    """Return the settings, from variables and secret files. Raises SettingsError, which names all mistakes."""
    try:
        return BotSettings(_secrets_dir=secrets_folder(os.environ), **overrides)
    except ValidationError as error:
        lines = [f"  {PREFIX}{name.upper()}: {problem}" for name, problem in problems_of(error)]
        raise SettingsError("The bot cannot start:\n" + "\n".join(lines)) from None


def problems_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield each setting that cannot be used, with what is wrong and where to find what is missing."""
    for detail in error.errors():
        # what several settings say together names the one that is to be changed by its kind
        name = str(detail["loc"][0]) if detail["loc"] else str(detail["type"])
        problem = "is missing" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ")
        hint = f"\n    where to find it: {_HOW_TO_GET[name]}" if name in _HOW_TO_GET else ""
        yield name, problem + hint
