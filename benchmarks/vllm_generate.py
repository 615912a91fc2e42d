"""A whole `taxonomy-pipeline generate` against a served model, with every row and every token accounted for.

Two leaves go through their own flows (freeform, knowledge, questions to measure with), then through flows that let
noise pass. Once it is killed on its way.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.claims import CheckError, must
from benchmarks.vllm_metrics import ServerCount, ServerMetrics
from benchmarks.vllm_server import KEY, NAME, Served
from pipeline.datasets import is_whole, read_manifest
from pipeline.sdg.blocks import Block
from pipeline.sdg.blocks.generate import Generate
from pipeline.sdg.blocks.judge import Judge
from pipeline.sdg.flow import Flow, read_flow

_FLOWS = Path(__file__).with_name("vllm_flows")
_KILLED_AFTER = 5  # answered requests
_KEPT_AFTER_S = 1.5  # an answer is on disk by then, also on a busy machine
_WITHIN_S = 1500.0
_SKILL = "compositional_skills/writing/notes/qna.yaml"
_KNOWLEDGE = "knowledge/geography/harbour/qna.yaml"
_DOCUMENT = """# The harbour of Wick

## The quays
The harbour has four quays. The oldest, the Salt Quay, was built of sandstone in 1767 and is 90 metres long. Herring
was salted there until 1938. Today eleven small boats land crabs and lobsters, from April to October.

