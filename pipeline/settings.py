"""The settings of a worker: one typed object, the only reader of the environment. No GitHub, no database."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.contract import REDELIVERY_S, Queue, broker_address, broker_options

PREFIX = "TAXONOMY_PIPELINE_"


class PipelineSettingsError(Exception):
    """A worker cannot start with these settings; the text says which variable is wrong."""


class PipelineSettings(BaseSettings):
    """Everything that may be set for a worker, each by the variable TAXONOMY_PIPELINE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    broker_url: SecretStr = SecretStr("embedded://./taxonomy-bot-broker")  # it may hold a password
    artifacts_url: str = "./taxonomy-bot-artifacts"
    queues: Annotated[tuple[Queue, ...], NoDecode, Field(min_length=1)] = tuple(Queue)
    worker_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")] = (
        f"{socket.gethostname()[:60]}-{os.getpid()}"
    )
    work_dir: Path = Path("./taxonomy-pipeline-work")  # emptied after each job; unconfirmed reports wait in it

    teacher_url: str = ""  # of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1
    teacher_model: str = ""
    teacher_api_key: SecretStr = SecretStr("")
    teacher_timeout_s: Annotated[float, Field(gt=0)] = 60.0

    lease_wait_s: Annotated[float, Field(gt=0)] = 10.0  # for one answer to "may I?"; then it is asked again
    resend_s: Annotated[float, Field(gt=0)] = 10.0  # until the end of a job is confirmed
    hello_s: Annotated[float, Field(gt=0)] = 15.0
    broker_redelivery_s: Annotated[float, Field(ge=1)] = REDELIVERY_S  # of messages that nobody acknowledges
    stop_within_s: Annotated[float, Field(gt=0)] = 5.0  # for work that was told to stop
    log_format: str = "console"  # or "json"

    @field_validator("queues", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @property
    def broker_address(self) -> str:
        """The broker's address, password included: for kombu, never for a log."""
        return broker_address(self.broker_url.get_secret_value())

    @property
    def broker_options(self) -> dict[str, float]:
        """How kombu is to treat the broker."""
        return broker_options(self.broker_redelivery_s)


def read_pipeline_settings(**overrides: Any) -> PipelineSettings:
    """Return the settings from the environment. Raises PipelineSettingsError, naming every mistake at once."""
    try:
        return PipelineSettings(**overrides)
    except ValidationError as error:
        lines = [
            f"  {PREFIX}{str(detail['loc'][0]).upper()}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors()
        ]
        raise PipelineSettingsError("The worker cannot start:\n" + "\n".join(lines)) from None
