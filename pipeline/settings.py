"""The settings of a worker: one typed object, the only reader of the environment. No GitHub, no database."""

from __future__ import annotations

import os
import shlex
import socket
import tempfile
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from platformdirs import user_cache_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from checks.secret_files import secrets_folder
from pipeline.contract import REDELIVERY_S, Queue, broker_address, broker_options, checked_broker
from pipeline.gpus import named_gpus
from pipeline.teacher_cache_limits import GIB, CacheLimits
from pipeline.teacher_settings import TeacherSettings, checked_address
from pipeline.training.settings import Preset
from pipeline.vllm_arguments import Adapter, adapters_of, checked_extra, checked_name

PREFIX = "TAXONOMY_PIPELINE_"

_HUB_REPOSITORY = r"^([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)?$"
_GPUS = (f"{PREFIX}GPUS", "CUDA_VISIBLE_DEVICES")

_Settings = TypeVar("_Settings", bound=BaseSettings)


class PipelineSettingsError(Exception):
    """These settings cannot be used; the text says which variable is wrong."""


class PipelineSettings(BaseSettings):
    """Everything that may be set for a worker, each by the variable TAXONOMY_PIPELINE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, populate_by_name=True)

    broker_url: SecretStr = SecretStr("embedded://./taxonomy-bot-broker")  # it may hold a password
    artifacts_url: str = "./taxonomy-bot-artifacts"
    model_store_url: str = "./taxonomy-bot-models"  # where whole builds are published
    hub_repository: Annotated[str, Field(pattern=_HUB_REPOSITORY)] = ""  # for hub-upload: organisation/model
    hub_token: SecretStr = SecretStr("")
    hub_endpoint: str = ""  # empty: where the hub's own client goes
    queues: Annotated[tuple[Queue, ...], NoDecode, Field(min_length=1)] = tuple(Queue)
    worker_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")] = (
        f"{socket.gethostname()[:60]}-{os.getpid()}"
    )
    work_dir: Path = Path(
        "./taxonomy-pipeline-work"
    )  # unconfirmed reports wait in it, and trainings that were broken off

    # by index or uuid; else those of CUDA_VISIBLE_DEVICES, else all; a worker of the queue cpu alone sees none
    gpus: Annotated[tuple[str, ...] | None, NoDecode] = Field(None, validation_alias=AliasChoices(*_GPUS))
    runtime_dir: Path = Path(tempfile.gettempdir()) / "taxonomy-pipeline"  # the same for all workers of a machine

    teacher_url: str = ""  # of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1
    teacher_model: str = ""
    teacher_api_key: SecretStr = SecretStr("")
    teacher_timeout_s: Annotated[float, Field(gt=0)] = 300.0  # for one request, its whole answer included
    teacher_least_at_once: Annotated[int, Field(ge=1)] = 1
    teacher_most_at_once: Annotated[int, Field(ge=1, le=4096)] = 64
    teacher_tries: Annotated[int, Field(ge=1, le=100)] = 8
    teacher_away_after_s: Annotated[float, Field(gt=0)] = 120.0  # without a good answer the server is given up
    teacher_supports_n: bool | None = None  # several answers to one request; None: find out
    teacher_prompt_price: Annotated[float, Field(ge=0)] = 0.0  # for a million tokens, in whatever currency
    teacher_completion_price: Annotated[float, Field(ge=0)] = 0.0
    teacher_cache: Path | None = None  # a file; without it nothing is remembered between runs
    teacher_cache_gib: Annotated[float, Field(ge=0)] = 20.0  # the oldest answers go; 0: it may grow for ever
    teacher_cache_days: Annotated[float, Field(ge=0)] = 180.0  # since an answer was last used; 0: for ever
    teacher_use_proxy: bool = False  # the one that HTTP_PROXY and HTTPS_PROXY name

    critic_url: str = ""  # of the model that judges; without it the teacher judges
    critic_model: str = ""
    critic_api_key: SecretStr = SecretStr("")

    student_api_key: SecretStr = SecretStr("")  # of the server that answers as the student
    student_url: str = ""  # of a server that has the base model of the student, for prechecks
    student_name: str = ""  # what it is called there
    student_model: Path | None = None  # the folder of the model that is taught and measured
    precheck_known_from: Annotated[float, Field(ge=0, le=1)] = 0.8  # share of questions; then it "already knows"
    student_preset: Preset = Preset.PULL_REQUEST  # how it is taught; `tiny` for the tiny student

    evaluate_seeds: Annotated[int, Field(ge=1, le=20)] = 1  # trainings with other chance: more tell more surely
    evaluate_repeats: Annotated[int, Field(ge=1, le=20)] = 1  # how often the judge scores each answer
    evaluate_swapped: bool = False  # the judge compares both answers, too, in both orders
    evaluate_answer_tokens: Annotated[int, Field(ge=1, le=32_768)] = 512  # of an answer that is judged
    evaluate_batch_size: Annotated[int, Field(ge=1, le=1024)] = 16  # prompts that the student reads at once
    evaluate_gates_mmlu: Path | None = None  # a folder of multiple choice questions that may not suffer
    evaluate_gates_two_turns: Path | None = None  # a file of conversations, likewise
    evaluate_gates_subset: Literal["all", "small", "tiny"] = "all"  # of the folder's questions
    evaluate_gates_accuracy_margin: Annotated[float, Field(ge=0, le=1)] = 0.02  # how far the first may fall
    evaluate_gates_score_margin: Annotated[float, Field(ge=0, le=9)] = 0.3  # and the second, in points

    build_method: Literal["full", "lora"] = "full"  # what learns in a build: every weight, or an adapter
    build_preset: Literal["", "tiny"] = ""  # empty: those of the two phases; `tiny` for the tiny student
    build_epochs: Annotated[int, Field(ge=0, le=1000)] = 0  # of each phase; 0: those of the preset
    build_keep_checkpoints: Annotated[int, Field(ge=0)] = 0  # to be scored, the best by dev loss; 0: all

    generate_seed: int = 42  # decides all chance
    generate_auxiliary: bool = False  # summaries of the documents are trained on, too
    generate_passages: Annotated[int, Field(ge=1, le=10_000)] = 40  # of one leaf's documents at most, spread evenly

    # for `generate` by hand, as the bot has them; workers are given the documents
    document_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # empty: those of a policy that names none
    document_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    document_ca_file: Path | None = None

    # where the tiny student is kept once it is made, a few MB for each way of making it
    tiny_student_cache: Path = user_cache_path("taxonomy-bot") / "tiny-student"

    model_server_url: str = ""  # where it is asked to sleep and to wake; empty: TEACHER_URL without its /v1
    model_server_command: Annotated[tuple[str, ...], NoDecode] = ()  # starts it; empty: others run it
    model_server_rest: Literal["sleep", "stop"] = "sleep"  # how it leaves the GPU to the student
    model_server_ready_s: Annotated[float, Field(gt=0)] = 900.0  # until it is healthy after a start or waking
    model_server_sleep_s: Annotated[float, Field(gt=0)] = 120.0  # until it has to sleep
    gpu_profile: Literal["separate", "single"] = "separate"  # single: teacher and student take turns on one GPU

    lease_wait_s: Annotated[float, Field(gt=0)] = 10.0  # for one answer to "may I?"; then it is asked again
    resend_s: Annotated[float, Field(gt=0)] = 10.0  # until the end of a job is confirmed
    hello_s: Annotated[float, Field(gt=0)] = 15.0
    broker_redelivery_s: Annotated[float, Field(ge=1)] = REDELIVERY_S  # of messages that nobody acknowledges
    stop_within_s: Annotated[float, Field(gt=0)] = 5.0  # for work that was told to stop
    log_format: str = "console"  # or "json"
    metrics_host: str = "127.0.0.1"  # where Prometheus asks
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0  # 0: nowhere
    traces_url: str = ""  # of an OpenTelemetry collector, up to /v1/traces; empty: no traces

    @field_validator("queues", "document_hosts", "document_networks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("hub_endpoint")
    @classmethod
    def _plain_hub_address(cls, value: str) -> str:
        return checked_address(value).rstrip("/")

    @field_validator("teacher_url", "critic_url", "student_url", "traces_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return checked_address(value)

    @field_validator("model_server_command", mode="before")
    @classmethod
    def _command(cls, value: Any) -> Any:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("model_server_url")
    @classmethod
    def _plain_server_address(cls, value: str) -> str:
        return checked_address(value)

    @field_validator("gpu_profile")
    @classmethod
    def _has_what_it_swaps(cls, value: str, info: ValidationInfo) -> str:
        if value == "single" and not (info.data.get("model_server_url") or info.data.get("teacher_url")):
            raise ValueError(f"single needs a model server to swap: set {PREFIX}TEACHER_URL")
        if (
            value == "single"
            and info.data.get("model_server_rest") == "stop"
            and not info.data.get("model_server_command")
        ):
            raise ValueError(f"to stop the model server it has to be ours: set {PREFIX}MODEL_SERVER_COMMAND")
        return value

    @property
    def model_server_address(self) -> str:
        """Where the model server is told to sleep and to wake."""
        return self.model_server_url or self.teacher_url.rstrip("/").removesuffix("/v1")

    @property
    def teacher(self) -> TeacherSettings:
        """How to reach the teacher, for the client."""
        return TeacherSettings(
            url=self.teacher_url,
            model=self.teacher_model,
            api_key=self.teacher_api_key,
            timeout_s=self.teacher_timeout_s,
            least_at_once=self.teacher_least_at_once,
            most_at_once=self.teacher_most_at_once,
            tries=self.teacher_tries,
            away_after_s=self.teacher_away_after_s,
            supports_n=self.teacher_supports_n,
            prompt_price=self.teacher_prompt_price,
            completion_price=self.teacher_completion_price,
            use_proxy=self.teacher_use_proxy,
        )

    @property
    def teacher_cache_limits(self) -> CacheLimits:
        """How much of what the teacher has answered is kept."""
        return CacheLimits(int(self.teacher_cache_gib * GIB), self.teacher_cache_days)

    @field_validator("broker_url")
    @classmethod
    def _is_a_broker(cls, value: SecretStr) -> SecretStr:
        checked_broker(value.get_secret_value())
        return value

    @property
    def critic(self) -> TeacherSettings:
        """How to reach the critic: like the teacher, but for what is set apart."""
        if not self.critic_url and not self.critic_model:
            return self.teacher
        return replace(
            self.teacher,
            url=self.critic_url or self.teacher_url,
            model=self.critic_model or self.teacher_model,
            api_key=self.critic_api_key if self.critic_url else self.teacher_api_key,
            supports_n=None,
            named="CRITIC" if self.critic_url else "TEACHER",
        )

    @property
    def student(self) -> TeacherSettings:
        """How to reach the student where it is served: like the teacher, but for what is set apart."""
        return replace(
            self.teacher,
            url=self.student_url,
            model=self.student_name,
            api_key=self.student_api_key,
            supports_n=None,
            named="STUDENT",
        )

    @field_validator("gpus", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return named_gpus(value) if isinstance(value, str) else value

    @property
    def visible_gpus(self) -> tuple[str, ...] | None:
        """The GPUs that are named for this worker, None for all; none for one that does only CPU work."""
        return self.gpus if any(queue is not Queue.CPU for queue in self.queues) else ()

    @property
    def broker_address(self) -> str:
        """The broker's address, password included: for kombu, never for a log."""
        return broker_address(self.broker_url.get_secret_value())

    @property
    def broker_options(self) -> dict[str, float | str]:
        """How kombu is to treat the broker."""
        return broker_options(self.broker_address, self.broker_redelivery_s)


