"""The rival of the generation benchmark: instructlab-sdg, in a virtual environment of its own below .cache."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.sdg.starts import Lesson

NAME = "instructlab-sdg 0.8.3"
QUESTIONS = 30  # that it asks for about each seed example, as its users do
_FOLDER = Path(".cache/instructlab-sdg").absolute()
_PYTHON = _FOLDER / "venv" / "bin" / "python"
_WANTED = ("instructlab-sdg==0.8.3", "torch==2.13.0")
_NOT_NEEDED = ("torchvision", "torchaudio", "torchcodec", "triton")
_INSTALLED_WITHIN_S, _DONE_WITHIN_S = 900, 1800


class RivalError(Exception):
    """The rival cannot be measured; the text says why."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the rival is set. `together`: all leaves in one data set, instead of one after the other."""

    workers: int
    batch_size: int
    processes: int = 1
    together: bool = True

    def __str__(self) -> str:
        how = "all leaves together" if self.together else "leaf after leaf"
        return f"{self.workers} workers, batches of {self.batch_size}, {self.processes} dataset processes, {how}"


BEST = Setting(32, 8)
OTHERS = (
    Setting(32, 8, together=False),
    Setting(32, 8, processes=2),
    Setting(64, 2),
    Setting(32, 4),
    Setting(32, 20),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run. Units: seconds; loading its libraries is not counted."""

    samples: int
    wall_s: float
    cpu_s: float


def set_up() -> None:
    """Install it unless it is there. Raises RivalError."""
    ready = _FOLDER / "ready"
    if ready.exists() and ready.read_text() == "\n".join(_WANTED):
        return
    print(f"installing {NAME} into {_FOLDER} (2.4 GB) ...", flush=True)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    overrides = _FOLDER / "overrides.txt"
    overrides.write_text("".join(f'{name} ; sys_platform == "never"\n' for name in _NOT_NEEDED))
    uv = str(Path(sys.executable).with_name("uv"))
    _call(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_FOLDER / "venv"))
    install = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(_PYTHON))
    _call(*install, "--override", str(overrides), *_WANTED)
    ready.write_text("\n".join(_WANTED))


def _call(*command: str) -> None:
    environment = os.environ | {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
    try:
        subprocess.run(
            command, check=True, env=environment, timeout=_INSTALLED_WITHIN_S, capture_output=True, text=True
        )
    except OSError as error:
        raise RivalError(f"it cannot be installed: {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise RivalError(f"it was not installed within {_INSTALLED_WITHIN_S} s") from None
    except subprocess.CalledProcessError as error:
        raise RivalError(f"it cannot be installed: {error.stderr.strip()[-500:]}") from None


async def run(url: str, model: str, lessons: Sequence[Lesson], setting: Setting) -> Ran:
    """Run its full flow for freeform skills over the leaves. Raises RivalError."""
    order = {
        "questions": QUESTIONS,
        "url": url,
        "model": model,
        "leaves": [_leaf(lesson) for lesson in lessons],
        **asdict(setting),
    }
    script = Path(__file__).with_name("sdg_flow.py")
    offline = {"HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none", "TOKENIZERS_PARALLELISM": "false"}
    process = await asyncio.create_subprocess_exec(
        _PYTHON, str(script), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=os.environ | offline
    )
    try:
        async with asyncio.timeout(_DONE_WITHIN_S):
            out, said = await process.communicate(json.dumps(order).encode())
    except TimeoutError:
        raise RivalError(f"it was not done within {_DONE_WITHIN_S} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.returncode != 0:
        raise RivalError(f"it ended with {process.returncode}: {said.decode(errors='replace').strip()[-500:]}")
    return Ran(**json.loads(out))


def _leaf(lesson: Lesson) -> list[dict[str, str]]:
    """Return a leaf in the form in which the rival takes it: a row for each seed example."""
    return [
        {
            "task_description": lesson.skill.partition("\n")[0],
            "seed_question": seed.pairs[0].question,
            "seed_response": seed.pairs[0].answer,
            "leaf_node_type": "freeform_skill",
            "leaf_node_path": lesson.path,
        }
        for seed in lesson.seeds
    ]
