"""The model server leaves the GPU and comes back, or it is said in clear words why not. It is a real process."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.contract import Load, TaskKind, needs
from pipeline.model_server import ModelServer, ModelServerError
from pipeline.settings import PipelineSettings, PipelineSettingsError, read_pipeline_settings
from pipeline.worker.one_gpu import OneGpu

SLEEPY = Path(__file__).with_name("sleepy_server.py")


class Place:
    "A folder, a port and the servers that were made for them."

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.diary = folder / "diary"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._servers: list[ModelServer] = []
        self._others: list[subprocess.Popen[bytes]] = []

    def settings(self, *options: str, ours: bool = True, **settings: object) -> PipelineSettings:
        "A worker's settings, with the command that starts the small server."
        command = shlex.join([sys.executable, str(SLEEPY), str(self.port), str(self.diary), *options])
        given: dict[str, object] = {
            "teacher_url": f"http://127.0.0.1:{self.port}/v1",
            "model_server_command": command if ours else "",
            "model_server_ready_s": 20,
            "model_server_sleep_s": 5,
            "gpu_profile": "single",
            "work_dir": self.folder / "work",
        }
        return read_pipeline_settings(**given | settings)

    def server(self, *options: str, ours: bool = True, **settings: object) -> ModelServer:
        server = ModelServer(self.settings(*options, ours=ours, **settings))
        self._servers.append(server)
        return server

    def others_run_one(self, *options: str, can_sleep: bool = True) -> subprocess.Popen[bytes]:
        "A server that is not ours."
        process = subprocess.Popen(
            [sys.executable, str(SLEEPY), str(self.port), str(self.diary), *options],
            env=os.environ | {"VLLM_SERVER_DEV_MODE": "1" if can_sleep else "0"},
        )
        self._others.append(process)
        while not self.happened:
            time.sleep(0.02)
        return process

    @property
    def happened(self) -> list[str]:
        return self.diary.read_text().splitlines() if self.diary.exists() else []

    def processes(self) -> list[int]:
        "Everything that runs with this diary in its command, or was started by one that does."
        groups = set()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    found[int(entry.name)] = os.getpgid(int(entry.name))
                    if str(self.diary).encode() in (entry / "cmdline").read_bytes():
                        groups.add(found[int(entry.name)])
                except OSError:
                    continue
        return [pid for pid, group in found.items() if group in groups and group != os.getpgrp()]

    def close(self) -> None:
        for server in self._servers:
            server.kill()
        for process in self._others:
            process.kill()
            process.wait()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def gone_within(place: Place, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while place.processes() and time.monotonic() < until:
        time.sleep(0.05)
    return not place.processes()


def test_it_is_started_put_to_sleep_and_woken(place: Place) -> None:
    "One process all the while; what is done already is not done again."
    server = place.server("--load-takes", "0.3")
    assert not server.is_awake()
    assert server.bring_back()
    assert server.is_awake()
    assert not server.bring_back()
    assert server.send_away()
    assert not server.is_awake()
    assert not server.send_away()
    assert server.bring_back()
    assert server.is_awake()
    assert place.happened == ["awake", "asleep", "awake"]


def test_one_that_cannot_sleep_is_stopped_and_started_again(place: Place) -> None:
    "With everything that it has started."
    server = place.server("--helper", model_server_rest="stop")
    assert server.bring_back()
    assert len(place.processes()) >= 3
    assert server.send_away()
    assert gone_within(place, 3)
    assert not server.send_away()
    assert server.bring_back()
    assert place.happened == ["awake", "awake"]


def test_one_that_others_run_sleeps_too_and_is_left_alone_at_the_end(place: Place) -> None:
    "We start nothing and end nothing there."
    other = place.others_run_one()
    server = place.server(ours=False)
    assert server.is_awake()
    assert server.send_away()
    assert server.bring_back()
    server.kill()
    assert other.poll() is None
    assert place.happened == ["awake", "asleep", "awake"]


def test_where_nobody_listens_nothing_has_to_leave(place: Place) -> None:
    "The GPU is free."
    assert not place.server(ours=False).send_away()


def test_one_that_died_is_started_again(place: Place) -> None:
    "A crash between two jobs costs a start, not a job."
    server = place.server()
    server.bring_back()
    for pid in place.processes():
        os.kill(pid, signal.SIGKILL)
    assert gone_within(place, 3)
    assert server.bring_back()
    assert server.is_awake()


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        pytest.param(["--sleep-status", "500"], {}, "answered to /sleep with status 500", id="refuses to sleep"),
        pytest.param(["--lies"], {"model_server_sleep_s": 0.5}, "did not fall asleep within", id="only says so"),
        pytest.param(
            ["--sleep-takes", "9"], {"model_server_sleep_s": 0.5}, "did not answer to /sleep", id="never answers"
        ),
    ],
)
def test_why_it_does_not_sleep_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, options: list[str], settings: dict[str, object], said: str
) -> None:
    "Each with what went wrong."
    monkeypatch.setattr("pipeline.model_server._ANSWER_S", 1.0)
    server = place.server(*options, **settings)
    server.bring_back()
    with pytest.raises(ModelServerError, match=said):
        server.send_away()


def test_one_without_sleep_mode_is_told_how_to_get_it(place: Place) -> None:
    "The words name the option and the variable, and the other way."
    place.others_run_one(can_sleep=False)
    with pytest.raises(ModelServerError, match=r"--enable-sleep-mode and VLLM_SERVER_DEV_MODE=1, or .*REST=stop"):
        place.server(ours=False).send_away()


def test_why_it_does_not_come_back_is_said(place: Place) -> None:
    "It ends by itself, is not there, takes too long, or will not wake."
    with pytest.raises(ModelServerError, match="exit code 3"):
        place.server("--dies-with", "3").bring_back()
    with pytest.raises(ModelServerError, match="no program surely-not-installed"):
        place.server(model_server_command="surely-not-installed serve").bring_back()
    slow = place.server("--load-takes", "30", model_server_ready_s=0.5)
    with pytest.raises(ModelServerError, match="did not become healthy within"):
        slow.bring_back()
    slow.kill()
    deaf = place.server("--wake-status", "503")
    deaf.bring_back()
    deaf.send_away()
    with pytest.raises(ModelServerError, match="answered to /wake_up with status 503"):
        deaf.bring_back()


def test_one_that_still_loads_does_not_take_the_gpu_later(place: Place) -> None:
    "The job that wanted it was cancelled; the next one needs the GPU for the student, and gets it at once."
    gpu = OneGpu(place.server("--load-takes", "30"), lambda: None)
    first = gpu.change_to(Load.TEACHER)
    while not place.processes():
        time.sleep(0.02)
    second = gpu.change_to(Load.STUDENT)
    assert first is not None
    assert second is not None
    assert second.is_done(10)
    assert "Nobody waits" in first.error
    assert (second.error, gpu.loaded) == ("", Load.STUDENT)
    assert gone_within(place, 3)


def test_a_worker_that_goes_does_not_wait_for_it(place: Place) -> None:
    "And takes it along."
    server = place.server("--load-takes", "30", "--helper")

    def waits() -> None:
        with pytest.raises(ModelServerError):
            server.bring_back()

    waiting = threading.Thread(target=waits)
    waiting.start()
    while not place.processes():
        time.sleep(0.02)
    server.kill()
    waiting.join(3)
    assert not waiting.is_alive()
    assert gone_within(place, 3)


def test_it_dies_with_a_worker_that_was_killed(place: Place) -> None:
    "Nobody could tell it to; its helpers go, too."
    program = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, '.');"
        "from tests.pipeline.test_model_server import Place;"
        f"place = Place(Path({str(place.folder)!r})); place.server('--helper').bring_back();"
        "print('up', flush=True); time.sleep(60)"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert any(line == b"up\n" for line in worker.stdout)
    assert place.processes()
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert gone_within(place, 5)


def test_it_learns_no_password_of_the_broker(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    "What it is given of the environment is not for everybody."
    monkeypatch.setenv("TAXONOMY_PIPELINE_BROKER_URL", "redis://:secret@127.0.0.1:1/0")
    place.server().bring_back()
    for pid in place.processes():
        assert b"BROKER_URL" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_teacher_and_student_take_turns(place: Place) -> None:
    "The student's process is ended before the teacher comes; each way is measured, and only when it was gone."
    student_left = []
    gpu = OneGpu(place.server("--wake-takes", "0.3"), lambda: student_left.append(list(place.happened)))
    gpu.look()
    assert gpu.loaded is Load.NOTHING
    seen = []
    for need in (Load.TEACHER, Load.TEACHER, Load.STUDENT, Load.STUDENT, Load.TEACHER):
        change = gpu.change_to(need)
        assert change is not None
        assert change.is_done(20)
        assert change.error == ""
        assert gpu.loaded is need
        seen.append((change.swap.before, change.swap.after) if change.swap else None)
    assert seen == [
        (Load.NOTHING, Load.TEACHER),
        None,
        (Load.TEACHER, Load.STUDENT),
        None,
        (Load.STUDENT, Load.TEACHER),
    ]
    assert change is not None
    assert change.swap is not None
    assert 0.3 <= change.swap.seconds < 5
    assert student_left == [[], ["awake", "asleep"]]
    assert gpu.change_to(Load.NOTHING) is None


def test_a_change_goes_on_when_the_next_job_wants_the_same(place: Place) -> None:
    "The server of a cancelled job is not started twice."
    gpu = OneGpu(place.server("--load-takes", "0.5"), lambda: None)
    first, second = gpu.change_to(Load.TEACHER), gpu.change_to(Load.TEACHER)
    assert first is not None
    assert second is not None
    assert second.is_done(20)
    assert (first.error, second.error, second.swap) == ("", "", None)
    assert place.happened == ["awake"]


def test_every_task_says_what_it_needs() -> None:
    "A new kind of task is not forgotten."
    assert {needs(task) for task in TaskKind} == set(Load)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"gpu_profile": "single"}, "TEACHER_URL", id="nothing to swap"),
        pytest.param(
            {"gpu_profile": "single", "teacher_url": "http://127.0.0.1:1/v1", "model_server_rest": "stop"},
            "MODEL_SERVER_COMMAND",
            id="stopping what is not ours",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(settings: dict[str, object], said: str) -> None:
    "With the variable that is missing."
    with pytest.raises(PipelineSettingsError, match=said):
        read_pipeline_settings(**settings)
