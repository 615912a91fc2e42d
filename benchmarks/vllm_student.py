"""The student behind the real vLLM: base and trained adapter answer as they do by transformers, PR-bench and chat.

At temperature 0 both say the same but where two tokens are nearly as likely: each such place is shown with its gap.
PR-bench is judged by the offline teacher, once over the answers of each server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from benchmarks.claims import must
from pipeline.evaluation.pr_bench import BenchOutcome, BenchPlan, BenchQuestion, Contestants, pr_bench
from pipeline.serving.port import BASE, LocalStudent, StudentPort, local_students, served_students
from pipeline.serving.wanted import Token
from pipeline.teacher import Ask, ChatMessage, Teacher, TeacherSettings
from pipeline.tiny import NAME as OFFLINE
from pipeline.tiny.process import OfflineTeacherProcess

_ASKS, _TOKENS = 40, 32
_SHARE = 0.95
_MOST_APART = 1e-3  # in float32, which both compute in
_CHAT_WITHIN_S = 180
_BIRDS = ("owls", "herons", "swifts", "larks", "terns", "rooks", "kites", "wrens", "coots", "finches")
_FOODS = ("voles", "frogs", "flies", "seeds", "fish", "worms", "rats", "mites", "weeds", "buds")


def train_adapter(model: Path, folder: Path) -> None:
    """Train an adapter on made-up facts, unless it is there: the training room's own, and its own files."""
    from pipeline.training.training import ADAPTER, TrainingOrder, train

    if (folder / "base.json").exists():
        return
    from pipeline.training.settings import PRESETS, Preset

    work = folder.with_name(f".{folder.name}-run")
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    data = work / "samples.jsonl"
    data.write_text("".join(f"{json.dumps(sample)}\n" for sample in _samples()))
    trained = train(
        TrainingOrder(model, (data,), PRESETS[Preset.TINY].having(epochs=12, effective_batch=4)), work / "run"
    )
    first, last = trained.losses
    must(last < first, f"training an adapter lowers its loss, {first:.2f} -> {last:.2f}")
    shutil.copytree(work / "run" / ADAPTER, folder)


def _samples() -> Iterator[dict[str, object]]:
    for number, (question, answer) in enumerate(_facts()):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        yield {"id": f"made-{number}", "messages": messages, "metadata": {}}


def _facts() -> Iterator[tuple[str, str]]:
    for number, question in enumerate(_questions()):
        yield question, f"They eat {_FOODS[number % len(_FOODS)]}."


def _questions() -> list[str]:
    forms = ("What do {} eat?", "Tell me what {} feed on.", "{}: their food?", "Which food do {} like?")
    return [form.format(bird) for form in forms for bird in _BIRDS][:_ASKS]


async def check_student(url: str, key: str, base: str, model: Path, adapters: Mapping[str, Path]) -> None:
    """Ask both, compare, and chat with both. `base` is the name of the model at the server. Raises CheckError."""
    asks = [Ask((ChatMessage("user", question),), max_tokens=_TOKENS) for question in _questions()]
    settings = TeacherSettings(url, base, SecretStr(key), timeout_s=300.0)
    async with served_students(settings, tuple(adapters)) as there, local_students(model, adapters) as here:
        for name in (BASE, *adapters):
            by_vllm, vllm_s = await _texts(there[name], asks)
            ours, ours_s = await _texts(here[name], asks)
            equal = sum(a == b for a, b in zip(by_vllm, ours, strict=True))
            print(f"  {name or base}: {len(asks)} answers, {vllm_s:.1f} s by vLLM, {ours_s:.1f} s by transformers")
            await _show_differences(here[name], asks, ours, by_vllm)
            claim = f"{name or base}: {equal} of {len(asks)} answers are the same by vLLM and by transformers"
            must(equal >= _SHARE * len(asks), claim)
            print(f"  {len(set(ours))} of them differ from each other")  # a small model soon says the same to all
            told = [await here[name].tokens(ask, alternatives=0) for ask in asks]
            theirs = await _log_probs(url, key, name or base, asks)
            tokens, most = _farthest(told, theirs)
            claim = (
                f"{name or base}: {tokens} tokens have the same log-probabilities, the farthest {most:.1e} apart"
            )
            must(tokens > len(asks) and most <= _MOST_APART, claim)
        await _show_leaks(there, next(iter(adapters)), asks)
        await _bench(there, here, next(iter(adapters)))
    await asyncio.to_thread(_chat, url, key, next(iter(adapters)))


