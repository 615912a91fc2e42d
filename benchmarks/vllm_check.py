"""The teacher client, `serve-teacher` and a whole `generate` against the real vLLM, on a CPU: `make vllm-check`.

What a model with random weights says is noise: only that it is asked, answers, is counted and ended properly is
checked, and that no noise passes for more than it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import replace

from pydantic import SecretStr

from benchmarks.claims import CheckError, must
from benchmarks.vllm_generate import check_generate
from benchmarks.vllm_metrics import ServerMetrics
from benchmarks.vllm_server import ADAPTED, FOLDER, KEY, MODEL, NAME, TRAINED, served, set_up
from benchmarks.vllm_student import check_student, train_adapter
from pipeline.teacher import Ask, AskError, ChatMessage, Reply, ReplyCache, Teacher, TeacherError, TeacherSettings

_ASKS, _CHOICES, _MOST_TOKENS = 20, 2, 48


def main() -> None:
    """Set up what is missing, run everything and print what was found."""
    began = time.monotonic()
    try:
        set_up()
        train_adapter(MODEL, TRAINED)
        print(f"set up after {time.monotonic() - began:.0f} s", flush=True)
        with served() as server:
            asyncio.run(check(server.url))
            asyncio.run(check_generate(server, FOLDER / "generate"))
            asyncio.run(check_student(server.url, KEY, NAME, MODEL, {TRAINED.name: TRAINED}))
        print(
            f"the server was ended with everything it had started; all of it took {time.monotonic() - began:.0f} s"
        )
    except CheckError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


async def check(url: str) -> None:
    """Ask in several ways and compare."""
    settings = TeacherSettings(url, NAME, SecretStr(KEY), timeout_s=300.0)
    asks = [_an_ask(number) for number in range(_ASKS)]
    (FOLDER / "cache").unlink(missing_ok=True)
    with ReplyCache(FOLDER / "cache") as cache:
        first, took_s, teacher = await _answered(settings, asks, cache)
        must(teacher.counters.requests == _ASKS, "one request gives several choices: n is supported")
        again, _, teacher = await _answered(settings, asks, cache)
        must(teacher.counters.requests == 0, "the second time everything comes from the cache")
        must(_texts(again) == _texts(first), "and is the same")
    for how, anew in (("again", settings), ("one by one", replace(settings, supports_n=False))):
        other, _, _ = await _answered(anew, asks)
        equal = sum(a == b for a, b in zip(_texts(first), _texts(other), strict=True))
        print(f"  {equal} of {_ASKS} have the same choices when asked {how}")
    must(all(len(reply.choices) == _CHOICES for reply in first), f"{_CHOICES} choices each")
    must(len({reply.choices[0].text for reply in first}) > _ASKS // 2, "different seeds give different answers")
    must(all(reply.choices[0].text != reply.choices[1].text for reply in first), "choices of one ask differ")
    must(all(0 < reply.completion_tokens <= _MOST_TOKENS * _CHOICES for reply in first), "tokens are counted")
    must(any(choice.is_cut for reply in first for choice in reply.choices), "cut answers are known")
    print(f"  {_ASKS} asks in {took_s:.1f} s, {sum(r.completion_tokens for r in first) / took_s:.0f} tokens/s")
    await _usage(settings)
    await _stops(settings)
    await _cold(settings)
    await _adapters(settings)
    await _cancellation(settings)
    await _refusals(settings)


async def _usage(settings: TeacherSettings) -> None:
    metrics = ServerMetrics(settings.url)
    before = await metrics.rested()
    _, _, teacher = await _answered(settings, [_an_ask(1000 + number) for number in range(_ASKS)])
    server = (await metrics.rested()).since(before)
    ours = (teacher.counters.prompt_tokens, teacher.counters.completion_tokens)
    claim = f"our token counters are the server's: {ours[0]} + {ours[1]}"
    must(ours[1] == server.completion_tokens and server.prompt_tokens in (ours[0], ours[0] * _CHOICES), claim)


async def _stops(settings: TeacherSettings) -> None:
    asks = [_an_ask(number) for number in range(_ASKS)]
    whole, _, _ = await _answered(settings, asks)
    stopped, _, _ = await _answered(settings, [replace(ask, stop=("a", "e")) for ask in asks])
    texts = [choice.text for reply in stopped for choice in reply.choices]
    must(not any("a" in text or "e" in text for text in texts), "an answer ends before the words that stop it")
    fewer = sum(reply.completion_tokens for reply in stopped) < sum(reply.completion_tokens for reply in whole)
    must(fewer, "and costs fewer tokens")


async def _cancellation(settings: TeacherSettings) -> None:
    metrics = ServerMetrics(settings.url)
    before = await metrics.rested()
    async with Teacher(settings) as teacher:
        asks = [replace(_an_ask(number), max_tokens=6000, n=1) for number in range(8)]
        asking = [asyncio.create_task(teacher.ask(replace(ask, stop=("\0",)))) for ask in asks]
        await metrics.busy()
        for task in asking:
            task.cancel()
        ended = await asyncio.gather(*asking, return_exceptions=True)
    cancelled = sum(isinstance(end, asyncio.CancelledError) for end in ended)
    after = (await metrics.rested(10)).since(before)
    must(cancelled > 0, f"asks can be called off: {cancelled} of {len(asks)}")
    must(after.completion_tokens < 6000, "and the server stops its work on them")


async def _cold(settings: TeacherSettings) -> None:
    asks = [replace(_an_ask(number), temperature=0.0, n=1) for number in range(4)]
    first, _, _ = await _answered(settings, asks)
    other, _, _ = await _answered(settings, [replace(ask, seed=ask.seed + 1) for ask in asks])
    must(_texts(first) == _texts(other), "at temperature 0 another seed changes nothing: a second try is warmer")


async def _adapters(settings: TeacherSettings) -> None:
    asks = [replace(_an_ask(number), temperature=0.0, n=1) for number in range(4)]
    plain, _, _ = await _answered(settings, asks)
    adapted, _, _ = await _answered(replace(settings, model=ADAPTED), asks)
    must(_texts(plain) != _texts(adapted), "a LoRA adapter is served under its own name and changes the answers")


async def _refusals(settings: TeacherSettings) -> None:
    async with Teacher(settings) as teacher:
        with contextlib.suppress(AskError):
            await teacher.ask(Ask((ChatMessage("user", "owl " * 9000),)))
            raise CheckError("A prompt that is too long was answered.")
    print("  ok: a prompt that is too long is refused as one ask")
    wrong = TeacherSettings(settings.url, NAME, SecretStr("another key"))
    async with Teacher(wrong) as teacher:
        try:
            await teacher.ask(_an_ask(0))
        except TeacherError as error:
            must("TEACHER_API_KEY" in str(error), "a wrong key is named as what it is")
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
    return Ask(messages, temperature=0.8, max_tokens=_MOST_TOKENS, n=_CHOICES, seed=1000 * number)


def _texts(replies: list[Reply]) -> list[tuple[str, ...]]:
    return [tuple(choice.text for choice in reply.choices) for reply in replies]


if __name__ == "__main__":
    main()