class ServeSettings(BaseSettings):
    """Everything that may be set for `taxonomy-pipeline serve-teacher`, by TAXONOMY_PIPELINE_SERVE_<NAME>.

    The name that is served and the key come from TEACHER_MODEL and TEACHER_API_KEY, which the clients read, too.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    teacher_model: str = ""  # the name under which it answers; the model's own without
    teacher_api_key: SecretStr = SecretStr("")
    serve_program: Annotated[tuple[str, ...], NoDecode, Field(min_length=1)] = ("vllm", "serve")
    serve_model: Annotated[str, Field(min_length=1)]  # a folder, or a name that the server can look up
    serve_host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_][A-Za-z0-9.:_-]*$")] = "127.0.0.1"
    serve_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    serve_dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    serve_load_format: Literal["safetensors", "dummy"] = "safetensors"  # dummy: random weights, to measure
    serve_tensor_parallel: Annotated[int, Field(ge=1)] = 1
    serve_max_model_len: Annotated[int | None, Field(ge=1)] = None
    serve_gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.9  # share of each GPU's memory
    serve_adapters: Annotated[tuple[Adapter, ...], NoDecode] = ()  # NAME=FOLDER,NAME=FOLDER
    serve_extra: Annotated[tuple[str, ...], NoDecode] = ()  # more arguments, in a shell's notation
    serve_ready_within_s: Annotated[float, Field(gt=0)] = 900.0
    serve_restarts: Annotated[int, Field(ge=0)] = 5  # in a row; an hour of health forgives them
    serve_stop_within_s: Annotated[float, Field(gt=0)] = 15.0

    @field_validator("serve_program", "serve_extra", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("serve_adapters", mode="before")
    @classmethod
    def _adapters(cls, value: Any) -> Any:
        return adapters_of(value) if isinstance(value, str) else value

    @field_validator("serve_extra")
    @classmethod
    def _harmless(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_extra(value)

    @field_validator("serve_model", "teacher_model")
    @classmethod
    def _no_option(cls, value: str) -> str:
        return checked_name(value)


class Launch(BaseSettings):
    """What a launcher of several processes tells each of them, in the variables that all launchers use."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    rank: int = 0


def read_serve_settings(**overrides: Any) -> ServeSettings:
    """Return the settings from the environment. Raises PipelineSettingsError, naming every mistake at once."""
    return _read(ServeSettings, "The settings of the teacher's server", overrides)


def read_pipeline_settings(**overrides: Any) -> PipelineSettings:
    """Return the settings from the environment. Raises PipelineSettingsError, naming every mistake at once."""
    return _read(PipelineSettings, "The settings", overrides)


def _read(kind: type[_Settings], which: str, overrides: dict[str, Any]) -> _Settings:
    try:
        return kind(_secrets_dir=secrets_folder(os.environ), **overrides)
    except ValidationError as error:
        lines = [
            f"  {_variable(str(detail['loc'][0]))}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors()
        ]
        raise PipelineSettingsError(f"{which} cannot be used:\n" + "\n".join(lines)) from None


def _variable(name: str) -> str:
    """Return the variable of a field; some are known by their variable already."""
    return name if name in _GPUS else PREFIX + name.upper()