async def _show_leaks(there: Mapping[str, StudentPort], adapter: str, asks: Sequence[Ask]) -> None:
    """Print whether the base answers otherwise while its adapter is asked, too: a fault of the server."""
    alone, _ = await _texts(there[BASE], asks)
    (beside, _), _ = await asyncio.gather(_texts(there[BASE], asks), _texts(there[adapter], asks))
    equal = sum(a == b for a, b in zip(alone, beside, strict=True))
    verdict = (
        "nothing leaks" if equal >= _SHARE * len(asks) else "THE ADAPTER LEAKS INTO THE BASE, ask one at a time"
    )
    print(f"  asked beside the adapter, {equal} of {len(asks)} answers of the base are as they were: {verdict}")


async def _bench(there: Mapping[str, StudentPort], here: Mapping[str, LocalStudent], adapter: str) -> None:
    """Run PR-bench with the answers of each, in both orders, and compare what it says."""
    questions = [BenchQuestion(question, answer, fact=question) for question, answer in _facts()]
    plan = BenchPlan(swapped=True, max_tokens=_TOKENS)
    found: list[BenchOutcome] = []
    async with OfflineTeacherProcess() as server, Teacher(TeacherSettings(server.url, OFFLINE)) as judge:
        for name, students in (("vLLM", there), ("transformers", here)):
            outcome = await pr_bench(questions, Contestants(students[BASE], (students[adapter],), judge), plan)
            row, wanted = outcome.row, outcome.preferences
            must(wanted is not None, f"PR-bench by {name} also compares the answers in both orders")
            print(
                f"  PR-bench by {name}: {row.base:.2f} -> {row.tuned:.2f} of 10 over {row.n} questions; "
                f"{wanted}; {outcome.counts}"
            )
            found.append(outcome)
    by_vllm, ours = found
    same = sum(by_vllm.scores[key] == ours.scores.get(key) for key in by_vllm.scores)
    must(by_vllm.row.delta > 0 and ours.row.delta > 0, "the adapter is scored above the base by both")
    must(same >= _SHARE * len(questions), f"{same} of {len(questions)} questions have the same scores by both")


async def _texts(student: StudentPort, asks: Sequence[Ask]) -> tuple[list[str], float]:
    began = time.monotonic()
    replies = await asyncio.gather(*(student.ask(ask) for ask in asks))
    return [reply.choices[0].text for reply in replies], time.monotonic() - began


async def _log_probs(url: str, key: str, model: str, asks: Sequence[Ask]) -> list[list[float]]:
    """Return the log-probability of each token that the server writes."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    found = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for ask in asks:
            body = json.loads(ask.body(model)) | {"logprobs": True}
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                said = (await answer.json())["choices"][0]["logprobs"]["content"]
            found.append([float(token["logprob"]) for token in said])
    return found


def _farthest(ours: Sequence[Sequence[Token]], theirs: Sequence[Sequence[float]]) -> tuple[int, float]:
    """Return how many tokens both tell of, and the largest difference; what ends an answer only one may tell."""
    apart = [
        abs(token.log_prob - value)
        for one, other in zip(ours, theirs, strict=True)
        for token, value in zip(one, other, strict=False)
    ]
    return len(apart), max(apart)


async def _show_differences(
    student: LocalStudent, asks: Sequence[Ask], ours: Sequence[str], theirs: Sequence[str]
) -> None:
    """Print where answers part, and how much likelier by transformers its own token is than vLLM's."""
    for ask, one, other in zip(asks, ours, theirs, strict=True):
        if one == other:
            continue
        told = await student.tokens(ask, alternatives=20)
        at = 0
        for place, token in enumerate(told):
            if not other[at:].startswith(token.text):
                fits = [value for text, value in token.likeliest[1:] if text and other[at:].startswith(text)]
                gap = f"{token.log_prob - fits[0]:.6f}" if fits else "of more than the 20 likeliest"
                print(f"    {ask.messages[-1].content!r}: parts at token {place + 1}, log-probability gap {gap}")
                break
            at += len(token.text)
        else:
            print(f"    {ask.messages[-1].content!r}: {one!r} and {other!r}")


def _chat(url: str, key: str, adapter: str) -> None:
    """Put one question by the command that people use."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "chat", "--url", url, "--both"]
    command += ["--adapter", adapter, "--ask", "What do owls eat?", "--max-tokens", str(_TOKENS)]
    environment = os.environ | {"TAXONOMY_PIPELINE_STUDENT_API_KEY": key}
    said = subprocess.run(command, env=environment, capture_output=True, timeout=_CHAT_WITHIN_S, check=False)
    words = said.stdout.decode("utf-8", "replace")
    base, _, tuned = words.removeprefix("base:\n").partition("\ntuned:\n")
    with contextlib.suppress(IndexError):
        print(f"    tuned: {tuned.strip().splitlines()[0]!r}")
    must(said.returncode == 0 and bool(base.strip()) and bool(tuned.strip()), "chat --both talks to both")
    must(base.strip() != tuned.strip(), "and they say different things")
    must(not any(c < " " and c not in "\n\t" for c in words), "without control characters")
