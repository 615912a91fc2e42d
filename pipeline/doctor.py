"""What a machine of the model side has of what it needs, each finding with a remedy."""

from __future__ import annotations

import http.client
import importlib.util
import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from pipeline.artifacts import ArtifactError, ArtifactStore
from pipeline.contract import EMBEDDED, EMBEDDED_FILES, EMBEDDED_SOCKET, broker_transport
from pipeline.gpus import GpuError, gpus_here, visible_gpus
from pipeline.settings import PREFIX, PipelineSettings
from pipeline.teacher_settings import TeacherSettings

WITHIN_S = 5.0
_NEEDED = ("torch", "transformers", "peft", "accelerate", "datasets", "lm-eval", "celery", "redis")
_MOST_BYTES = 1024 * 1024
_GIB = 1024.0**3
_LITTLE_GIB = 20.0  # a checkpoint of a small student takes some


class Level(IntEnum):
    """How it stands; the number is the exit status that it leads to."""

    OK = 0
    ATTENTION = 1
    BROKEN = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, with what to do where it is not well."""

    what: str
    level: Level
    text: str
    remedy: str = ""


Look = Callable[[PipelineSettings], Iterator[Finding]]


def examined(settings: PipelineSettings) -> list[Finding]:
    """Return what is found: all looks side by side, and none is waited for longer than its time."""
    answers: list[tuple[str, SimpleQueue[list[Finding]]]] = []
    for what, look in LOOKS.items():
        answer: SimpleQueue[list[Finding]] = SimpleQueue()
        threading.Thread(target=_looked, args=(what, look, settings, answer), daemon=True).start()
        answers.append((what, answer))
    return [finding for what, answer in answers for finding in _awaited(what, answer)]


def _looked(what: str, look: Look, settings: PipelineSettings, answer: SimpleQueue[list[Finding]]) -> None:
    try:
        answer.put(list(look(settings)))
    except Exception as error:  # whatever breaks is a finding; its text might hold a password
        said = f"The examination broke down ({type(error).__name__})."
        answer.put([Finding(what, Level.BROKEN, said, f"Look at the settings {PREFIX}... for it.")])


def _awaited(what: str, answer: SimpleQueue[list[Finding]]) -> Sequence[Finding]:
    try:
        return answer.get(timeout=WITHIN_S)
    except Empty:
        said = f"It did not answer within {WITHIN_S:g} s."
        return [Finding(what, Level.BROKEN, said, "Is it overloaded, or does a firewall swallow what is sent?")]


def _packages(_settings: PipelineSettings) -> Iterator[Finding]:
    found = {name: _version(name) for name in _NEEDED}
    if lacking := [name for name, known in found.items() if not known]:
        said = f"Missing: {', '.join(lacking)}."
        yield Finding("packages", Level.BROKEN, said, 'pip install "taxonomy-bot[pipeline]"')
    else:
        listed = ", ".join(f"{name} {known}" for name, known in found.items())
        yield Finding("packages", Level.OK, f"{listed}.")


def _gpus(settings: PipelineSettings) -> Iterator[Finding]:
    if settings.visible_gpus == ():
        yield Finding("GPU", Level.OK, "This worker does without.")
        return
    here = gpus_here()
    if not here:
        yield Finding(
            "GPU",
            Level.ATTENTION,
            "nvidia-smi lists none.",
            "Install the driver, or in a container pass the GPUs on; without one, jobs that train take very long. "
            f"{PREFIX}QUEUES=cpu makes a worker that needs none.",
        )
        return
    try:
        for gpu in visible_gpus(settings.visible_gpus, here):
            yield Finding(
                "GPU", Level.OK, f"{gpu.name or gpu.uuid}: {gpu.memory_gib:.0f} GiB, driver {gpu.driver}."
            )
    except GpuError as error:
        yield Finding("GPU", Level.BROKEN, str(error), f"Name those that are here in {PREFIX}GPUS.")
    if importlib.util.find_spec("vllm") is None:
        said = "vllm is not installed: this machine cannot serve a teacher itself."
        yield Finding("GPU", Level.ATTENTION, said, 'pip install "taxonomy-bot[gpu]", if it is to.')


def _teacher(settings: PipelineSettings) -> Iterator[Finding]:
    if not settings.teacher_url:
        said = f"{PREFIX}TEACHER_URL is not set: nothing can be generated here."
        yield Finding("teacher", Level.ATTENTION, said, "Set it to an OpenAI-compatible server, up to /v1.")
        return
    yield from _server("teacher", settings.teacher)
    if settings.critic != settings.teacher:
        yield from _server("judge", settings.critic)
    if settings.student_url:
        yield from _server("student", settings.student)


def _server(what: str, server: TeacherSettings) -> Iterator[Finding]:
    """Ask a server for its models, and the one that is meant for a word."""
    variable = f"{PREFIX}{server.named}_URL"
    try:
        status, said = _asked(server, "GET", "/models")
    except (OSError, http.client.HTTPException, ValueError) as error:
        text = f"{server.url} cannot be reached ({type(error).__name__})."
        yield Finding(what, Level.BROKEN, text, f"Is it running, and is {variable} right?")
        return
    if status != http.HTTPStatus.OK:
        remedy = f"Look at {variable} (up to /v1) and at the key, {PREFIX}{server.named}_API_KEY."
        yield Finding(what, Level.BROKEN, f"{server.url}/models answers {status}.", remedy)
        return
    entries = said.get("data") if isinstance(said, dict) else None
    known = [str(each.get("id")) for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    if server.model not in known:
        listed = ", ".join(known[:5]) or "none"
        text = f"{server.url} has no model “{server.model}”."
        yield Finding(what, Level.BROKEN, text, f"It has: {listed}. Name one in {PREFIX}{server.named}_MODEL.")
        return
    body = {"model": server.model, "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 8}
    try:
        status, said = _asked(server, "POST", "/chat/completions", body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        status, said = 0, type(error).__name__
    if status == http.HTTPStatus.OK and isinstance(said, dict) and said.get("choices"):
        yield Finding(what, Level.OK, f"{server.model} at {server.url} answers.")
    else:
        text = f"{server.model} at {server.url} is listed and does not answer ({status or said})."
        yield Finding(what, Level.BROKEN, text, "Look at the server's log: it may still be loading, or be asleep.")


def _asked(server: TeacherSettings, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    parts = urlsplit(server.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=WITHIN_S - 0.5)
    headers = {"Content-Type": "application/json"}
    if key := server.api_key.get_secret_value():
        headers["Authorization"] = f"Bearer {key}"
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, parts.path.rstrip("/") + path, content, headers)
        answer = connection.getresponse()
        read = answer.read(_MOST_BYTES)
        return answer.status, json.loads(read) if answer.status == http.HTTPStatus.OK else None
    finally:
        connection.close()


def _tokenizer(settings: PipelineSettings) -> Iterator[Finding]:
    if settings.student_model is None:
        yield Finding(
            "student", Level.OK, f"{PREFIX}STUDENT_MODEL is not set: nothing is trained or measured here."
        )
        return
    folder = settings.student_model
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    lacking = [name for name in ("config.json", "tokenizer_config.json") if name not in names]
    if not any(name.endswith(".safetensors") for name in names):
        lacking.append("*.safetensors")
    if lacking:
        remedy = f"{PREFIX}STUDENT_MODEL is a folder with a model as safetensors and its tokenizer."
        yield Finding("student", Level.BROKEN, f"{folder} lacks {', '.join(lacking)}.", remedy)
    else:
        yield Finding("student", Level.OK, f"{folder} holds a model and its tokenizer.")


def _broker(settings: PipelineSettings) -> Iterator[Finding]:
    from kombu import Connection

    given = settings.broker_url.get_secret_value()
    if given.startswith(EMBEDDED):
        folder = Path(given.removeprefix(EMBEDDED))
        if not (folder / EMBEDDED_SOCKET).exists() and not (folder / EMBEDDED_FILES).exists():
            said = f"The bot has begun no broker in {folder.absolute()}."
            remedy = f"Start the bot on this machine, or give both a server in {PREFIX}BROKER_URL."
            yield Finding("broker", Level.ATTENTION, said, remedy)
            return
    address = settings.broker_address
    options = {**settings.broker_options, "socket_timeout": WITHIN_S - 1, "socket_connect_timeout": WITHIN_S - 1}
    transport = broker_transport(address)
    kind = given.partition("://")[0]
    try:
        with Connection(address, connect_timeout=3, transport=transport, transport_options=options) as connection:
            connection.connect()
            connection.default_channel.queue_declare("taxonomy.reports", passive=True)
    except Exception as error:  # drivers raise what they like; none may tell the password
        remedy = f"Is it running, can this machine reach it, and is {PREFIX}BROKER_URL that of the bot?"
        said = f"The broker ({kind}) cannot be used ({type(error).__name__})."
        level = Level.ATTENTION if "404" in str(error) or "NOT_FOUND" in str(error) else Level.BROKEN
        yield Finding("broker", level, said, remedy)
        return
    yield Finding("broker", Level.OK, f"The broker ({kind}) answers.")


def _artifacts(settings: PipelineSettings) -> Iterator[Finding]:
    remedy = f"Is {PREFIX}ARTIFACTS_URL the bot's store, and may this user write there?"
    content = f"the doctor was here: {secrets.token_hex(16)}".encode()
    try:
        store = ArtifactStore(settings.artifacts_url)
        artifact = store.put("doctor.txt", content, "text/plain")
        try:
            is_whole = store.get(artifact) == content
        finally:
            store.delete(artifact.sha256)
    except (ArtifactError, OSError) as error:
        yield Finding("artifacts", Level.BROKEN, f"The artifact store cannot be used: {error}", remedy)
        return
    if is_whole:
        yield Finding(
            "artifacts", Level.OK, f"Artifacts can be written, read and deleted in {settings.artifacts_url}."
        )
    else:
        yield Finding("artifacts", Level.BROKEN, "The artifact store gives back other bytes.", "Look at its disk.")


def _disk(settings: PipelineSettings) -> Iterator[Finding]:
    here = settings.work_dir.absolute()
    while not here.exists() and here != here.parent:
        here = here.parent
    free_gib = shutil.disk_usage(here).free / _GIB
    said = f"{free_gib:.1f} GiB are free for {PREFIX}WORK_DIR ({here})."
    if free_gib < _LITTLE_GIB:
        yield Finding("disk", Level.ATTENTION, said, "Checkpoints are kept there while a model learns: make room.")
    else:
        yield Finding("disk", Level.OK, said)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


LOOKS: dict[str, Look] = {
    "packages": _packages,
    "GPU": _gpus,
    "teacher": _teacher,
    "student": _tokenizer,
    "broker": _broker,
    "artifacts": _artifacts,
    "disk": _disk,
}
