"""The teacher client beside the limit of a vLLM server with a model of real size, on a machine with a GPU.

    pip install -c constraints.txt -e ".[gpu]"
    python -m benchmarks.gpu.teacher --shape llama-8b --result llama-8b.json
    python -m benchmarks.gpu.teacher --shape mixtral-8x7b --result mixtral-8x7b.json

The weights are random and made up by the server, so what it says is noise; how fast it says it is not. First vLLM's
engine gets the same sort of requests without server and client: the limit. Then the client asks the served model,
with several fixed numbers of requests at once, and at last finding the number out by itself. Tokens a second are
those of the answers; the server's own counters stand beside the client's. `--dry-run` does everything that needs no
GPU and starts nothing; `--shape tiny --memory-gib 1 --dtype float32` with a vLLM for CPUs tries the script itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from string import ascii_lowercase

from benchmarks.gpu.plan import Plan
from benchmarks.gpu.shapes import SHAPES, ShapeError
from benchmarks.vllm_metrics import ServerMetrics
from pipeline.gpus import gpus_here
from pipeline.machine import this_machine
from pipeline.serve_teacher import ServedTeacher, ServeError
from pipeline.settings import PipelineSettingsError
from pipeline.teacher import Ask, ChatMessage, Teacher, TeacherError, TeacherSettings
from pipeline.vllm_arguments import serve_arguments

_IF_NO_GPU_GIB = 80.0  # what a dry run plans for
_LEVELS = (8, 32, 64, 128, 256)
_WARM_UP = 8  # requests that the engine alone gets before its clock runs


class MeasureError(Exception):
    """Something could not be measured; the text says what was tried."""


@dataclass(frozen=True, slots=True)
class Level:
    """One run of the client. Tokens are those of the answers; `server_tokens` is what the server counted itself."""

    at_once: int
    is_found_out: bool  # the client chose how many at once; else it was told
    requests: int
    took_s: float
    tokens: int
    server_tokens: int
    peak_running: int
    preempted: int
    retries: int
    client_cpu_ms: float  # for a request

    @property
    def tokens_per_s(self) -> float:
        """The answers' tokens a second."""
        return self.tokens / self.took_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and write the result. Return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        plan = _plan(given)
        plan.shape.write(plan.model)
        _tell(plan)
        if given.dry_run:
            print("dry run: nothing was started")
            return 0
        limit = measure_alone(plan)
        print(f"engine alone: {limit:.0f} tokens/s\n", flush=True)
        levels = asyncio.run(measure_served(plan, limit))
    except (ShapeError, PipelineSettingsError, MeasureError, ServeError, TeacherError) as error:
        print(error, file=sys.stderr)
        return 1
    result = result_of(plan, limit, levels)
    given.result.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {given.result}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.teacher", description=(__doc__ or "")[:110])
    parser.add_argument("--shape", choices=sorted(SHAPES), default="llama-8b")
    parser.add_argument("--memory-gib", type=float, help="of each GPU; found out where nvidia-smi is")
    parser.add_argument("--gpus", type=int, default=1, help="over how many GPUs the model is spread")
    parser.add_argument("--levels", default=",".join(map(str, _LEVELS)), help="requests at once, such as 8,64,256")
    parser.add_argument("--rounds", type=int, default=4, help="requests of a level: so many times the level")
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--answer-tokens", type=int, default=512)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--gpu-memory", type=float, default=0.9, help="share of each GPU's memory that vLLM takes")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--python", default=sys.executable, help="of the environment that holds vLLM")
    parser.add_argument("--extra", default="", help="more arguments of vLLM, in a shell's notation")
    parser.add_argument("--folder", type=Path, default=Path(".cache/gpu-teacher"))
    parser.add_argument("--result", type=Path, default=Path("gpu-teacher.json"))
    parser.add_argument("--dry-run", action="store_true", help="write the model and show the plan; start nothing")
    return parser


def _plan(given: argparse.Namespace) -> Plan:
    """Return what is to be done. Raises MeasureError, ShapeError."""
    levels = tuple(int(word) for word in given.levels.split(",") if word.strip().isdigit())
    if not levels or min(levels) < 1:
        raise MeasureError("--levels takes numbers of requests at once, such as 8,64,256.")
    memory_gib = given.memory_gib or min((gpu.memory_gib for gpu in gpus_here()[: given.gpus]), default=0.0)
    if not memory_gib:
        if not given.dry_run:
            raise MeasureError(
                "nvidia-smi names no GPU here. Give --memory-gib, or --dry-run to only see the plan."
            )
        memory_gib = _IF_NO_GPU_GIB
        print(f"no GPU here: planned for one of {memory_gib:.0f} GiB")
    return Plan(
        SHAPES[given.shape].fitting(memory_gib * given.gpus * given.gpu_memory),
        given.folder,
        given.python,
        levels,
        given.rounds,
        given.prompt_tokens,
        given.answer_tokens,
        given.dtype,
        given.gpus,
        given.gpu_memory,
        given.port,
        tuple(shlex.split(given.extra)),
    )