## The light
The light on the south pier shines white for two seconds and is dark for four. It stands eleven metres above the
water and is seen over nine miles. A keeper lived beside it until 1931; since then it has burned by itself.
"""


def write_leaves(folder: Path) -> None:
    """Write a checkout with a skill and some knowledge, and the document beside it, into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    places = ("ferry", "quay", "light", "market", "bridge")
    skill = {
        "version": 2,
        "task_description": "Write short notes to the keeper of a place.",
        "created_by": "ana",
        "seed_examples": [
            {
                "question": f"Write a note to the keeper of the {place}.",
                "answer": f"Dear keeper, the {place} pleased us all. Thank you.",
            }
            for place in places
        ],
    }
    pairs = [
        ("How many quays has the harbour of Wick?", "The harbour of Wick has four quays."),
        ("When was the Salt Quay built?", "The Salt Quay was built in 1767."),
        ("How far is the light of Wick seen?", "The light of Wick is seen over nine miles."),
    ]
    knowledge = {
        "version": 3,
        "domain": "geography",
        "document_outline": "The harbour of Wick",
        "created_by": "ana",
        "seed_examples": [
            {
                "context": f"The harbour of Wick, as the {place} keeper tells it: four quays and a light.",
                "questions_and_answers": [
                    {"question": f"{question[:-1]}, by the {place} keeper?", "answer": answer}
                    for question, answer in pairs
                ],
            }
            for place in places
        ],
    }
    for path, leaf in ((_SKILL, skill), (_KNOWLEDGE, knowledge)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(yaml.safe_dump(leaf, sort_keys=False))
    (folder / "documents").mkdir()
    (folder / "documents" / "harbour.md").write_text(_DOCUMENT)


@dataclass(frozen=True, slots=True)
class Generating:
    """One checkout, one server: whole runs of the command."""

    url: str
    folder: Path
    metrics: ServerMetrics

    async def start(self, *options: str) -> Process:
        """Start the command."""
        settings = {
            "TEACHER_URL": self.url,
            "TEACHER_MODEL": NAME,
            "TEACHER_API_KEY": KEY,
            "TEACHER_TIMEOUT_S": "600",
            "TEACHER_AWAY_AFTER_S": "600",
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from pipeline.cli import main; main()", "generate", str(self.folder)),
            *("--out", str(self.folder / "out"), "--documents", str(self.folder / "documents"), *options),
            env=os.environ | {f"TAXONOMY_PIPELINE_{name}": value for name, value in settings.items()},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def run(self, *options: str) -> tuple[str, ServerCount, float]:
        """Run it to its end. Return what it said, what the server did meanwhile, and the seconds it took."""
        before, began = await self.metrics.rested(), time.monotonic()
        process = await self.start(*options)
        try:
            async with asyncio.timeout(_WITHIN_S):
                said, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        took_s = time.monotonic() - began
        if process.returncode != 0:
            raise CheckError(f"generate ended with {process.returncode}:\n{errors.decode()[-3000:]}")
        return said.decode(), (await self.metrics.rested()).since(before), took_s

    async def run_killed(self, *options: str) -> None:
        """Kill it on its way (-9), once the server has given it some answers."""
        before = await self.metrics.rested()
        process = await self.start(*options)
        await self._is_on_its_way(process, before)
        await asyncio.sleep(_KEPT_AFTER_S)
        process.kill()
        await process.communicate()

    async def run_while(self, falls: Callable[[], None], *options: str) -> None:
        """Run it to its end, and let something fall on its way, once the server has given it some answers."""
        before = await self.metrics.rested()
        process = await self.start(*options)
        await self._is_on_its_way(process, before)
        falls()
        async with asyncio.timeout(_WITHIN_S):
            _, errors = await process.communicate()
        if process.returncode != 0:
            raise CheckError(f"generate ended with {process.returncode}:\n{errors.decode()[-3000:]}")

    async def _is_on_its_way(self, process: Process, before: ServerCount) -> None:
        async with asyncio.timeout(_WITHIN_S):
            while (await self.metrics.now()).requests < before.requests + _KILLED_AFTER:
                if process.returncode is not None:
                    raise CheckError("generate ended before anything could be killed")
                await asyncio.sleep(0.05)

    def reports(self) -> dict[str, list[dict[str, Any]]]:
        """Return every leaf's blocks. Raises CheckError for a data set that is not whole."""
        found = {}
        for leaf in (_SKILL, _KNOWLEDGE):
            place = (self.folder / "out" / leaf).parent
            manifest = read_manifest(place)
            if manifest is None or not is_whole(place, manifest):
                raise CheckError(f"the data set of {leaf} is not whole")
            found[leaf] = json.loads((place / "report.json").read_text())["blocks"]
        return found

    def digests(self) -> dict[str, str]:
        """Return the digest of every file of samples, questions and dropped rows."""
        out = self.folder / "out"
        files = sorted(out.rglob("*.jsonl"))
        return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def forget_data(self) -> None:
        """Delete the data sets; what the teacher answered stays."""
        for place in ("compositional_skills", "knowledge"):
            shutil.rmtree(self.folder / "out" / place)

    def forget_all(self) -> None:
        """Delete the data sets and what the teacher answered."""
        shutil.rmtree(self.folder / "out")


async def check_generate(server: Served, folder: Path) -> None:
    """Generate, again, from the cache alone, after a kill, and while the server falls. Raises CheckError."""
    write_leaves(folder)
    generating = Generating(server.url, folder, ServerMetrics(server.url))
    await _own_flows(generating)
    await _again(generating)
    await _noise_after_a_kill(generating)
    await _while_the_server_falls(generating, server)


async def _own_flows(generating: Generating) -> None:
    print("generate, with the leaves' own flows:", flush=True)
    async with generating.metrics.watched():
        _, server, took_s = await generating.run()
    reports = generating.reports()
    tell(reports, server, took_s)
    account(reports, [read_flow(name) for name in ("freeform", "knowledge", "mmlu")])
    asked, prompts, completions = _sums(reports, "requests", "prompt_tokens", "completion_tokens")
    counted = (server.requests, server.prompt_tokens, server.completion_tokens)
    must(
        (asked, prompts, completions) == counted,
        f"server and report count alike: {asked} answers, {completions} tokens",
    )
    must(generating.metrics.peak >= 8, f"many are asked at once: {generating.metrics.peak} were seen to run")


async def _again(generating: Generating) -> None:
    digests = generating.digests()
    said, server, took_s = await generating.run()
    must(said.count("Nothing to do") == 2, f"a second run says that there is nothing to do ({took_s:.1f} s)")
    generating.forget_data()
    _, more, took_s = await generating.run()
    asked, cached = _sums(generating.reports(), "requests", "from_cache")
    must(
        asked == cached > 0, f"with the data sets deleted all {cached} answers come from the cache ({took_s:.1f} s)"
    )
    must(generating.digests() == digests, "and the data sets are the same, byte for byte")
    must((server.requests, more.requests) == (0, 0), "the server was asked nothing in either")


async def _noise_after_a_kill(generating: Generating) -> None:
    names = [str(_FLOWS / f"{name}.yaml") for name in ("noise", "judged")]
    options = [word for name in names for word in ("--flow", name)]
    print("generate, with flows that let noise pass, killed once on its way:", flush=True)
    await generating.run_killed(*options)
    left = await generating.metrics.rested()
    must(not left.running, "what a killed run had asked for, the server gave up")
    _, server, took_s = await generating.run(*options)
    reports = generating.reports()
    tell(reports, server, took_s)
    account(reports, [read_flow(name) for name in names])
    asked, cached = _sums(reports, "requests", "from_cache")
    must(cached >= _KILLED_AFTER, f"it went on where it was killed: {cached} of {asked} answers were there")
    must(asked - cached == server.requests, "the server was asked for the others only")
    kept = _kept(reports, "noise")
    must(kept > 0, f"noise that breaks no rule becomes samples: {kept}")
    must(_kept(reports, "judged") == 0, "noise that a judge has to rate does not")
    said, server, _ = await generating.run(*options)
    must(said.count("Nothing to do") == 2 and server.requests == 0, "again there is nothing to do afterwards")


async def _while_the_server_falls(generating: Generating, server: Served) -> None:
    name = str(_FLOWS / "noise.yaml")
    generating.forget_all()
    began, starts = time.monotonic(), server.starts
    await generating.run_while(server.kill, "--flow", name)
    must(server.starts == starts + 1, "a server that falls during a run is started again")
    account(generating.reports(), [read_flow(name)])
    kept = _kept(generating.reports(), "noise")
    must(kept > 0, f"the run waits for it and goes on ({time.monotonic() - began:.0f} s): {kept} samples")


def account(reports: dict[str, list[dict[str, Any]]], flows: Sequence[Flow]) -> None:
    """See that every row went on or was dropped for a reason, and every request was made for a row."""
    faults = [fault for blocks in reports.values() for flow in flows for fault in _faults(blocks, flow)]
    must(not faults, "; ".join(faults) or "no row and no reply vanished between the blocks")


def _faults(blocks: Sequence[dict[str, Any]], flow: Flow) -> Iterator[str]:
    told = [block for block in blocks if block["flow"] == flow.name]
    for number, (count, block) in enumerate(zip(told, flow.blocks, strict=bool(told))):
        dropped, again = sum(count["dropped"].values()), sum(count["asked_again"].values())
        where = f"{flow.name}, {block.name}"
        if number and count["in"] != told[number - 1]["kept"]:
            yield f"{where}: {count['in']} rows came of {told[number - 1]['kept']}"
        if count["kept"] < count["in"] - dropped or (
            not block.multiplies and count["kept"] != count["in"] - dropped
        ):
            yield f"{where}: {count['in']} rows in, {count['kept']} kept, {dropped} dropped"
        if not _is_asked_for(count["requests"] - again, count["in"], block):
            yield f"{where}: {count['requests']} answers for {count['in']} rows, {again} asked again"
        if any("Error" in reason for reason in count["dropped"]):
            yield f"{where}: dropped for what is no reason in words"


def _is_asked_for(answers: int, rows: int, block: Block) -> bool:
    """True when so many first answers are what these rows need; few rows may need more each, all the same."""
    if isinstance(block, Generate) and block.at_least and rows:
        return answers % rows == 0 and answers >= rows * block.calls
    calls = block.calls if isinstance(block, Generate) else int(isinstance(block, Judge))
    return answers == rows * calls


def tell(reports: dict[str, list[dict[str, Any]]], server: ServerCount, took_s: float) -> None:
    """Print the counts of each block, and the server's speed over the whole command."""
    for leaf, blocks in reports.items():
        print(f"  {leaf}\n    {'flow':9} {'block':14}   in  kept  again  answers  cached    tokens")
        for block in blocks:
            again = sum(block["asked_again"].values())
            tokens = f"{block['prompt_tokens']} + {block['completion_tokens']}"
            print(
                f"    {block['flow']:9} {block['block']:14} {block['in']:4} {block['kept']:5} {again:6} "
                f"{block['requests']:8} {block['from_cache']:7}    {tokens}"
            )
            for why in ("dropped", "left_out"):
                for reason, count in block[why].items():
                    print(f"{'':29}{why.replace('_', ' ')} {count}: {reason}")
    speed = f"{server.completion_tokens / took_s:.0f} tokens/s, the start of the command included"
    tokens = f"{server.prompt_tokens} + {server.completion_tokens} tokens"
    print(f"  {server.requests} answers, {tokens} in {took_s:.1f} s: {speed}", flush=True)


def _sums(reports: dict[str, list[dict[str, Any]]], *names: str) -> tuple[int, ...]:
    sums: Counter[str] = Counter()
    for blocks in reports.values():
        for block in blocks:
            sums.update({name: block[name] for name in names})
    return tuple(sums[name] for name in names)


def _kept(reports: dict[str, list[dict[str, Any]]], flow: str) -> int:
    """Return how many rows the last block of a flow kept, over all leaves."""
    last = [[block for block in blocks if block["flow"] == flow][-1] for blocks in reports.values()]
    return sum(block["kept"] for block in last)
