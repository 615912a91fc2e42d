"""The teacher's model server on a GPU that others need, too: put to sleep or stopped, and brought back.

The server is one that we start by a command, or one that others run. It sleeps by vLLM's endpoints `/sleep`,
`/wake_up` and `/is_sleeping`, which are there with `--enable-sleep-mode` and VLLM_SERVER_DEV_MODE=1; level 1 keeps
the weights in the machine's memory. One that cannot sleep is stopped and started again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from pipeline.settings import PREFIX, PipelineSettings

log = structlog.get_logger()

_POLL_S = 0.2
_ANSWER_S = 5.0
_TERMINATE_S = 20.0
_OURS_ALONE = (f"{PREFIX}BROKER_URL", f"{PREFIX}ARTIFACTS_URL")  # they may hold passwords

_Claim = Callable[[], bool]


class ModelServerError(Exception):
    """The server could not be brought where it has to be; the text is for people and names no address."""


class _AwayError(Exception):
    """Nobody listens there, or not yet."""


class ModelServer:
    """One server. Its methods are called by one thread at a time, `give_up` and `kill` by any."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._address = urlsplit(settings.model_server_address)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = threading.Event()
        self._is_given_up = threading.Event()

    def is_awake(self) -> bool:
        """True when it answers and does not sleep: it holds the GPU then."""
        try:
            return self._status("GET", "/health") == http.HTTPStatus.OK and not self._is_sleeping()
        except _AwayError:
            return False

    def bring_back(self) -> bool:
        """Have it answer again: start it, wait until it is healthy, wake it. Return whether that was needed.

        Raises ModelServerError.
        """
        if self.is_awake():
            return False
        if self._settings.model_server_command and not self._lives():
            self._start()
        until = time.monotonic() + self._settings.model_server_ready_s
        self._wait(until, self._is_healthy, "did not become healthy")
        if self._sleeps():
            self._order("/wake_up", until)
            self._wait(until, self.is_awake, "did not wake up")
        return True

    def send_away(self) -> bool:
        """Have it leave the GPU: put it to sleep, or stop it. Return whether that was needed.

        Raises ModelServerError.
        """
        if self._settings.model_server_rest == "stop":
            return self._stop()
        if not self._answers():
            return self._stop()  # one that still loads would take the GPU later
        if self._sleeps():
            return False
        until = time.monotonic() + self._settings.model_server_sleep_s
        self._order("/sleep?level=1", until)
        self._wait(until, self._sleeps, "did not fall asleep")
        return True

    def give_up(self, *, really: bool = True) -> None:
        """Let nobody wait for it any longer, until `give_up(really=False)`: what it was wanted for is cancelled."""
        if really:
            self._is_given_up.set()
        else:
            self._is_given_up.clear()

    def kill(self) -> None:
        """End what we have started, with its whole group; what others run stays. Nothing waits any longer."""
        self._is_closed.set()
        process, self._process = self._process, None
        if process is not None:
            _signal_group(process, signal.SIGKILL)
            process.wait(timeout=5)

    def _start(self) -> None:
        command = self._settings.model_server_command
        if shutil.which(command[0]) is None:
            raise ModelServerError(f"The model server cannot be started: this machine has no program {command[0]}.")
        self._settings.work_dir.mkdir(parents=True, exist_ok=True)
        path = self._settings.work_dir / "model-server.log"
        with path.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.kept_process", str(os.getpid()), *command],
                env=_environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        log.info("model_server.started", log=str(path))
        if self._is_closed.is_set():  # killed meanwhile, when there was nothing to kill yet
            self.kill()

    def _stop(self) -> bool:
        process, self._process = self._process, None
        if process is None:
            return False
        was_there = process.poll() is None
        _signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_TERMINATE_S)
        _signal_group(process, signal.SIGKILL)  # whoever of its group is left
        process.wait(timeout=_TERMINATE_S)
        return was_there

    def _lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _wait(self, until: float, holds: _Claim, problem: str) -> None:
        """Wait until something holds. Raises ModelServerError when it does not in time, or the server ends."""
        began = time.monotonic()
        while not self._holds(holds):
            if self._is_closed.wait(_POLL_S) or self._is_given_up.is_set():
                raise ModelServerError("Nobody waits for the model server any more.")
            if self._process is not None and (code := self._process.poll()) is not None:
                raise ModelServerError(
                    f"The model server ended while it was waited for (exit code {code}); its log, model-server.log "
                    "in the worker's folder, says why."
                )
            if time.monotonic() >= until:
                raise ModelServerError(f"The model server {problem} within {until - began:.0f} s.")

    @staticmethod
    def _holds(claim: _Claim) -> bool:
        try:
            return claim()
        except _AwayError:
            return False

    def _answers(self) -> bool:
        return self._holds(self._is_healthy)

    def _sleeps(self) -> bool:
        return self._holds(self._is_sleeping)

    def _is_healthy(self) -> bool:
        return self._status("GET", "/health") == http.HTTPStatus.OK

    def _is_sleeping(self) -> bool:
        status, body = self._ask("GET", "/is_sleeping", _ANSWER_S)
        if status != http.HTTPStatus.OK:  # it has no such endpoint: it never sleeps
            return False
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return isinstance(answer, dict) and answer.get("is_sleeping") is True

    def _order(self, path: str, until: float) -> None:
        """Have it sleep or wake. Raises ModelServerError when it will not."""
        what = path.partition("?")[0]
        try:
            status, _ = self._ask("POST", path, max(until - time.monotonic(), _ANSWER_S))
        except _AwayError:
            raise ModelServerError(f"The model server did not answer to {what}.") from None
        if status == http.HTTPStatus.NOT_FOUND:
            raise ModelServerError(
                f"The model server has no {what}: an operator starts it with --enable-sleep-mode and "
                f"VLLM_SERVER_DEV_MODE=1, or sets {PREFIX}MODEL_SERVER_REST=stop."
            )
        if status != http.HTTPStatus.OK:
            raise ModelServerError(f"The model server answered to {what} with status {status}.")

    def _status(self, method: str, path: str) -> int:
        return self._ask(method, path, _ANSWER_S)[0]

    def _ask(self, method: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        """Return status and body. Raises _AwayError when there is no answer in time."""
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._address.hostname or "", self._address.port, timeout=timeout_s)
        key = self._settings.teacher_api_key.get_secret_value()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            connection.request(method, self._address.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(64 * 1024)
        except (OSError, http.client.HTTPException) as error:
            raise _AwayError(type(error).__name__) from None
        finally:
            connection.close()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _environment(settings: PipelineSettings) -> dict[str, str]:
    """Return what the server may know: nothing of the broker, and the GPUs that are the worker's."""
    known = {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}
    if settings.visible_gpus is not None:
        known |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(settings.visible_gpus)}
    return known | ({"VLLM_SERVER_DEV_MODE": "1"} if settings.model_server_rest == "sleep" else {})
