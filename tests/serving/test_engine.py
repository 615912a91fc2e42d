"""The engine: what a row says depends neither on who else is there, nor on when it came, nor on streaming."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from pipeline.serving.engine import Engine
from pipeline.serving.loading import Loaded
from pipeline.serving.wanted import LineFullError, Wanted

PROMPTS = (
    "What do owls eat?",
    "Owls hunt at night and eat voles, mice and frogs. What do they eat?",
    "Who?",
    "Über den Fluß fliegt die Eule.",
)


def wanted(loaded: Loaded, text: str, adapter: str = "", **more: Any) -> Wanted:
    "An answer to a text at temperature 0."
    given = {"max_tokens": 24, "temperature": 0.0} | more
    return Wanted(adapter, loaded.prompts.plain(text), **given)


async def answers(engine: Engine, asked: Sequence[Wanted]) -> list[str]:
    "The whole answers."
    texts = [""] * len(asked)
    async with contextlib.aclosing(engine.write(asked)) as pieces:
        async for index, piece in pieces:
            texts[index] += piece.text
    return texts


def by_transformers(loaded: Loaded, text: str, adapter: str) -> str:
    "What transformers' own loop writes, for one prompt alone."
    ids = torch.tensor([loaded.prompts.plain(text)])
    loaded.wear(adapter)
    out = loaded.model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False, pad_token_id=0
    )
    return str(loaded.decoder.decode(out[0, ids.shape[1] :], skip_special_tokens=True))


async def test_alone_batched_and_by_transformers_it_is_the_same_text(loaded: Loaded) -> None:
    "Base and adapters, prompts of different lengths: each says alone what it says among all others."
    expected = [by_transformers(loaded, text, name) for name in ("", "owls", "bees") for text in PROMPTS]
    asked = [wanted(loaded, text, name) for name in ("", "owls", "bees") for text in PROMPTS]
    with Engine(loaded, slots=12) as engine:
        together = await answers(engine, asked)
        alone = [(await answers(engine, [one]))[0] for one in asked]
        assert engine.most_at_once == 12
    assert together == alone == expected
    assert len(set(expected)) == len(expected), "adapters that change nothing would prove nothing"


async def test_who_comes_later_joins_and_disturbs_nobody(loaded: Loaded, engine: Engine) -> None:
    "A row that is half written goes on with the same words when others join it."
    first = wanted(loaded, PROMPTS[1], max_tokens=60, is_streamed=True)
    alone = (await answers(engine, [first]))[0]
    text, others = "", None
    async with contextlib.aclosing(engine.write([first])) as pieces:
        async for _, piece in pieces:
            text += piece.text
            if others is None:
                others = asyncio.create_task(answers(engine, [wanted(loaded, PROMPTS[0]), wanted(loaded, "Who?")]))
    assert others is not None
    assert text == alone
    assert await others == [(await answers(engine, [wanted(loaded, t)]))[0] for t in (PROMPTS[0], "Who?")]


async def test_more_than_there_are_places_wait_and_are_answered(loaded: Loaded, engine: Engine) -> None:
    "Four places, sixteen answers of three models."
    asked = [wanted(loaded, PROMPTS[at % 4], ("", "owls", "bees")[at % 3]) for at in range(16)]
    found = await answers(engine, asked)
    assert engine.most_at_once == 4
    assert found == [(await answers(engine, [one]))[0] for one in asked]


async def test_the_same_seed_draws_the_same_in_any_company(loaded: Loaded, engine: Engine) -> None:
    "Chance belongs to the row: its seed alone decides."
    hot = wanted(loaded, "Who?", temperature=1.0, seed=5)
    alone = (await answers(engine, [hot]))[0]
    company = [wanted(loaded, text, temperature=1.0, seed=number) for number, text in enumerate(PROMPTS[:3])]
    assert (await answers(engine, [*company, hot]))[3] == alone
    other = wanted(loaded, "Who?", temperature=1.0, seed=6)
    assert (await answers(engine, [other]))[0] != alone


async def test_who_hangs_up_leaves_the_place_at_once(loaded: Loaded, engine: Engine) -> None:
    "Four endless answers are given up; the next one does not wait for their end."
    long = [wanted(loaded, "Who?", max_tokens=240, is_streamed=True) for _ in range(4)]
    pieces = engine.write(long)
    await anext(pieces)
    written = 0
    await pieces.aclose()
    async with asyncio.timeout(5):
        while engine.at_work:
            await asyncio.sleep(0.001)
            written += 1
    assert (await answers(engine, [wanted(loaded, "Who?", max_tokens=4)]))[0]


async def test_a_line_that_is_full_takes_nobody_more(loaded: Loaded) -> None:
    "More than may wait are refused, and those who wait are not disturbed."
    with Engine(loaded, slots=1, line=2) as engine:
        with pytest.raises(LineFullError):
            await answers(engine, [wanted(loaded, "Who?")] * 3)
        assert len(await answers(engine, [wanted(loaded, "Who?")] * 2)) == 2


async def test_stops_end_an_answer_and_are_no_part_of_it(loaded: Loaded, engine: Engine) -> None:
    "Also where a stop spans tokens, and streamed as well: nothing of it slips out."
    whole = (await answers(engine, [wanted(loaded, PROMPTS[0], max_tokens=40)]))[0]
    for stop in (whole[7:11], whole[3], whole[5:6] + whole[6:14]):
        expected = whole[: whole.index(stop)]
        for is_streamed in (False, True):
            asked = wanted(loaded, PROMPTS[0], max_tokens=40, stop=(stop, "never said"), is_streamed=is_streamed)
            assert await answers(engine, [asked]) == [expected]


async def test_log_probabilities_are_those_of_the_model(loaded: Loaded, engine: Engine) -> None:
    "Told for each token; at temperature 0 the chosen one is the likeliest, and the numbers are the model's."
    asked = wanted(loaded, PROMPTS[0], max_tokens=6, alternatives=3)
    told = [token async for _, piece in engine.write([asked]) for token in piece.told]
    assert len(told) == 6
    assert all(token.log_prob == token.likeliest[0][1] and len(token.likeliest) == 3 for token in told)
    loaded.wear("")
    with torch.inference_mode():
        logits = loaded.model(input_ids=torch.tensor([asked.prompt])).logits[0, -1]
    assert told[0].log_prob == pytest.approx(float(logits.log_softmax(-1).max()), abs=1e-4)
