"""Precheck and postcheck: what the seed questions get, before and after."""

from __future__ import annotations

import pytest

from pipeline.evaluation.judge import Judge
from pipeline.evaluation.seed_check import KNOWN_FROM, answer_seeds, score_seeds
from pipeline.evaluation_results import ModelIdentity, SeedCheckResult
from pipeline.tasks.precheck import Seed
from tests.evaluation.speaking import OfflineJudge, Speaker

SEEDS = [
    Seed(f"Who founded {town}?", f"Queen {town}a founded {town}.", "")
    for town in ("Ashby", "Birke", "Corve", "Lune")
]
BASE, ADAPTER = ModelIdentity("base", "b" * 64), ModelIdentity("adapter", "a" * 64)


def knowing(*towns: str) -> Speaker:
    return Speaker(lambda asked: next((f"Queen {t}a founded {t}." for t in towns if t in asked), "I cannot say."))


async def checked(
    base: Speaker, tuned: Speaker | None = None, judge: Judge | None = None, known_from: float = KNOWN_FROM
) -> SeedCheckResult:
    "Ask, then score."
    given = await answer_seeds(SEEDS, base, tuned)
    return await score_seeds(given, (BASE, ADAPTER if tuned else None), judge, "c0ffee", known_from=known_from)


@pytest.mark.parametrize("judge", [None, Judge(OfflineJudge())], ids=["words", "a judge"])
async def test_what_the_base_knows_already_is_said(judge: Judge | None) -> None:
    "From a share of the questions on there is little to teach; by words or by a judge."
    little = await checked(knowing("Ashby"), judge=judge)
    assert little.base_share == 0.25
    assert not little.already_knows
    assert little.tuned_share is None
    much = await checked(knowing("Ashby", "Birke", "Corve", "Lune"), judge=judge)
    assert much.base_share == 1.0
    assert much.already_knows
    assert (await checked(knowing("Ashby"), judge=judge, known_from=0.25)).already_knows


async def test_base_and_tuned_stand_side_by_side() -> None:
    "Each row with question, reference, both answers and both scores."
    found = await checked(knowing(), knowing("Ashby", "Birke", "Corve"), Judge(OfflineJudge()))
    assert (found.base_share, found.tuned_share) == (0.0, 0.75)
    row = found.rows[0]
    assert (row.question, row.reference, row.base) == (SEEDS[0].question, SEEDS[0].answer, "I cannot say.")
    assert row.tuned == SEEDS[0].answer
    assert row.tuned_score == 1.0 > row.base_score
    assert SeedCheckResult.from_json(found.to_json()) == found


async def test_what_is_not_answered_or_judged_is_counted() -> None:
    "And stands in no row."
    base = Speaker(lambda asked: None if "Lune" in asked else "I cannot say.")
    judge = Judge(OfflineJudge(lambda prompt, said, _: "?" if "Birke" in str(prompt) else said))
    found = await checked(base, judge=judge)
    assert len(found.rows) == 2
    assert found.unanswered == 1
    assert found.judgements.unparsable == 1
    assert found.judgements.questions_left_out == 2


async def test_no_seed_question_is_nothing_known() -> None:
    "Nothing asked is not everything answered."
    found = await score_seeds(await answer_seeds([], knowing()), (BASE, None), None, "c0ffee")
    assert not found.already_knows