def _tell(plan: Plan) -> None:
    shape = plan.shape
    layers = (
        f"{shape.layers} of its {shape.whole_layers} layers" if shape.whole_layers else f"{shape.layers} layers"
    )
    print(f"{shape.name}: {shape.parameters / 1e9:.2f} billion random weights, {layers}, written to {plan.model}")
    print(f"engine alone: {shlex.join(plan.alone_arguments())}")
    print(f"server:       {shlex.join(serve_arguments(plan.serve_settings()))}")
    for at_once in plan.levels:
        print(
            f"level:        {at_once} at once, {at_once * plan.rounds} requests, {plan.answer_tokens} tokens each"
        )
    print(f"level:        as the client finds out, {plan.most} at most", flush=True)


def measure_alone(plan: Plan) -> float:
    """Return the tokens of answers a second of the engine without server and client. Raises MeasureError."""
    plan.alone_result.unlink(missing_ok=True)
    asks = [_an_ask(plan, f"alone-{number}") for number in range(plan.most * plan.rounds + _WARM_UP)]
    plan.alone_order.write_text(json.dumps([json.loads(ask.body(plan.shape.name)) for ask in asks]))
    log = plan.folder / "engine-alone.log"
    kept = [sys.executable, "-m", "pipeline.kept_process", str(os.getpid()), *plan.alone_arguments()]
    with log.open("w") as lines:
        ended = subprocess.run(
            kept, stdout=lines, stderr=lines, env=_offline(), start_new_session=True, check=False
        )
    if ended.returncode != 0 or not plan.alone_result.exists():
        raise MeasureError(f"The engine alone was not measured; the end of {log}:\n{log.read_text()[-3000:]}")
    told = json.loads(plan.alone_result.read_text())
    return float(told["tokens"] / told["took_s"])


async def measure_served(plan: Plan, limit: float) -> list[Level]:
    """Return each level's figures, printed as they come. Raises ServeError, TeacherError."""
    print(
        "| at once | requests | took | tokens/s | of the engine alone | server ran at most | client CPU a request |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    levels = []
    async with _served(plan) as url:
        await _level(url, plan, plan.levels[0], 0)  # the first requests find nothing warm
        for number, at_once in enumerate((*plan.levels, None), 1):
            level = await _level(url, plan, at_once, number)
            levels.append(level)
            print(
                f"| {'found out: ' if level.is_found_out else ''}{level.at_once} | {level.requests} | "
                f"{level.took_s:.1f} s | {level.tokens_per_s:.0f} | {level.tokens_per_s / limit:.2f} | "
                f"{level.peak_running} | {level.client_cpu_ms:.2f} ms |",
                flush=True,
            )
    return levels


@contextlib.asynccontextmanager
async def _served(plan: Plan) -> AsyncIterator[str]:
    with (plan.folder / "server.log").open("w") as lines:
        teacher = ServedTeacher(plan.serve_settings(), _offline(), lambda line: print(line, file=lines, flush=True))
        serving = asyncio.create_task(teacher.run())
        ready = asyncio.create_task(teacher.is_healthy.wait())
        try:
            await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            yield teacher.address
        finally:
            ready.cancel()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def _level(url: str, plan: Plan, at_once: int | None, number: int) -> Level:
    """Ask so many at once, None for as many as the client finds out."""
    most = at_once or plan.most
    settings = TeacherSettings(
        url, plan.shape.name, least_at_once=at_once or 1, most_at_once=most, timeout_s=1200.0
    )
    requests = most * plan.rounds
    asks = [_an_ask(plan, f"{number}-{each}") for each in range(requests)]
    metrics = ServerMetrics(url)
    before = await metrics.rested()
    async with Teacher(settings) as teacher, metrics.watched():
        began, cpu = time.perf_counter(), _cpu_s()
        await asyncio.gather(*(teacher.ask(ask) for ask in asks))
        took_s, cpu_s = time.perf_counter() - began, _cpu_s() - cpu
        limit = teacher.at_once
    server = (await metrics.rested()).since(before)
    return Level(
        at_once=limit,
        is_found_out=at_once is None,
        requests=requests,
        took_s=took_s,
        tokens=teacher.counters.completion_tokens,
        server_tokens=server.completion_tokens,
        peak_running=metrics.peak,
        preempted=server.preempted,
        retries=teacher.counters.retries.total(),
        client_cpu_ms=cpu_s / requests * 1e3,
    )


def _an_ask(plan: Plan, name: str) -> Ask:
    """Return an ask like no other from its first word on; a word of two letters is a token of these models."""
    chance = Random(name)
    letters = iter(chance.choices(ascii_lowercase, k=2 * plan.prompt_tokens))
    text = "".join(f" {one}{other}" for one, other in zip(letters, letters, strict=True))
    return Ask(
        (ChatMessage("user", text),), temperature=1.0, max_tokens=plan.answer_tokens, seed=chance.randrange(2**31)
    )


def result_of(plan: Plan, limit: float, levels: Sequence[Level]) -> dict[str, object]:
    """Return everything that was measured, and on what."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(this_machine(gpus_here())),
        "shape": asdict(plan.shape) | {"parameters": plan.shape.parameters},
        "dtype": plan.dtype,
        "gpus": plan.gpus,
        "prompt_tokens": plan.prompt_tokens,
        "answer_tokens": plan.answer_tokens,
        "server": serve_arguments(plan.serve_settings()),
        "engine_alone_tokens_per_s": round(limit, 1),
        "levels": [
            asdict(level)
            | {
                "tokens_per_s": round(level.tokens_per_s, 1),
                "share_of_engine_alone": round(level.tokens_per_s / limit, 3),
            }
            for level in levels
        ],
    }


def _offline() -> dict[str, str]:
    return os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
