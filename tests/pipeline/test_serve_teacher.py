"""A teacher's server is started as the settings say, watched, restarted, and ended with everything it started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.serve_teacher import ServedTeacher, ServeError
from pipeline.settings import PipelineSettingsError, ServeSettings, read_serve_settings
from pipeline.vllm_arguments import Adapter, checked_extra, serve_arguments, serve_environment

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_server.py")))
PREFIX = "TAXONOMY_PIPELINE_"
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(
    lambda word: word.isprintable() and not word.startswith("-")
)


def a_free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def settings_of(**changes: Any) -> ServeSettings:
    return ServeSettings(
        **({"serve_program": STAND_IN, "serve_model": "models/big", "serve_port": a_free_port()} | changes)
    )


class Keeper:
    "A served stand-in, what was told, and what it noted about its starts."

    def __init__(self, folder: Path, settings: ServeSettings, **environment: str) -> None:
        self.lines: list[str] = []
        self.notes = folder / "notes"
        surroundings = {"PATH": os.environ["PATH"], "NOTES": str(self.notes)} | environment
        self.teacher = ServedTeacher(settings, surroundings, self.lines.append)

    @property
    def starts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.teacher.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def survivors(self) -> list[int]:
        "Processes of any start that still run."
        found = [process for start in self.starts for process in start["processes"]]
        return [pid for pid in found if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_server_is_started_and_ended(tmp_path: Path) -> None:
    "It gets its arguments, the key by its environment alone, and leaves nobody behind."
    settings = settings_of(teacher_model="tiny", teacher_api_key=SecretStr("sk-secret"))
    keeper = Keeper(tmp_path, settings, TAXONOMY_BOT_WEBHOOK_SECRETS="s", VLLM_API_KEY="other")
    async with keeper.running():
        await asyncio.wait_for(keeper.teacher.is_healthy.wait(), 20)
        (start,) = keeper.starts
        assert keeper.survivors == start["processes"]
    await until(lambda: not keeper.survivors)

    assert start["arguments"] == serve_arguments(settings)[2:]
    assert not any("sk-secret" in argument for argument in start["arguments"])
    assert start["environment"]["VLLM_API_KEY"] == "sk-secret"
    assert not any(name.startswith("TAXONOMY_") for name in start["environment"])
    assert f"ready: http://127.0.0.1:{settings.serve_port}/v1" in keeper.lines
    assert "| loading  [31mred" in keeper.lines
    assert "| weights" in keeper.lines


async def test_a_server_that_falls_is_restarted_so_many_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "With a pause that grows; then it is given up with its last words, and nobody is left."
    monkeypatch.setattr("pipeline.serve_teacher._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("pipeline.serve_teacher._LOOK_EVERY_S", 0.02)
    keeper = Keeper(tmp_path, settings_of(serve_restarts=2), FALLS="0.5")
    async with keeper.running() as task:
        with pytest.raises(ServeError, match=r"fell 3 times\. It said last(?s:.*)weights"):
            await asyncio.wait_for(task, 30)
    assert len(keeper.starts) == 3
    await until(lambda: not keeper.survivors)


async def test_a_server_that_cannot_start_is_not_started_again(tmp_path: Path) -> None:
    "A wrong model is told at once, in the server's words."
    keeper = Keeper(tmp_path, settings_of(), BROKEN="1")
    with pytest.raises(ServeError, match=r"did not become ready(?s:.*)no such model"):
        await asyncio.wait_for(keeper.teacher.run(), 20)
    assert len(keeper.starts) == 1
    await until(lambda: not keeper.survivors)


async def test_the_cause_is_not_lost_behind_what_followed_from_it(tmp_path: Path) -> None:
    "A large server ends in long traces of processes that wondered where another had gone."
    keeper = Keeper(tmp_path, settings_of(), BROKEN="1", COMPLAINS="1")
    with pytest.raises(ServeError) as error:
        await asyncio.wait_for(keeper.teacher.run(), 20)
    first, last = str(error.value).split("It said last:")
    assert "torch.OutOfMemoryError: no room for 90 GiB" in first
    assert "weights" not in first
    assert "OutOfMemory" not in last


async def test_a_server_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    "Also one that does not listen to SIGTERM."
    settings = settings_of(serve_ready_within_s=1.0, serve_stop_within_s=0.2)
    keeper = Keeper(tmp_path, settings, NEVER_READY="1", IGNORES_SIGTERM="1")
    with pytest.raises(ServeError, match="did not become ready"):
        await asyncio.wait_for(keeper.teacher.run(), 20)
    await until(lambda: not keeper.survivors)


async def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    "The health of somebody else's server would be taken for ours."
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        keeper = Keeper(tmp_path, settings_of(serve_port=other.getsockname()[1]))
        with pytest.raises(ServeError, match="already"):
            await keeper.teacher.run()
    assert not keeper.starts


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    "With how to get it."
    keeper = Keeper(tmp_path, settings_of(serve_program=("no-such-vllm", "serve")))
    with pytest.raises(ServeError, match=r"no-such-vllm cannot be started.*taxonomy-bot\[gpu\]"):
        await keeper.teacher.run()


@pytest.mark.parametrize("model", ["models/of/ours", "./model", "~/model"])
async def test_a_missing_model_is_named(tmp_path: Path, model: str) -> None:
    "A folder is looked at before anything is started; what may be a name elsewhere is left to the server."
    keeper = Keeper(tmp_path, settings_of(serve_model=model))
    with pytest.raises(ServeError, match=rf"no model in {model}.*config\.json.*SERVE_MODEL"):
        await keeper.teacher.run()
    assert not keeper.starts


async def test_a_missing_adapter_is_named(tmp_path: Path) -> None:
    "With the setting that names it."
    keeper = Keeper(tmp_path, settings_of(serve_adapters=(Adapter("pr-12", tmp_path),)))
    with pytest.raises(ServeError, match=r"adapter_config\.json.*pr-12 in TAXONOMY_PIPELINE_SERVE_ADAPTERS"):
        await keeper.teacher.run()
    assert not keeper.starts


@pytest.mark.skipif(sys.platform != "linux", reason="only there a process can be made to end with another")
async def test_a_server_whose_watcher_was_killed_is_replaced(tmp_path: Path) -> None:
    "The process between us and the server falls alone: the server goes with it, and another comes."
    keeper = Keeper(tmp_path, settings_of())
    async with keeper.running():
        await asyncio.wait_for(keeper.teacher.is_healthy.wait(), 20)
        psutil.Process(keeper.starts[0]["processes"][0]).parent().kill()
        await until(lambda: len(keeper.starts) == 2)
        assert keeper.survivors == keeper.starts[1]["processes"]
        assert "the server ended (killed by SIGKILL, as where memory runs out)" in keeper.lines
    await until(lambda: not keeper.survivors)


async def test_a_port_taken_after_a_fall_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "Then it is refused, too: somebody else answers there."
    monkeypatch.setattr("pipeline.serve_teacher._FIRST_PAUSE_S", 0.5)
    monkeypatch.setattr("pipeline.serve_teacher._FREED_WITHIN_S", 0.1)
    keeper = Keeper(tmp_path, settings_of())
    async with keeper.running() as task:
        await asyncio.wait_for(keeper.teacher.is_healthy.wait(), 20)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server = psutil.Process(keeper.starts[0]["processes"][0])
            server.kill()
            await until(lambda: not keeper.survivors)
            other.bind(("127.0.0.1", int(keeper.teacher.address.split(":")[2][:-3])))
            other.listen()
            with pytest.raises(ServeError, match="already"):
                await asyncio.wait_for(task, 20)
    assert len(keeper.starts) == 1


class Command:
    "`taxonomy-pipeline serve-teacher` as a process of its own, with a stand-in for the server."

    def __init__(self, folder: Path, **environment: str) -> None:
        self._notes = folder / "notes"
        settings = {
            f"{PREFIX}SERVE_PROGRAM": " ".join(STAND_IN),
            f"{PREFIX}SERVE_MODEL": "models/big",
            f"{PREFIX}SERVE_PORT": str(a_free_port()),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from pipeline.cli import main; main()", "serve-teacher"],
            env=os.environ | {"NOTES": str(self._notes)} | settings | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self, start: str) -> None:
        "Wait for a line that begins so."
        assert self.process.stdout is not None
        assert any(line.startswith(start) for line in self.process.stdout)

    def end(self) -> tuple[int, str]:
        "Wait for its end; return its exit code and its errors."
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors

    def leaves_nobody_within(self, seconds: float) -> bool:
        "True once no process of any start runs any more."
        pids = [pid for line in self._notes.read_text().splitlines() for pid in json.loads(line)["processes"]]
        until = time.monotonic() + seconds
        while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    "Starts commands, and kills those that are left."
    started: list[Command] = []

    def start(**environment: str) -> Command:
        started.append(Command(tmp_path, **environment))
        return started[-1]

    yield start
    for each in started:
        with each.process as process:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_with_its_server(command: Callable[..., Command], number: signal.Signals) -> None:
    "Asked to go, it ends the server first and says nothing of errors."
    run = command()
    run.says("teacher ready:")
    run.process.send_signal(number)
    assert run.end() == (0, "")
    assert run.leaves_nobody_within(5)


def test_the_command_can_be_ended_while_the_server_loads(command: Callable[..., Command]) -> None:
    "A large model takes minutes; nobody has to wait for it to call it off."
    run = command(NEVER_READY="1")
    run.says("teacher | weights")
    run.process.terminate()
    assert run.end() == (0, "")
    assert run.leaves_nobody_within(5)


@pytest.mark.parametrize("trouble", ["", "NEVER_READY", "IGNORES_SIGTERM"])
def test_a_killed_command_takes_its_server_along(command: Callable[..., Command], trouble: str) -> None:
    "Nobody could tell the server to go; what it has started goes, too, so that no GPU memory stays taken."
    run = command(**({trouble: "1"} if trouble else {}))
    run.says("teacher | weights" if trouble == "NEVER_READY" else "teacher ready:")
    run.process.kill()
    run.end()
    assert run.leaves_nobody_within(5)


def test_the_command_says_why_the_server_does_not_start(command: Callable[..., Command]) -> None:
    "With its last words, and an exit code that a service manager understands."
    code, errors = command(BROKEN="1").end()
    assert code == 1
    assert "did not become ready" in errors
    assert "no such model" in errors


def test_the_command_line_of_vllm() -> None:
    "Every setting has its argument."
    settings = ServeSettings(
        serve_model="/models/big",
        teacher_model="big",
        serve_host="0.0.0.0",
        serve_port=9000,
        serve_dtype="bfloat16",
        serve_tensor_parallel=4,
        serve_max_model_len=8192,
        serve_gpu_memory=0.8,
        serve_adapters=(Adapter("pr-12", Path("/adapters/12")), Adapter("pr-13", Path("/adapters/13"))),
        serve_extra=("--max-num-seqs", "256"),
    )
    assert serve_arguments(settings) == [
        *("vllm", "serve", "/models/big", "--served-model-name=big", "--host=0.0.0.0", "--port=9000"),
        *("--dtype=bfloat16", "--load-format=safetensors", "--tensor-parallel-size=4"),
        *("--gpu-memory-utilization=0.8", "--max-model-len=8192"),
        *("--enable-lora", "--lora-modules", "pr-12=/adapters/12", "pr-13=/adapters/13"),
        *("--max-num-seqs", "256"),
    ]


def test_a_module_gets_its_model_by_option() -> None:
    "Only `vllm serve` takes it as a word of its own."
    settings = ServeSettings(serve_model="/m", serve_program=("python", "-m", "vllm.entrypoints.openai.api_server"))
    assert serve_arguments(settings)[3] == "--model=/m"


@given(model=words, name=words, key=words, port=st.integers(1, 65535))
def test_no_setting_becomes_another_option(model: str, name: str, key: str, port: int) -> None:
    "Whatever is in them, there are as many arguments, each with its own name; the key is in none but by chance."
    settings = ServeSettings(
        serve_model=model, teacher_model=name, serve_port=port, teacher_api_key=SecretStr(f"sk-{key}-key")
    )
    arguments = serve_arguments(settings)
    plain = serve_arguments(ServeSettings(serve_model="m"))
    assert [argument.partition("=")[0] for argument in arguments[3:]] == [a.partition("=")[0] for a in plain[3:]]
    assert arguments[2] == model
    assert not any(f"sk-{key}-key" in argument for argument in arguments)
    assert serve_environment(settings, {})["VLLM_API_KEY"] == f"sk-{key}-key"


TRUST = "--trust-remote-code"
spellings = st.builds(
    lambda length, dashes, ending: TRUST[:length].replace("-", dashes, -1).replace(dashes * 2, "--", 1) + ending,
    st.integers(3, len(TRUST)),
    st.sampled_from(["-", "_"]),
    st.sampled_from(["", "=true", "=True"]),
).map(lambda option: "--" + option.lstrip("-_"))


@given(option=spellings, before=st.lists(words, max_size=3))
def test_no_spelling_lets_a_model_run_code(option: str, before: list[str]) -> None:
    "The server takes beginnings of options and underscores for dashes; each of them is refused."
    with pytest.raises(ValueError, match="run code of its own"):
        checked_extra([*before, option])


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("--hf-overrides '{\"trust_remote_code\": true}'", "run code"),
        ("--config server.yaml", "run code"),
        ("--conf=server.yaml", "run code"),
        ("--api-key sk-1", "TEACHER_API_KEY"),
        ("--api_key=sk-1", "TEACHER_API_KEY"),
        ("--port 1", "SERVE_PORT"),
        ("--load-format pt", "SERVE_LOAD_FORMAT"),
        ("-tp 2", "SERVE_TENSOR_PARALLEL"),
    ],
)
def test_arguments_that_are_not_allowed_are_named(extra: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    "With the setting that is meant for it."
    monkeypatch.setenv(f"{PREFIX}SERVE_MODEL", "/m")
    monkeypatch.setenv(f"{PREFIX}SERVE_EXTRA", extra)
    with pytest.raises(PipelineSettingsError, match=f"{PREFIX}SERVE_EXTRA: .*{reason}"):
        read_serve_settings()


@pytest.mark.parametrize("adapters", ["noname", "=folder", "a=", "../x=/y", "a=/x,a=/y", "-x=/y"])
def test_adapters_are_named_properly(adapters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    "NAME=FOLDER, each name once, none that could be taken for something else."
    monkeypatch.setenv(f"{PREFIX}SERVE_MODEL", "/m")
    monkeypatch.setenv(f"{PREFIX}SERVE_ADAPTERS", adapters)
    with pytest.raises(PipelineSettingsError, match="SERVE_ADAPTERS"):
        read_serve_settings()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    "Lists in a shell's notation, adapters by commas."
    for name, value in {
        "MODEL": "/models/my big one",
        "PROGRAM": "python -m vllm.entrypoints.openai.api_server",
        "ADAPTERS": "a=/x, b=/y",
        "EXTRA": "--enforce-eager --chat-template '/a b.jinja'",
    }.items():
        monkeypatch.setenv(f"{PREFIX}SERVE_{name}", value)
    settings = read_serve_settings()
    assert settings.serve_adapters == (Adapter("a", Path("/x")), Adapter("b", Path("/y")))
    assert serve_arguments(settings)[-3:] == ["--enforce-eager", "--chat-template", "/a b.jinja"]
