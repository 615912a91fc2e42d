"""PR-bench: the same questions to both, a judge between them, and no question lost without a word."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.datasets import write_jsonl
from pipeline.evaluation.pr_bench import (
    BenchError,
    BenchPlan,
    BenchQuestion,
    Contestants,
    held_out,
    pr_bench,
)
from pipeline.evaluation_results import JudgementCounts, Preferences, Scale, Verdict
from pipeline.sdg.leaf_run import flows_for, run_leaf
from pipeline.sdg.samples import samples_of
from pipeline.teacher import Teacher, TeacherError, TeacherSettings
from pipeline.teacher_messages import Ask, Choice, Reply
from pipeline.tiny.server import OfflineTeacher as OfflineServer
from tests.evaluation.speaking import OfflineJudge, Say, Speaker
from tests.sdg.leaves import a_freeform_skill
from tests.sdg.offline import OfflineTeacher

TOWNS = (
    "Ashby",
    "Birke",
    "Corve",
    "Dunmor",
    "Elsbeck",
    "Fenwold",
    "Garth",
    "Holme",
    "Ilkley",
    "Jarrow",
    "Kirk",
    "Lune",
)


def questions(count: int = 12) -> list[BenchQuestion]:
    return [BenchQuestion(f"Who founded {town}?", f"Queen {town}a founded {town}.") for town in TOWNS[:count]]


def knowing(*towns: str) -> Say:
    "A model that knows these towns."
    return lambda asked: next((f"Queen {t}a founded {t}." for t in towns if t in asked), "I cannot say.")


def contestants(base: Say, tuned: Say, judge: OfflineJudge | None = None) -> Contestants:
    return Contestants(Speaker(base), [Speaker(tuned)], judge or OfflineJudge())


async def test_models_of_one_server_are_asked_one_after_the_other() -> None:
    "A server that lets the adapter it serves leak into what the base answers beside it spoils nothing."
    under_way: Counter[str] = Counter()

    class Leaking:
        def __init__(self, name: str, say: Say) -> None:
            self._name, self._say = name, say

        async def ask(self, ask: Ask) -> Reply:
            under_way[self._name] += 1
            await asyncio.sleep(0.001)
            say = knowing(*TOWNS) if under_way["tuned"] else self._say
            under_way[self._name] -= 1
            return Reply((Choice(say(ask.messages[-1].content) or "", is_cut=False),), 10, 5, from_cache=False)

    base, tuned = Leaking("base", knowing()), Leaking("tuned", knowing(*TOWNS))
    found = await pr_bench(questions(), Contestants(base, [tuned, tuned], OfflineJudge()))
    assert found.row.base < 4
    assert found.row.tuned == 10


async def test_what_was_learnt_shows() -> None:
    "Mean scores, their difference and its interval; every question side by side."
    found = await pr_bench(questions(), contestants(knowing(*TOWNS[:2]), knowing(*TOWNS)))
    row = found.row
    assert (row.name, row.scale, row.n, row.facts) == ("PR-bench", Scale.SCORE, 12, 12)
    assert row.tuned == 10
    assert row.base < 4
    assert row.delta == pytest.approx(row.tuned - row.base)
    assert row.low > 0
    assert row.verdict is Verdict.IMPROVED
    assert found.counts == JudgementCounts(made=24)
    assert [side.question for side in found.sides] == [question.question for question in questions()]
    assert found.sides[5].tuned_score == 10 > found.sides[5].base_score
    assert found.preferences is None


async def test_every_training_is_asked_and_judged() -> None:
    "The base once, the others each: the mean of all counts, and what they differ by widens the interval."
    base, good, poor = (Speaker(knowing(*towns)) for towns in (TOWNS[:2], TOWNS, TOWNS[:4]))
    judge = OfflineJudge()
    alone = await pr_bench(questions(), Contestants(base, [good], judge))
    assert len(judge.asked) == 24
    found = await pr_bench(questions(), Contestants(base, [good, poor, good], judge), BenchPlan(swapped=True))
    assert (alone.row.runs, found.row.runs) == (1, 3)
    each = [scores for _, scores in sorted(found.scores.items())]
    assert all(scores.keys() == {"base", "tuned", "tuned_2", "tuned_3"} for scores in each)
    deltas = [sum(s[name] - s["base"] for s in each) / 12 for name in ("tuned", "tuned_2", "tuned_3")]
    assert found.row.delta == pytest.approx(sum(deltas) / 3)
    assert found.row.high - found.row.low > 2 * (alone.row.high - alone.row.low)
    assert [side.tuned_score for side in found.sides] == [side.tuned_score for side in alone.sides]
    assert found.preferences is not None
    assert found.preferences.tuned == 10 + 2 + 10
    assert found.preferences.neither == 2 + 10 + 2


async def test_a_question_counts_where_every_training_answered_it() -> None:
    "So that all are compared on the same ones; what one of them left out is counted."
    knows = knowing(*TOWNS)
    lazy = Speaker(lambda asked: None if "Kirk" in asked else knows(asked))
    found = await pr_bench(questions(), Contestants(Speaker(knowing()), [Speaker(knows), lazy], OfflineJudge()))
    assert (found.row.n, found.row.runs, found.counts.questions_left_out) == (11, 2, 1)
    assert "1 of 12 questions were not answered by all models" in found.row.note


async def test_what_was_unlearnt_shows() -> None:
    "The other way round."
    found = await pr_bench(questions(), contestants(knowing(*TOWNS), knowing()))
    assert found.row.verdict is Verdict.REGRESSED


async def test_a_few_questions_tell_nothing() -> None:
    "However clear they look."
    found = await pr_bench(questions(6), contestants(knowing(), knowing(*TOWNS)))
    assert found.row.verdict is Verdict.TOO_FEW


async def test_answers_are_compared_in_both_orders() -> None:
    "On request, beside the scores."
    both = contestants(knowing("Ashby"), knowing("Ashby", "Birke", "Corve"))
    found = await pr_bench(questions(4), both, BenchPlan(swapped=True))
    assert found.preferences == Preferences(tuned=2, base=0, neither=2)
    assert found.counts.made == 4 * 2 + 4 * 2


async def test_questions_without_answers_are_counted() -> None:
    "By either model, and left out of both; many of them, and nothing is said."
    base = knowing()
    few = await pr_bench(questions(), contestants(base, lambda q: None if "Kirk" in q else knowing(*TOWNS)(q)))
    assert few.row.n == 11
    assert few.counts.questions_left_out == 1
    assert "1 of 12 questions" in few.row.note
    assert few.row.verdict is Verdict.IMPROVED
    lost = TOWNS[:2]
    many = await pr_bench(
        questions(), contestants(base, lambda q: None if any(t in q for t in lost) else knowing(*TOWNS)(q))
    )
    assert many.row.n == 10
    assert many.row.verdict is Verdict.TOO_FEW


async def test_judgements_that_fail_are_counted_and_left_out() -> None:
    "A question is compared by both answers or by none."

    def spoil(prompt: object, said: str, _: int) -> str | None:
        return "[[1]] and [[2]]" if "Lune" in str(prompt) and "10" in said else said

    found = await pr_bench(questions(), contestants(knowing(), knowing(*TOWNS), OfflineJudge(spoil)))
    assert found.row.n == 11
    assert found.counts.contradictory == 1
    assert found.counts.made == 23
    assert found.counts.questions_left_out == 1
    assert "Lune" not in "".join(side.question for side in found.sides)


async def test_when_nothing_is_judged_nothing_is_compared() -> None:
    "An error, not a zero."
    with pytest.raises(BenchError, match="none was answered"):
        await pr_bench(questions(), contestants(knowing(), knowing(), OfflineJudge(lambda *_: "?")))
    with pytest.raises(TeacherError, match="answered none"):
        await pr_bench(questions(), contestants(knowing(), lambda _: None))


def test_the_same_question_about_something_else_is_another() -> None:
    "Ids are of question and context."
    one, other = BenchQuestion("How many?", "4", "| a | 4 |"), BenchQuestion("How many?", "5", "| a | 5 |")
    assert one.id != other.id
    assert one.id == BenchQuestion("How many?", "another", "| a | 4 |").id


async def test_questions_are_those_that_were_kept_from_training(tmp_path: Path) -> None:
    "Seed examples held back first, then what was generated from them; nothing that is trained on."
    lesson = a_freeform_skill()
    made = await run_leaf(lesson, flows_for(lesson), OfflineTeacher().models, 1)
    rows = list(samples_of(made, "offline"))
    write_jsonl(tmp_path / "samples.jsonl", rows)
    found = held_out(tmp_path / "samples.jsonl")
    trained = {r["messages"][0]["content"] for r in rows if r["metadata"]["split"] == "train"}
    seed = next(seed for seed in lesson.seeds if seed.split == "test")
    assert found[0].question == seed.pairs[0].question
    assert len(found) > 5
    assert not trained & {question.question for question in found}
    write_jsonl(tmp_path / "none.jsonl", [r for r in rows if r["metadata"]["split"] == "train"])
    with pytest.raises(BenchError, match="kept from training"):
        held_out(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"messages": "no"},
        {"messages": [7, None]},
        {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": None}]},
        {"messages": [{"role": "user", "content": "\ud800"}, {"role": "assistant", "content": "Ana."}]},
        {},
    ],
)
def test_a_sample_that_asks_nothing_is_named(tmp_path: Path, spoilt: dict[str, object]) -> None:
    "Whatever stands where question and answer should; odd metadata is of no split."
    odd: list[dict[str, object]] = [{"metadata": ["test"]}, {"metadata": None}]
    write = (tmp_path / "samples.jsonl").write_text
    write("".join(json.dumps(row) + "\n" for row in (*odd, spoilt | {"id": "s7", "metadata": {"split": "test"}})))
    with pytest.raises(BenchError, match="'s7' has no question"):
        held_out(tmp_path / "samples.jsonl")


async def test_over_a_server_whose_judge_errs() -> None:
    "Two models and a judge behind OpenAI's protocol; a third of the judgements come garbled, none is lost."
    async with OfflineServer(faults=["rating:0.3"], models=["base", "tuned", "judge"]) as server:
        settings = {name: TeacherSettings(server.url, name) for name in ("base", "tuned", "judge")}
        async with (
            Teacher(settings["base"]) as base,
            Teacher(settings["tuned"]) as tuned,
            Teacher(settings["judge"]) as judge,
        ):
            found = await pr_bench(questions(), Contestants(base, [tuned], judge), BenchPlan(repeats=2))
    assert found.row.n == 12
    assert found.row.delta == pytest.approx(0, abs=1e-9)
    assert found.counts.made + found.counts.failed == 48
    assert 0 < found.counts.failed < found.counts.asked_again < 30
